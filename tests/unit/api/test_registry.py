"""Every operation is complete: policy, schemas, documentation."""

import re
from collections.abc import Iterator
from typing import Any

import pytest

import caas.api.v1  # noqa: F401  registers the operations
from caas import exception, policies
from caas.api import errors, openapi
from caas.api.operation import REGISTRY, Operation, Registry
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
    assert (operation.body is not None) == with_body
    assert (operation.response is None) == (operation.status == 204)


def test_foreign_objects_are_looked_at(operation: Operation) -> None:
    """What is of a project or a user is loaded, so the policy sees it."""
    owned = ("{set_id}", "{project_id}", "{event_id}", "{session_id}")
    named = "/keypairs" in operation.path or any(
        part in operation.path for part in owned
    )
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


def test_every_rule_guards_something() -> None:
    asked = {o.policy for o in OPERATIONS if o.policy}
    places = {(o.method, o.path) for o in OPERATIONS}
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
