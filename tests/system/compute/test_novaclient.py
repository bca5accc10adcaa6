"""python-novaclient, as Heat uses it, and its ``nova`` command."""

import pytest
from novaclient import client, exceptions

from tests.system.cloud import Cloud, Engines, wait_for
from tests.system.compute.conftest import (
    REGION,
    Compute,
    Container,
    removed,
)


def test_a_server_and_its_life(
    user: Compute, cloud: Cloud, engines: Engines, image: str, name: str
) -> None:
    nova = client.Client(
        "2.96", session=user.connection.session, region_name=REGION
    )

    def reach(server: str, status: str) -> None:
        wait_for(status, lambda: nova.servers.get(server).status == status, 30)

    [tiny] = [f for f in nova.flavors.list() if f.name == "c1.tiny"]
    with removed(cloud, name):
        made = nova.servers.create(
            name, image, tiny, meta={"role": "web"}, nics="auto"
        )
        reach(made.id, "ACTIVE")
        assert nova.servers.find(name=name).id == made.id
        [listed] = nova.servers.list(search_opts={"name": f"^{name}$"})
        assert listed.metadata == {"role": "web"}
        assert listed.flavor["original_name"] == "c1.tiny"
        assert listed.networks["caas"]
        [port] = nova.servers.interface_list(made.id)
        assert port.fixed_ips[0]["ip_address"] in listed.networks["caas"]

        nova.servers.set_meta(made.id, {"more": "1"})
        nova.servers.delete_meta(made.id, ["role"])
        nova.servers.set_tags(made.id, ["blue"])
        found = nova.servers.get(made.id)
        assert (found.metadata, found.tags) == ({"more": "1"}, ["blue"])
        nova.servers.suspend(made.id)
        reach(made.id, "SUSPENDED")
        assert Container(engines, made.id).frozen
        nova.servers.resume(made.id)
        reach(made.id, "ACTIVE")
        nova.servers.rebuild(made.id, image, description="again")
        assert nova.servers.get(made.id).status in ("REBUILD", "ACTIVE")
        reach(made.id, "ACTIVE")
        assert nova.servers.get(made.id).description == "again"
        nova.servers.delete(made.id)
        cloud.gone(made.id)
        with pytest.raises(exceptions.NotFound):
            nova.servers.get(made.id)


def test_around_servers(user: Compute, operator: Compute) -> None:
    nova = client.Client(
        "2.96", session=operator.connection.session, region_name=REGION
    )
    [host, *_] = nova.hypervisors.list()
    assert nova.hypervisors.get(host.id).state == "up"
    agents = nova.services.list(binary="nova-compute")
    assert host.hypervisor_hostname in {each.host for each in agents}
    limits = {each.name: each.value for each in nova.limits.get().absolute}
    assert limits["maxTotalInstances"] > 0
    [zone, *_] = nova.availability_zones.list(detailed=True)
    assert zone.zoneState["available"]
    demo = user.connection.current_project_id
    nova.quotas.update(demo, instances=7)
    try:
        assert nova.quotas.get(demo).instances == 7
    finally:
        nova.quotas.delete(demo)
    assert nova.quotas.get(demo).instances != 7
