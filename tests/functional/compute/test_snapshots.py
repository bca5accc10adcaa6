"""Images made of servers, as Nova's clients ask for them."""

from typing import Any

import pytest

from tests.functional.compute.driver import Compute


@pytest.fixture
def server(compute: Compute) -> str:
    """One that runs, of a project that has a namespace."""
    ident = compute.create()
    compute.service.place(ident)
    return ident


def _job(compute: Compute, server: str) -> dict[str, Any]:
    listed = compute.service.request("GET", f"/v1/jobs?set_id={server}")
    [job, *_] = listed.json["jobs"]
    found: dict[str, Any] = job
    return found


@pytest.mark.parametrize("version", ["2.1", "2.44", "2.45", "2.96"])
def test_the_image_is_known_at_once(
    compute: Compute, server: str, version: str
) -> None:
    answer = compute.act(
        server,
        "createImage",
        {"name": "My snapshot", "metadata": {"color": "red"}},
        version=version,
    )
    assert answer.status_int == 202
    if version >= "2.45":
        image_id = answer.json["image_id"]
        assert "Location" not in answer.headers
    else:
        assert not answer.body
        where, _, image_id = answer.headers["Location"].rpartition("/")
        assert where.endswith("/images")
    glance = compute.service.glance
    [record] = [i for i in glance.images if i.id == image_id]
    assert (record.name, record.owner) == ("My snapshot", "p1")
    assert not record.hidden
    job = _job(compute, server)
    assert job["status"] == "PENDING"
    target = job["arguments"]["repository"], job["arguments"]["tag"]
    assert target == ("p1/my-snapshot", image_id[:13])
    # one at a time
    said = compute.refused(
        409,
        "POST",
        f"/servers/{server}/action",
        {"createImage": {"name": "x"}},
    )
    assert "is being committed already" in said
    assert [i.id for i in glance.images if i.name == "x"] == []


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("app:2", "p1/app:2"),
        ("web/app:2", "web/app:2"),
        ("app", "p1/app:"),
        ("Ünïcode!", "p1/n-code:"),
        ("---", "p1/snapshot:"),
        ("other/app:2", "p1/other-app-2:"),
    ],
)
def test_names(compute: Compute, server: str, name: str, target: str) -> None:
    compute.service.namespace("web", "p1")
    compute.service.namespace("other", "p2")
    answer = compute.act(server, "createImage", {"name": name})
    assert answer.status_int == 202
    asked = _job(compute, server)["arguments"]
    found = f"{asked['repository']}:{asked['tag']}"
    if target.endswith(":"):
        target += answer.json["image_id"][:13]
    assert found == target


def test_refused(compute: Compute, server: str) -> None:
    path = f"/servers/{server}/action"
    for key in ("caas_kind", "parent_id", "owner"):
        said = compute.refused(
            400,
            "POST",
            path,
            {"createImage": {"name": "a", "metadata": {key: "x"}}},
        )
        assert key in said
    for body in (
        {"createImage": {}},
        {"createImage": {"name": ""}},
        {"createBackup": {"name": "a", "backup_type": "daily"}},
        {
            "createBackup": {
                "name": "a",
                "backup_type": "daily",
                "rotation": -1,
            }
        },
    ):
        compute.refused(400, "POST", path, body)
    new = compute.create()
    said = compute.refused(
        409, "POST", f"/servers/{new}/action", {"createImage": {"name": "a"}}
    )
    assert said.startswith(f"Cannot 'createImage' instance {new} while it is")
    assert [i.name for i in compute.service.glance.images] == ["server:1"]


@pytest.mark.parametrize(
    ("action", "more"),
    [
        ("createImage", {}),
        ("createBackup", {"backup_type": "daily", "rotation": 1}),
    ],
)
def test_of_what_is_locked(
    compute: Compute, server: str, action: str, more: dict[str, Any]
) -> None:
    """Locks are against changes, of which this is none."""
    compute.do(server, "lock")
    answer = compute.act(server, action, {"name": "a", **more})
    assert answer.json["image_id"]


def test_nothing_is_left_when_glance_fails(
    compute: Compute, server: str
) -> None:
    compute.service.glance.failing = 503
    answer = compute.act(server, "createImage", {"name": "a"})
    assert answer.status_int == 503
    compute.service.glance.failing = None
    assert _job(compute, server)["status"] == "CANCELLED"
    compute.do(server, "createImage", {"name": "a"})


def test_a_backup(compute: Compute, server: str) -> None:
    answer = compute.act(
        server,
        "createBackup",
        {"name": "b", "backup_type": "daily", "rotation": "1"},
    )
    assert answer.status_int == 202
    [_, record] = compute.service.glance.images
    assert record.id == answer.json["image_id"]
