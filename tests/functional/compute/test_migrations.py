"""What became of servers that went to other hosts."""

from typing import Any

from tests.functional.compute.driver import ADMIN, Compute
from tests.functional.whole import until


def listed(
    cloud: Compute, query: str = "", version: str = "2.80"
) -> list[dict[str, Any]]:
    path = f"/os-migrations{query}"
    answer = cloud.ok("GET", path, token=ADMIN, version=version)
    found: list[dict[str, Any]] = answer["migrations"]
    return found


def test_migrations(cloud: Compute) -> None:
    assert cloud.whole is not None
    server = cloud.create()
    cloud.wait(server, "ACTIVE")
    assert listed(cloud) == []
    # nowhere to go yet
    cloud.act(server, "migrate", token=ADMIN)
    cloud.wait(server, "ACTIVE")
    [failed] = listed(cloud)
    assert (failed["status"], failed["dest_compute"]) == ("error", None)
    assert failed["updated_at"]
    cloud.whole.host("h2")
    cloud.act(server, "migrate", token=ADMIN)
    cloud.wait(server, "VERIFY_RESIZE")
    last, first = listed(cloud)
    assert first == failed
    assert last["status"] == "finished"
    assert last["migration_type"] == "migration"
    assert last["instance_uuid"] == server
    assert (last["source_compute"], last["dest_compute"]) == ("h1", "h2")
    assert last["project_id"] == "p1"
    cloud.act(server, "confirmResize", token=ADMIN)
    assert listed(cloud)[0] == {**last, "status": "confirmed"}
    for query, count in (
        (f"?instance_uuid={server}", 2),
        ("?status=error", 1),
        ("?host=h2", 1),
        ("?source_compute=h2", 0),
        ("?migration_type=evacuation", 0),
        ("?project_id=p1&user_id=u7", 0),
        ("?changes-since=2099-01-01T00:00:00Z", 0),
        ("?changes-before=2099-01-01T00:00:00Z", 2),
    ):
        assert len(listed(cloud, query)) == count, query
    page = cloud.ok("GET", "/os-migrations?limit=1", token=ADMIN)
    assert page["migrations"][0]["uuid"] == last["uuid"]
    path = page["migrations_links"][0]["href"].partition("/v2.1")[2]
    page = cloud.ok("GET", path, token=ADMIN)
    assert page["migrations"][0]["uuid"] == first["uuid"]
    cloud.refused(400, "GET", "/os-migrations?marker=x", token=ADMIN)
    old = listed(cloud, version="2.22")
    assert not {"uuid", "migration_type", "user_id"} & set(old[0])
    # none is live
    path = f"/servers/{server}/migrations"
    assert cloud.ok("GET", path, token=ADMIN) == {"migrations": []}
    said = cloud.refused(404, "GET", f"{path}/1", token=ADMIN)
    assert said.startswith("In-progress live migration 1 is not found")
    # what was deleted is told as long as it is remembered
    cloud.ok("DELETE", f"/servers/{server}")
    cloud.wait(server, "DELETED")
    assert len(listed(cloud)) == 2


def test_of_what_was_deleted_on_its_way(cloud: Compute) -> None:
    assert cloud.whole is not None
    server = cloud.create()
    cloud.wait(server, "ACTIVE")
    host = cloud.whole.hosts["h1"]
    host.stop()
    cloud.force_down("h1")
    cloud.act(server, "evacuate", {}, token=ADMIN)
    [found] = listed(cloud)
    assert found["status"] == "migrating"
    cloud.ok("DELETE", f"/servers/{server}")
    cloud.refused(404, "GET", f"/servers/{server}")
    [found] = listed(cloud)
    assert (found["status"], found["dest_compute"]) == ("error", None)
    host.start()
    until(lambda: host.empty, lambda: "the host still has it")
