"""Flavors: extra specs, and those that only some projects may use."""

from typing import Any

import pytest

from tests.functional.compute.driver import ADMIN, Compute

BIG = {"name": "big", "id": "big", "ram": 128, "vcpus": 1, "disk": 1}
OTHER = "u2:p2:member"


def make(compute: Compute, **changes: Any) -> dict[str, Any]:
    body = {"flavor": {**BIG, **changes}}
    made = compute.ok("POST", "/flavors", body, token=ADMIN)
    shown: dict[str, Any] = made["flavor"]
    return shown


def names(compute: Compute, query: str = "", token: str = ADMIN) -> set[str]:
    found = compute.ok("GET", f"/flavors{query}", token=token)["flavors"]
    return {each["name"] for each in found}


@pytest.fixture
def private(compute: Compute) -> str:
    """Path of the flavor ``big``, which no project may use."""
    shown = make(compute, **{"os-flavor-access:is_public": False})
    assert shown["os-flavor-access:is_public"] is False
    return "/flavors/big"


def act(compute: Compute, action: str, project: str, **how: Any) -> Any:
    return compute.ask(
        "POST",
        "/flavors/big/action",
        {action: {"tenant": project}},
        **{"token": ADMIN, **how},
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "a\u200bb"},
        {"id": "a/b"},
        {"id": "a\n"},
        {"rxtx_factor": "abc"},
        {"rxtx_factor": "0"},
        {"rxtx_factor": 0},
        {"rxtx_factor": "1" + "0" * 39},
        {"ram": "0"},
        {"vcpus": "2147483648"},
    ],
)
def test_what_is_refused(compute: Compute, changes: dict[str, Any]) -> None:
    body = {"flavor": {**BIG, **changes}}
    said = compute.refused(400, "POST", "/flavors", body, token=ADMIN)
    assert said.startswith("Invalid input for field/attribute flavor.")


def test_numbers_may_be_strings(compute: Compute) -> None:
    assert make(compute, ram="128", rxtx_factor="1.5")["ram"] == 128


def test_who_sees_private_flavors(compute: Compute, private: str) -> None:
    assert "big" not in names(compute)
    assert "big" in names(compute, "?is_public=None")
    for no in ("false", "f", "No", "0"):
        assert names(compute, f"?is_public={no}") == {"big"}
    assert "big" not in names(compute, "?is_public=true")
    said = compute.refused(400, "GET", "/flavors?is_public=x", token=ADMIN)
    assert said.startswith("Invalid is_public filter")
    for query in ("", "?is_public=None", "?is_public=false", "?is_public=x"):
        assert names(compute, query, OTHER) == {"small", "large"}
    compute.refused(404, "GET", private, token=OTHER)
    native = compute.service.request("GET", "/v1/flavors/big", token=OTHER)
    assert native.status_int == 404
    found = compute.service.request("GET", "/v1/flavors", token=OTHER).json
    assert {each["name"] for each in found["flavors"]} == {"small", "large"}
    found = compute.service.request("GET", "/v1/flavors/big").json["flavor"]
    assert found["public"] is False


def test_access(compute: Compute, private: str) -> None:
    path = f"{private}/os-flavor-access"
    assert compute.ok("GET", path, token=ADMIN) == {"flavor_access": []}
    answer = act(compute, "addTenantAccess", "p2")
    entry = {"flavor_id": "big", "tenant_id": "p2"}
    assert answer.json == {"flavor_access": [entry]}
    assert compute.ok("GET", path, token=ADMIN) == answer.json
    assert "big" in names(compute, token=OTHER)
    assert "big" in names(compute, "?is_public=true", "u9:p2:admin")
    assert act(compute, "addTenantAccess", "p2").status_int == 409
    answer = act(compute, "removeTenantAccess", "p2")
    assert answer.json == {"flavor_access": []}
    compute.refused(404, "GET", private, token=OTHER)
    assert act(compute, "removeTenantAccess", "p2").status_int == 404
    assert act(compute, "addTenantAccess", "p/2").status_int == 400
    # what is gone leaves nothing to a flavor that has its name next
    assert act(compute, "addTenantAccess", "p2").status_int == 200
    compute.ok("DELETE", private, token=ADMIN)
    make(compute, **{"os-flavor-access:is_public": False})
    assert compute.ok("GET", path, token=ADMIN) == {"flavor_access": []}


def test_access_to_public_flavors(compute: Compute) -> None:
    make(compute)
    path = "/flavors/big/os-flavor-access"
    said = compute.refused(404, "GET", path, token=ADMIN)
    assert said == "Access list not available for public flavors."
    assert act(compute, "addTenantAccess", "p2").status_int == 409
    old = act(compute, "addTenantAccess", "p2", version="2.6")
    assert old.status_int == 200


def test_private_flavors_are_for_servers_of_their_projects(
    compute: Compute, private: str
) -> None:
    """Neither made with one nor resized to one, in both APIs."""
    body = compute.request(flavorRef="big")
    said = compute.refused(400, "POST", "/servers", body)
    assert said == "Flavor big could not be found."
    server = compute.create()
    answer = compute.service.request(
        "POST",
        f"/v1/sets/{server}/resize",
        {"resize": {"flavor": "big"}},
        token="u1:p1:member",
    )
    assert answer.status_int == 400
    assert act(compute, "addTenantAccess", "p1").status_int == 200
    made = compute.get(compute.create(flavorRef="big"))
    assert made["flavor"]["original_name"] == "big"
    answer = compute.service.request(
        "POST",
        f"/v1/sets/{server}/resize",
        {"resize": {"flavor": "big"}},
        token="u1:p1:member",
    )
    assert answer.status_int == 202


def test_extra_specs(compute: Compute) -> None:
    make(compute)
    path = "/flavors/big/os-extra_specs"
    how = {"token": ADMIN}
    assert compute.ok("GET", path) == {"extra_specs": {}}
    asked = {"extra_specs": {"hw:cpu_policy": "shared", "n": 5}}
    assert compute.ok("POST", path, asked, **how) == asked
    shown = {"hw:cpu_policy": "shared", "n": "5"}
    assert compute.ok("GET", path) == {"extra_specs": shown}
    assert compute.ok("GET", f"{path}/n") == {"n": "5"}
    compute.refused(404, "GET", f"{path}/m")
    assert compute.ok("PUT", f"{path}/n", {"n": "6"}, **how) == {"n": "6"}
    said = compute.refused(400, "PUT", f"{path}/n", {"m": "6"}, **how)
    assert said == "Request body and URI mismatch"
    flavor = compute.ok("GET", "/flavors/big")["flavor"]
    assert flavor["extra_specs"] == {"hw:cpu_policy": "shared", "n": "6"}
    old = compute.ok("GET", "/flavors/big", version="2.60")["flavor"]
    assert "extra_specs" not in old
    compute.ok("DELETE", f"{path}/n", **how)
    said = compute.refused(404, "DELETE", f"{path}/n", **how)
    assert said == "Flavor big has no extra specs with key n."
    assert compute.ok("GET", path) == {
        "extra_specs": {"hw:cpu_policy": "shared"}
    }


@pytest.mark.parametrize(
    "specs",
    [
        {"caas:nothing": "x"},
        {"caas:cpu_burst": "maybe"},
        {"caas:template": "[]"},
        {"caas:template": "{"},
        {"a": "x" * 256},
        {"a/b": "x"},
        {"a": None},
        {"a": True},
        {str(n): "x" for n in range(129)},
    ],
    ids=lambda specs: next(iter(specs)) + str(len(specs)),
)
def test_extra_specs_that_are_refused(
    compute: Compute, specs: dict[str, Any]
) -> None:
    make(compute)
    path = "/flavors/big/os-extra_specs"
    compute.refused(400, "POST", path, {"extra_specs": specs}, token=ADMIN)
    assert compute.ok("GET", path) == {"extra_specs": {}}


def test_extra_specs_that_mean_something(compute: Compute) -> None:
    """A server has what its flavor said when it was made."""
    make(compute)
    path = "/flavors/big/os-extra_specs"
    template = '{"containers": [{"name": "web"}]}'
    specs = {"caas:cpu_burst": "true", "caas:template": template}
    compute.ok("POST", path, {"extra_specs": specs}, token=ADMIN)
    server = compute.create(flavorRef="big")
    native = compute.service.request("GET", f"/v1/sets/{server}").json["set"]
    assert native["flavor"]["cpu_burst"] is True
    assert [c["name"] for c in native["containers"]] == ["infra", "web"]
    for name in specs:
        compute.ok("DELETE", f"{path}/{name}", token=ADMIN)
    shown = compute.get(server)["flavor"]
    assert shown["extra_specs"] == specs
    later = compute.get(compute.create(flavorRef="big"))["flavor"]
    assert later["extra_specs"] == {}


def test_description(compute: Compute) -> None:
    """Cannot be changed before 2.55; None takes it away."""
    make(compute)
    path, how = "/flavors/big", {"token": ADMIN}
    for text, shown in (("a", "a"), (None, None)):
        body = {"flavor": {"description": text}}
        changed = compute.ok("PUT", path, body, **how)["flavor"]
        assert changed["description"] == shown
        assert changed["extra_specs"] == {}
    body = {"flavor": {"description": "a"}}
    assert compute.ask(
        "PUT", path, body, version="2.54", **how
    ).status_int in (
        404,
        405,
    )
    compute.refused(404, "PUT", "/flavors/none", body, **how)
    compute.refused(400, "PUT", path, {"flavor": {"name": "x"}}, **how)
