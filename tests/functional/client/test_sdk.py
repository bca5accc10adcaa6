"""``conn.caas`` against the real API."""

import pytest
from openstack import exceptions

SPEC = {
    "flavor": "small",
    "containers": [{"name": "main", "image": "busybox:latest"}],
}


def test_life_of_a_set(connect, small):
    caas = connect()
    told = []
    web = caas.create_set(name="web", **SPEC)
    assert web.status == "BUILD"
    web = caas.wait_for_set(
        web, wait=30, callback=lambda each: told.append(each.status)
    )
    assert told == ["BUILD", "ACTIVE"]
    assert web.addresses == [{"address": "10.89.0.2"}]
    assert caas.find_set("web").id == web.id
    assert caas.find_set(web.id).name == "web"
    assert caas.find_set("other") is None
    changed = caas.update_set(web, metadata={"a": "b"}, name="shop")
    assert (changed.name, changed.metadata) == ("shop", {"a": "b"})
    assert caas.wait_for_set(caas.stop_set(web.id), "SHUTOFF", wait=30)
    assert caas.wait_for_set(caas.start_set(web), wait=30)
    assert caas.wait_for_set(caas.restart_set(web, 3), wait=30)
    assert [c.name for c in caas.containers(web)] == ["infra", "main"]
    assert caas.get_container(web.id, "main").role == "business"
    actions = [event.action for event in caas.events(web)]
    assert actions == [
        "set.restart",
        "set.start",
        "set.stop",
        "set.update",
        "set.create",
    ]
    caas.delete_set(web)
    caas.wait_for_delete_set(web.id, wait=30)
    caas.delete_set(web)
    with pytest.raises(exceptions.NotFoundException):
        caas.delete_set(web, ignore_missing=False)


def test_what_is_handed_into_a_set(connect, small):
    caas = connect()
    key = caas.create_keypair(name="mine")
    files = [{"path": "/etc/motd", "contents": "aGk="}]
    web = caas.create_set(
        name="web",
        user_data="eA==",
        files=files,
        key_name="mine",
        network="none",
        **SPEC,
    )
    assert (web.key_name, web.network) == ("mine", "none")
    for one in (web, web.id):
        assert caas.set_inputs(one) == {
            "user_data": "eA==",
            "files": files,
            "public_key": key.public_key,
        }
    with pytest.raises(exceptions.NotFoundException):
        caas.set_inputs("1b4bcb45-9b2a-4bb8-a2b3-8a5a3bd6ac43")


def test_many(connect, small):
    caas = connect()
    made = caas.create_sets(name="web", min_count=5, **SPEC)
    assert {each.status for each in caas.settle_sets(made, wait=30)} == {
        "ACTIVE"
    }
    # page by page
    names = [each.name for each in caas.sets(limit=2, sort_key="name")]
    assert names == [f"web-{n}" for n in (5, 4, 3, 2, 1)]
    assert len(list(caas.sets(details=False, max_items=3))) == 3
    for each in made[:2]:
        caas.update_set(each, name="same")
    with pytest.raises(exceptions.DuplicateResource):
        caas.find_set("same")


def test_the_reason_of_a_failure(connect, cloud, small):
    cloud.running = {"phase": "failed", "phase_reason": "It exits with 1."}
    caas = connect()
    web = caas.create_set(name="web", **SPEC)
    with pytest.raises(exceptions.ResourceFailure, match="It exits with 1"):
        caas.wait_for_set(web, wait=30)


def test_errors_carry_sentence_and_request_id(connect):
    with pytest.raises(exceptions.BadRequestException) as caught:
        connect().create_set(name="web", **SPEC)
    assert caught.value.details.startswith("There is no flavor with")
    assert caught.value.request_id.startswith("req-")


def test_operators(connect, cloud):
    caas = connect("admin")
    flavor = caas.create_flavor(name="f", vcpus=2, memory_mb=64, disk_gb=1)
    assert caas.update_flavor(flavor, description="d").description == "d"
    assert [f.name for f in caas.flavors()] == ["f"]
    assert caas.find_flavor("f").vcpus == 2
    caas.delete_flavor(flavor.id)
    assert caas.find_flavor("f") is None
    assert caas.update_quota(sets=7).resources["sets"]["limit"] == 7
    caas.delete_quota()
    assert caas.get_quota().resources["sets"]["limit"] == 10
    cloud.add_host("node-1")
    host = caas.find_host("node-1")
    assert caas.disable_host(host, "why").disabled_reason == "why"
    assert caas.enable_host(host.id).enabled
    with pytest.raises(exceptions.ConflictException, match="still reports"):
        caas.delete_host(host)
    assert [s.binary for s in caas.services()] == ["caas-agent"]
