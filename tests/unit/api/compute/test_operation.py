"""Schemas of microversions, and which routes are in them."""

import pytest
from microversion_parse import Version

from caas.api.compute.operation import REGISTRY, Part, resolve
from caas.api.schema import Schema


def test_parts_come_and_go() -> None:
    definition = {
        "type": "object",
        "properties": {
            "always": {"type": "string"},
            "new": Part({"type": "integer"}, since=5),
            "old": Part({"type": "boolean"}, until=7),
            "deep": {
                "items": [{"properties": {"both": Part({}, 5, 7)}}, "text"]
            },
        },
    }

    def keys(minor: int) -> set[str]:
        made = resolve(definition, Version(2, minor))
        deep = made["properties"].pop("deep")
        inner = deep["items"][0]["properties"]
        assert deep["items"][1] == "text"
        return {*made["properties"], *inner}

    assert keys(4) == {"always", "old"}
    assert keys(5) == keys(7) == {"always", "old", "new", "both"}
    assert keys(8) == {"always", "new"}
    # what it is made from stays
    assert isinstance(definition["properties"]["new"], Part)


def test_a_part_alone_is_its_schema() -> None:
    assert resolve(Part({"type": "null"}), Version(2, 1)) == {"type": "null"}


@pytest.mark.parametrize("minor", range(1, 97))
def test_every_schema_is_one(minor: int) -> None:
    version = Version(2, minor)
    for route in REGISTRY.operations:
        if route.serves(version) and (schema := route.schema(version)):
            assert isinstance(schema, Schema)
            assert schema.error(None, "the body") is not None


def test_no_two_routes_at_one_place() -> None:
    for minor in range(1, 97):
        version = Version(2, minor)
        places = [
            (r.method, r.path)
            for r in REGISTRY.operations
            if r.serves(version)
        ]
        assert len(places) == len(set(places))
