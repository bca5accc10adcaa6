"""The SDK of OpenStack, as Ansible's modules use it as well."""

import openstack
import pytest

from tests.system.cloud import Cloud, Engines
from tests.system.compute.conftest import Compute, Container, removed


def test_cloud_layer(
    user: Compute, cloud: Cloud, image: str, name: str
) -> None:
    conn = user.connection
    with removed(cloud, name):
        made = conn.create_server(
            name,
            image=image,
            flavor="c1.tiny",
            meta={"role": "web"},
            wait=True,
            timeout=30,
        )
        assert made.status == "ACTIVE"
        [address] = made.addresses["caas"]
        assert address["OS-EXT-IPS:type"] == "fixed"
        found = conn.get_server(name)
        assert found.id == made.id
        assert made.id in {each.id for each in conn.list_servers()}
        conn.set_server_metadata(made.id, {"more": "1"})
        conn.delete_server_metadata(made.id, ["role"])
        assert conn.get_server(made.id).metadata == {"more": "1"}
        assert conn.update_server(made.id, description="x").name == name
        assert conn.delete_server(name, wait=True, timeout=30)
        assert cloud.show(made.id) is None
        assert conn.get_server(name) is None


def test_compute_layer(
    user: Compute, engines: Engines, server: str, name: str
) -> None:
    compute = user.connection.compute
    assert compute.find_server(name).id == server
    [listed] = compute.servers(name=name)
    assert listed.id == server
    pid = Container(engines, server).pid

    def wait(status: str) -> None:
        compute.wait_for_server(
            compute.get_server(server), status, interval=0.1, wait=30
        )

    compute.stop_server(server)
    wait("SHUTOFF")
    compute.start_server(server)
    wait("ACTIVE")
    assert Container(engines, server).pid != pid
    pid = Container(engines, server).pid
    compute.pause_server(server)
    wait("PAUSED")
    compute.unpause_server(server)
    wait("ACTIVE")
    compute.resize_server(server, compute.find_flavor("c1.small").id)
    wait("VERIFY_RESIZE")
    compute.confirm_server_resize(server)
    assert compute.get_server(server).status == "ACTIVE"
    assert Container(engines, server).pid == pid

    compute.get_server(server).set_tags(compute, ["blue", "red"])
    assert compute.get_server(server).tags == ["blue", "red"]
    [attached] = compute.volume_attachments(server)
    assert attached.device == "/containers/main"
    with pytest.raises(openstack.exceptions.ConflictException) as refused:
        compute.resume_server(server)
    assert "Cannot 'resume' instance" in str(refused.value)
    with pytest.raises(openstack.exceptions.NotFoundException):
        compute.get_server(name)


def test_pages_and_filters(
    user: Compute, cloud: Cloud, image: str, name: str
) -> None:
    conn = user.connection
    with removed(cloud, f"{name}-1"), removed(cloud, f"{name}-2"):
        conn.compute.create_server(
            name=name,
            image_id=image,
            flavor_id=conn.compute.find_flavor("c1.tiny").id,
            networks="auto",
            min_count=2,
            max_count=2,
        )
        listed = list(conn.compute.servers(name=name, limit=1))
        assert {s.name for s in listed} == {f"{name}-1", f"{name}-2"}
        for each in listed:
            user.reach(each.id, "ACTIVE", {"BUILD"})
        [last] = conn.compute.servers(name=f"^{name}-2$", status="ACTIVE")
        assert last.name == f"{name}-2"


def test_around_servers(user: Compute, operator: Compute, name: str) -> None:
    conn = user.connection
    made = conn.create_keypair(name)
    try:
        assert "PRIVATE KEY" in made.private_key
        assert conn.get_keypair(name).fingerprint == made.fingerprint
    finally:
        assert conn.delete_keypair(name)
    assert conn.list_availability_zone_names() == ["default"]
    limits = conn.get_compute_limits()
    assert limits.max_total_instances > 0
    assert {f.name for f in conn.list_flavors()} >= {"c1.tiny", "c1.small"}
    admin = operator.connection
    [host, *_] = admin.list_hypervisors()
    assert host.hypervisor_type == "docker"
    quota = admin.get_compute_quotas(conn.current_project_id)
    assert quota.instances == limits.max_total_instances
