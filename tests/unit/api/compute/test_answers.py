"""Schemas of answers: each route has one, and lets nothing else through."""

from typing import Any

import pytest

from caas.api.compute import nouns
from caas.api.compute.operation import REGISTRY, Route
from caas.api.compute.schemas import answers
from caas.api.compute.version import MAX, MIN

nouns.load(REGISTRY)

ROUTES = sorted({f"{r.method} {r.path}" for r in REGISTRY.operations})
#: Which in some microversion answer more than an error.
ANSWERING = {
    f"{route.method} {route.path}"
    for route in REGISTRY.operations
    if isinstance(route, Route) and not route.refuses
}


@pytest.mark.parametrize("route", ROUTES)
def test_each_route_says_what_it_answers(route: str) -> None:
    """Add what is missing to ``caas/api/compute/schemas/answers``.

    A handler that does nothing but refuse has the type ``NoReturn``.
    """
    assert (route in answers.ANSWERS) == (route in ANSWERING)


def test_nothing_is_said_of_other_routes() -> None:
    assert sorted(set(answers.ANSWERS) - set(ROUTES)) == []


def test_which_routes_refuse() -> None:
    refused = set(ROUTES) - ANSWERING
    # what Nova has no more, what sets cannot do, and what both have
    assert "GET /os-cells" in refused
    assert "POST /servers/{server_id}/action/trigger_crash_dump" in refused
    assert "POST /servers/{server_id}/action/pause" not in refused


@pytest.mark.parametrize("minor", [MIN.minor, 50, 70, MAX.minor])
@pytest.mark.parametrize(
    "name",
    ["around", "operators", "records", "servers", "users"],
)
def test_schemas_are_sound(name: str, minor: int) -> None:
    for route in getattr(answers, name).ANSWERS:
        method, _, path = route.partition(" ")
        schema = answers.of(method, path, minor)
        if schema is not None:
            # what is no answer at all; finds out whether the schema is one
            assert schema.error(17)


GOOD: dict[str, Any] = {"servers": []}


@pytest.mark.parametrize(
    ("path", "minor", "body", "problem"),
    [
        ("GET /servers", 1, GOOD, None),
        ("GET /servers", 1, GOOD | {"more": 1}, "more"),
        ("GET /servers", 1, {}, "servers"),
        ("GET /servers/{server_id}/tags", 26, {"tags": [1]}, "tags"),
        ("DELETE /servers/{server_id}", 1, None, None),
        ("DELETE /servers/{server_id}", 1, {}, "it has a body"),
        ("POST /servers/{server_id}/action/createImage", 44, None, None),
        ("POST /servers/{server_id}/action/createImage", 45, None, "answer"),
    ],
)
def test_problems(
    path: str, minor: int, body: Any, problem: str | None
) -> None:
    method, _, rest = path.partition(" ")
    found = answers.problem(method, rest, minor, body)
    assert (found is None) == (problem is None), found
    assert (problem or "") in (found or "")
