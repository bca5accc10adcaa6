"""Every operation is complete: policy, schemas, documentation."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

import caas.api.v1  # noqa: F401  registers the operations
from caas import exception, policies
from caas.api import errors, openapi
from caas.api.compute import app as compute
from caas.api.compute.operation import REGISTRY as COMPUTE
from caas.api.operation import REGISTRY, Operation, Registry
from caas.api.registry.app import ROUTES
from caas.api.schema import Schema
from caas.api.version import MAX

OPERATIONS = REGISTRY.operations
RULES = {rule.name: rule for rule in policies.list_rules()}
#: What no token is needed for, with the reason.
OPEN = {"versions.list", "versions.get"}


@pytest.fixture(params=OPERATIONS, ids=lambda o: o.name)
def operation(request: pytest.FixtureRequest) -> Operation:
    return request.param


def test_names_are_unique() -> None:
    keys = [(o.name, o.versions) for o in OPERATIONS]
    assert len(keys) == len(set(keys))


def test_it_has_a_policy_that_names_it(operation: Operation) -> None:
    if operation.name in OPEN:
        assert operation.policy is None
        return
    rule = RULES[operation.policy]
    places = [(o["method"], o["path"]) for o in rule.operations]
    assert (operation.method, operation.path) in places


def test_it_has_documentation(operation: Operation) -> None:
    assert re.fullmatch(r"[A-Z][^.]+\.", operation.summary)


def test_it_has_schemas(operation: Operation) -> None:
    with_body = operation.method in ("POST", "PUT", "PATCH")
    # a message that says all by its path
    with_body &= operation.name != "images.look"
    assert (operation.body is not None) == with_body
    assert (operation.response is None) == (operation.status == 204)


def test_foreign_objects_are_looked_at(operation: Operation) -> None:
    """What is of a project or a user is loaded, so the policy sees it."""
    owned = (
        "{set_id}",
        "{project_id}",
        "{event_id}",
        "{session_id}",
        "{image}",
        "{job_id}",
        "{namespace}",
        "{server_group_id}",
    )
    named = "/keypairs" in operation.path or any(
        part in operation.path for part in owned
    )
    # of a record of Glance that caas may not know yet: Glance is asked
    named &= operation.name != "images.look"
    assert (operation.load is not None) == named


def _schemas(value: Any) -> Iterator[dict[str, Any]]:
    """All schemas in a schema."""
    if isinstance(value, dict):
        if "type" in value and not isinstance(value["type"], dict):
            yield value
        for item in value.values():
            yield from _schemas(item)
    elif isinstance(value, list):
        for item in value:
            yield from _schemas(item)


def _is(kind: str, schema: dict[str, Any]) -> bool:
    return kind in (schema["type"], *schema["type"])


def test_what_comes_in_is_bounded(operation: Operation) -> None:
    """Nothing unknown, nothing of any length."""
    for schema in (operation.query, operation.body):
        if schema is None:
            continue
        assert schema.definition["additionalProperties"] is False
        for part in _schemas(schema.definition):
            if _is("object", part):
                extra = part["additionalProperties"]
                assert extra is False or "maxProperties" in part
            if _is("array", part):
                assert "maxItems" in part or part["items"]["type"] == "string"
            if _is("string", part):
                assert {"maxLength", "format", "enum"} & part.keys(), part
            if _is("integer", part) or _is("number", part):
                assert "minimum" in part


def test_every_route_of_the_registry_is_guarded() -> None:
    for route in ROUTES:
        rule = RULES.get(f"caas:registry:{route.action}")
        if rule is None:
            assert route.path == "/v2/"
            continue
        places = [(o["method"], o["path"]) for o in rule.operations]
        # HEAD is a GET without its body
        assert any(
            (method.replace("HEAD", "GET"), route.path) in places
            for method in route.methods
        )


def _place(route: Any) -> tuple[str, str]:
    """Where users find a route of the Nova-compatible API."""
    path = route.path
    if "/action/" in path:
        path = path.rpartition("/")[0]
    return route.method, f"{compute.PREFIX}{path}"


def test_every_route_of_the_compute_api_is_guarded() -> None:
    open_ = {o.name for o in COMPUTE.operations if o.policy is None}
    assert open_ == {
        f"versions.{n}" for n in ("list", "current", "legacy", "get")
    }
    for each in COMPUTE.operations:
        assert each.policy is None or each.policy in RULES
        owned = (
            *("{server_id}", "{quota_project}", "{group_id}"),
            "/os-keypairs",
        )
        named = any(part in each.path for part in owned)
        assert (each.load is not None) == named, each.path
        summary = (each.handler.__doc__ or "").split("\n")[0]
        assert re.fullmatch(r"[A-Z][^.]+\.", summary), each.name


def test_every_rule_guards_something() -> None:
    asked = {o.policy for o in OPERATIONS if o.policy}
    asked |= {f"caas:registry:{r.action}" for r in ROUTES if r.action}
    asked |= {o.policy for o in COMPUTE.operations if o.policy}
    places = {(o.method, o.path) for o in OPERATIONS}
    places |= {_place(o) for o in COMPUTE.operations}
    places |= {(method, r.path) for r in ROUTES for method in r.methods}
    for rule in RULES.values():
        for place in getattr(rule, "operations", ()):
            assert (place["method"], place["path"]) in places
        if rule.name.count(":") == 2:
            assert rule.name in asked
        if rule.name.count(":") > 1:
            assert rule.scope_types == ["project"]
            assert not rule.deprecated_rule


def test_the_document_has_every_operation() -> None:
    paths = openapi.document()["paths"]
    for o in OPERATIONS:
        shown = paths[o.path][o.method.lower()]
        assert shown["operationId"] == o.name
        assert shown["x-policy"] == o.policy
        assert str(o.status) in shown["responses"]
    assert sum(len(place) for place in paths.values()) == len(OPERATIONS)


def _operation(method: str, path: str, versions: Any) -> Operation:
    empty = Schema({})
    return Operation(
        name="test",
        method=method,
        path=path,
        handler=lambda call: None,
        policy=None,
        load=None,
        query=empty,
        body=None,
        body_optional=False,
        response=None,
        status=200,
        versions=versions,
    )


def test_a_literal_part_goes_before_a_named_one() -> None:
    registry = Registry()
    one = _operation("GET", "/a/{id}", (MAX, None))
    two = _operation("GET", "/a/all", (MAX, None))
    registry.add(one)
    registry.add(two)
    assert registry.match("GET", "/a/all", MAX) == (two, {})
    assert registry.match("HEAD", "/a/x/", MAX) == (one, {"id": "x"})
    with pytest.raises(errors.MethodNotAllowed) as caught:
        registry.match("PUT", "/a/x", MAX)
    assert caught.value.headers == {"Allow": "GET, HEAD"}
    for path in ("/a", "/b", "/a/x/y", ""):
        with pytest.raises(exception.NotFound):
            registry.match("GET", path, MAX)


def test_names_of_images_have_slashes() -> None:
    """They end with the part that has a colon."""
    registry = Registry()
    one = _operation("GET", "/images/{image}", (MAX, None))
    verb = _operation("GET", "/images/{image}/tree", (MAX, None))
    fixed = _operation("GET", "/images/space", (MAX, None))
    for each in (one, verb, fixed):
        registry.add(each)
    digest = f"sha256:{'0' * 64}"
    for name in ("id", "a/b:1", "space/b/c:1", "tree:1", f"a/b@{digest}"):
        assert registry.match("GET", f"/images/{name}", MAX) == (
            one,
            {"image": name},
        )
        assert registry.match("GET", f"/images/{name}/tree", MAX) == (
            verb,
            {"image": name},
        )
    assert registry.match("GET", "/images/space", MAX) == (fixed, {})
    for nothing in ("a/b", "a/b:1/c", "a/b:1/tree/c"):
        with pytest.raises(exception.NotFound):
            registry.match("GET", f"/images/{nothing}", MAX)


def test_the_version_chooses_between_operations_at_one_path() -> None:
    registry = Registry()
    older = _operation("GET", "/a", ((1, 0), (1, 3)))
    newer = _operation("GET", "/a", ((1, 4), None))
    late = _operation("POST", "/a", ((1, 4), None))
    for one in (older, newer, late):
        registry.add(one)
    assert registry.match("GET", "/a", (1, 3))[0] is older
    assert registry.match("GET", "/a", (1, 4))[0] is newer
    with pytest.raises(errors.MethodNotAllowed):
        registry.match("POST", "/a", (1, 3))
