"""Containers of a running set that are replaced, added and removed, over
messages that get lost."""

from typing import Any

import pytest

from caas.drivers.image.base import ImageError
from caas.drivers.runtime.base import (
    LABEL_CONTAINER,
    LABEL_NAME,
    Executed,
)
from tests.functional.whole import Host, Whole, until

TWO = [
    {"name": "app", "image": "app:1", "index": 1, "env": {"A": "b"}},
    {"name": "side", "image": "app:1", "restart_policy": {"name": "always"}},
]


def _act(
    whole: Whole,
    item: dict[str, Any],
    method: str,
    path: str,
    body: Any = None,
    status: int = 202,
) -> dict[str, Any]:
    answer = whole.service.request(
        method, f"/v1/sets/{item['id']}{path}", body
    )
    assert answer.status_int == status, answer.text
    found: dict[str, Any] = answer.json
    return found


def _done(whole: Whole, item: dict[str, Any]) -> dict[str, Any]:
    """The set, once no change of it is under way."""

    def done() -> Any:
        found = whole.get(f"/v1/sets/{item['id']}")["set"]
        return found if found["change"] is None else None

    until(done, lambda: f"{item['name']} is still being changed")
    return whole.wait(item, "ACTIVE")


def _ids(host: Host) -> dict[str, str]:
    return {
        c.labels[LABEL_NAME]: c.id for c in host.runtime.containers.values()
    }


def _used(whole: Whole) -> int:
    used: int = whole.get("/v1/quotas/p1")["quota"]["resources"]["containers"][
        "used"
    ]
    return used


def _events(whole: Whole, item: dict[str, Any]) -> list[str]:
    found = whole.get(f"/v1/sets/{item['id']}/events?sort_dir=asc")
    return [f"{e['action']} {e['result']}" for e in found["events"]]


@pytest.fixture
def host(whole: Whole) -> Host:
    return whole.host()


@pytest.fixture
def item(whole: Whole, host: Host) -> dict[str, Any]:
    [made] = whole.service.create(containers=TWO)
    return whole.wait(made, "ACTIVE")


def test_one_container_is_replaced(
    whole: Whole, host: Host, item: dict[str, Any]
) -> None:
    before = _ids(host)
    whole.service.image("app:2")
    change = {"image": "app:2", "env": {"A": "c"}, "monitor": 0.2}
    found = _act(
        whole, item, "PATCH", "/containers/app", {"container": change}
    )["set"]
    assert (found["status"], found["change"]) == ("UPDATING", "update")
    found = _done(whole, item)
    assert found["failure"] is None
    after = _ids(host)
    assert after["app"] != before["app"]
    assert {n: after[n] for n in ("infra", "side")} == {
        n: before[n] for n in ("infra", "side")
    }
    config = host.runtime.configs[after["app"]]
    assert config.env["A"] == "c"
    assert _events(whole, item)[-2:] == [
        "set.update accepted",
        "set.update success",
    ]
    history = _act(whole, item, "GET", "/history", status=200)["history"]
    assert [(e["action"], e["failure"]) for e in history] == [
        ("update", ""),
        ("create", ""),
    ]
    _act(
        whole,
        item,
        "POST",
        "/revert",
        {"revert": {"revision": history[-1]["revision"], "monitor": 0}},
    )
    _done(whole, item)
    again = _ids(host)
    assert host.runtime.configs[again["app"]].env["A"] == "b"
    assert again["side"] == before["side"]


def test_what_cannot_run_is_taken_back(
    whole: Whole, host: Host, item: dict[str, Any]
) -> None:
    before = _ids(host)
    whole.service.image("app:2")
    host.faults.fail(
        "image.ensure", ImageError("it is broken", permanent=True)
    )
    _act(
        whole,
        item,
        "POST",
        "/update",
        {
            "update": {
                "containers": [{"name": "app", "image": "app:2"}],
                "add": [{"name": "new", "image": "app:1"}],
                "remove": ["side"],
            }
        },
    )
    found = _done(whole, item)
    assert found["failure"]["action"] == "update"
    assert "it is broken" in found["failure"]["reason"]
    assert [c["name"] for c in found["containers"]] == ["infra", "side", "app"]
    until(lambda: _ids(host).keys() == before.keys(), lambda: "not as before")
    # that it was to go was no reason to touch it before the image was there
    assert _ids(host)["app"] == before["app"]
    assert _used(whole) == 2
    history = _act(whole, item, "GET", "/history", status=200)["history"]
    assert [e["action"] for e in history] == ["take-back", "update", "create"]
    assert "it is broken" in history[1]["failure"]
    assert history[0]["containers"] == history[2]["containers"]


def test_a_change_is_not_done_before_its_image_is_there(
    whole: Whole, host: Host, item: dict[str, Any]
) -> None:
    before = _ids(host)
    whole.service.image("app:2")
    with host.faults.hold("image.ensure") as gate:
        change = {"image": "app:2", "monitor": 0}
        _act(whole, item, "PATCH", "/containers/app", {"container": change})
        gate.wait_for_callers()

        def told() -> bool:
            found = whole.get(f"/v1/sets/{item['id']}")["set"]
            assert found["status"] == "UPDATING"
            return "image app:2" in found["reason"]

        until(told, lambda: "nothing is said of the image")
        assert host.running == ["app", "infra", "side"]
        assert _ids(host) == before
        gate.open()
        _done(whole, item)
    assert _ids(host)["app"] != before["app"]


def test_what_ends_soon_is_taken_back(
    whole: Whole, host: Host, item: dict[str, Any]
) -> None:
    before = _ids(host)
    change = {"user": "nobody", "monitor": 20}
    _act(whole, item, "PATCH", "/containers/side", {"container": change})
    until(
        lambda: (
            _ids(host).get("side", before["side"]) != before["side"]
            and "side" in host.running
        ),
        lambda: "it was not replaced",
    )
    host.runtime.kill(_ids(host)["side"], 3)
    found = _done(whole, item)
    assert found["failure"]["reason"] == (
        "container side ended with exit code 3 soon after the change"
    )
    until(lambda: "side" in host.running, lambda: "it is not back")
    assert host.runtime.configs[_ids(host)["side"]].user is None
    assert _ids(host)["app"] == before["app"]


def test_what_is_paused_cannot_show_that_it_works(
    whole: Whole, host: Host, item: dict[str, Any]
) -> None:
    _act(whole, item, "POST", "/containers/app/pause")
    body = {"container": {"user": "nobody"}}
    answer = _act(whole, item, "PATCH", "/containers/app", body, status=409)
    assert "unpause it" in answer["error"]["message"]


def test_a_slow_change_is_told_as_what_it_is(
    whole: Whole, host: Host, item: dict[str, Any]
) -> None:
    """Also when it was seen on its way, and not again later."""
    body = {"container": {"user": "nobody", "monitor": 1.5}}
    _act(whole, item, "PATCH", "/containers/app", body)
    _done(whole, item)
    assert _events(whole, item)[-2:] == [
        "set.update accepted",
        "set.update success",
    ]
    with host.faults.hold("runtime.start"):
        host.runtime.kill(_ids(host)["infra"])
        whole.wait(item, "RESTARTING")
    until(
        lambda: "set.recover success" in _events(whole, item),
        lambda: "it did not recover",
    )
    assert _events(whole, item).count("set.update success") == 1


def test_a_revert_leaves_alone_what_is_the_same(
    whole: Whole, host: Host, item: dict[str, Any]
) -> None:
    """Though it was removed and added again meanwhile."""
    _act(whole, item, "DELETE", "/containers/side")
    _done(whole, item)
    body = {"container": {**TWO[1], "monitor": 0}}
    _act(whole, item, "POST", "/containers", body)
    _done(whole, item)
    change = {"container": {"user": "nobody", "monitor": 0}}
    _act(whole, item, "PATCH", "/containers/app", change)
    _done(whole, item)
    before = _ids(host)
    _act(
        whole,
        item,
        "POST",
        "/revert",
        {"revert": {"revision": 1, "monitor": 0}},
    )
    _done(whole, item)
    after = _ids(host)
    assert after["side"] == before["side"]
    assert after["app"] != before["app"]


def test_containers_come_and_go(
    whole: Whole, host: Host, item: dict[str, Any]
) -> None:
    before = _ids(host)
    body = {"container": {"name": "new", "image": "app:1"}}
    _act(whole, item, "POST", "/containers", body)
    found = _done(whole, item)
    assert len(found["containers"]) == 4
    assert _used(whole) == 3
    assert host.running == ["app", "infra", "new", "side"]
    _act(whole, item, "DELETE", "/containers/new")
    _done(whole, item)
    assert host.running == ["app", "infra", "side"]
    assert _used(whole) == 2
    assert _ids(host) == before
    _act(whole, item, "DELETE", "/containers/side")
    _done(whole, item)
    answer = _act(whole, item, "DELETE", "/containers/app", status=400)
    assert "at least one container" in answer["error"]["message"]
    whole.act(item, "delete")
    whole.wait(item, "GONE")
    until(lambda: host.empty, lambda: "something is left")
    assert _used(whole) == 0


def test_a_second_change_has_to_wait(
    whole: Whole, host: Host, item: dict[str, Any]
) -> None:
    change = {"user": "nobody", "monitor": 20}
    _act(whole, item, "PATCH", "/containers/side", {"container": change})
    for method, path, body in (
        ("PATCH", "/containers/app", {"container": {"user": "x"}}),
        (
            "POST",
            "/containers",
            {"container": {"name": "n", "image": "app:1"}},
        ),
        ("DELETE", "/containers/app", None),
        ("POST", "/resize", {"resize": {"flavor": "small"}}),
        ("POST", "/revert", {"revert": {"revision": 1}}),
    ):
        answer = _act(whole, item, method, path, body, status=409)
        assert "is being changed (update" in answer["error"]["message"]
    # but it can be deleted
    whole.act(item, "delete")
    whole.wait(item, "GONE")
    assert _used(whole) == 0


def test_a_share_changes_in_place(
    whole: Whole, host: Host, item: dict[str, Any]
) -> None:
    before = _ids(host)
    change = {"cpu_percent": 50, "memory_percent": 50}
    _act(whole, item, "PATCH", "/containers/app", {"container": change})
    _done(whole, item)
    assert _ids(host) == before
    limits = host.runtime.containers[before["app"]].limits
    assert (limits.millicpus, limits.memory_bytes) == (500, 32 << 20)


def test_verbs_of_one_container(
    whole: Whole, host: Host, item: dict[str, Any]
) -> None:
    before = dict(host.runtime.containers)
    ids = _ids(host)
    _act(whole, item, "POST", "/containers/app/restart")
    whole.wait(item, "ACTIVE")
    until(
        lambda: (
            host.runtime.containers[ids["app"]].started_at
            != before[ids["app"]].started_at
            and "app" in host.running
        ),
        lambda: "it was not restarted",
    )
    side = host.runtime.containers[ids["side"]]
    assert side.started_at == before[ids["side"]].started_at
    for verb, status in (("pause", "paused"), ("unpause", "running")):
        _act(whole, item, "POST", f"/containers/app/{verb}")

        def said(status: str = status) -> bool:
            found = whole.get(f"/v1/sets/{item['id']}/containers/app")
            return bool(found["container"]["status"] == status)

        until(said, lambda: "it is not paused, or is still")
    _act(whole, item, "POST", "/containers/app/signal", {"signal": "USR1"})
    until(lambda: host.runtime.signals, lambda: "no signal came")
    whole.wait(item, "ACTIVE")
    _act(
        whole,
        item,
        "PATCH",
        "/containers/app",
        {"container": {"name": "web"}},
    )
    found = _done(whole, item)
    assert [c["name"] for c in found["containers"]] == ["infra", "side", "web"]
    until(
        lambda: (
            host.runtime.containers[ids["app"]].name
            == f"caas-{item['id']}-1-web"
        ),
        lambda: "the engine has another name",
    )
    answer = _act(whole, item, "POST", "/containers/infra/restart", status=403)
    assert "infra container" in answer["error"]["message"]
    whole.act(item, "stop")
    whole.wait(item, "SHUTOFF")
    answer = _act(whole, item, "POST", "/containers/web/restart", status=409)
    assert "start it first" in answer["error"]["message"]


def test_a_container_of_the_same_name_is_a_new_one(
    whole: Whole, host: Host, item: dict[str, Any]
) -> None:
    before = _ids(host)
    _act(
        whole,
        item,
        "POST",
        "/update",
        {
            "update": {
                "remove": ["app"],
                "add": [{**TWO[0], "name": "app"}],
                "monitor": 0,
            }
        },
    )
    found = _done(whole, item)
    after = _ids(host)
    assert after["app"] != before["app"]
    there = host.runtime.containers[after["app"]]
    assert there.labels[LABEL_CONTAINER] == found["containers"][2]["id"]


def test_health(whole: Whole, host: Host) -> None:
    check = {"type": "exec", "command": ["ok"], "interval": 0.2, "retries": 1}
    host.runtime.answers[("ok",)] = Executed(1, "not yet")
    [item] = whole.service.create(
        containers=[
            {"name": "db", "image": "app:1", "health_check": check},
            {"name": "web", "image": "app:1", "index": 1},
        ]
    )

    def waits() -> bool:
        found = whole.get(f"/v1/sets/{item['id']}")["set"]
        return "not healthy yet" in found["reason"]

    until(waits, lambda: "it does not wait")
    assert host.running == ["db", "infra"]
    del host.runtime.answers[("ok",)]
    found = whole.wait(item, "ACTIVE")
    assert found["containers"][1]["health"] == "healthy"
    assert host.running == ["db", "infra", "web"]
