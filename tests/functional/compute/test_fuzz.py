"""Whatever comes in: an answer below 500, and what is refused does nothing."""

import os
import random
import re
from collections.abc import Iterator
from typing import Any

import pytest
from microversion_parse import parse_version_string

from caas.api.compute import filters, lists
from caas.api.compute.operation import REGISTRY, Route
from caas.api.operation import Operation
from caas.api.schema import Schema
from tests import fixtures
from tests.functional import fuzz
from tests.functional.compute.driver import Compute
from tests.functional.compute.test_access import (
    body_of,
    known_of,
    path_of,
    version_of,
)

#: More of it: CAAS_FUZZ=50 pytest tests/functional/compute/test_fuzz.py
COUNT = 4 * int(os.environ.get("CAAS_FUZZ", "1"))
SEED = int(os.environ.get("CAAS_FUZZ_SEED", "1"))

VERSIONS = ("2.1", "2.60", "2.96")
ADMIN = "u1:p1:admin"

# it ends by itself, however busy the machine is
pytestmark = pytest.mark.timeout(1800)


def _routes(database: str) -> list[Any]:
    """All of them; on a server that is slower to ask, some of each noun."""
    routes: list[Any] = REGISTRY.operations
    return routes if database == "sqlite" else routes[::3]


def _made(schema: Any) -> Any:
    """A schema as the one that makes values of it understands them."""
    if isinstance(schema, list):
        return [_made(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    for word in ("anyOf", "oneOf"):
        if word in schema:
            return _made(schema[word][0])
    made = {key: _made(value) for key, value in schema.items()}
    if "const" in made:
        return {"enum": [made["const"]]}
    if made.get("type") in ("array", ["array", "null"], ["array", "string"]):
        made.setdefault("items", {"type": "object", "properties": {}})
    if made.get("additionalProperties") is True:
        made["additionalProperties"] = {"type": "string", "maxLength": 9}
    return made


def _operation(route: Route, version: Any) -> Any:
    """As far as those who spoil bodies look at it."""
    schema = route.schema(version)
    query = {
        name: {"type": "string"}
        for name in route.query or filters.KNOWN | lists.PAGING
    }
    fields = {
        "body": schema and Schema(_made(schema.definition)),
        "query": Schema({"properties": query}),
        "path": route.path.partition("/action/")[0]
        + "/action" * ("/action/" in route.path),
    }
    made = object.__new__(Operation)
    for key, value in fields.items():
        object.__setattr__(made, key, value)
    return made


def _versions(route: Route) -> Iterator[Any]:
    for text in VERSIONS:
        version = parse_version_string(text)
        if route.serves(version):
            yield version


def _send(
    compute: Compute,
    method: str,
    path: str,
    body: Any,
    version: Any,
    rows: Any,
) -> Any:
    """:param rows: all there is in the database, if that is known.
    :returns: the same, afterwards.
    """
    before = rows or compute.service.rows()
    answer = compute.ask(method, path, body, version=str(version), token=ADMIN)
    what = f"{method} {path[:200]} {body!r:.300}: {answer.text[:300]}"
    # as Nova says of what its driver, or a service it asks, does not do
    unsupported = answer.status_int == 501 and path.startswith(
        ("/os-hosts/", "/os-baremetal-nodes")
    )
    assert answer.status_int < 500 or unsupported, what
    if answer.status_int < 400:
        return before if method == "GET" else None
    [(_key, said)] = answer.json.items()
    assert said["code"] == answer.status_int, what
    assert said["message"], what
    after = compute.service.rows()
    assert after == before, what
    return after


def _known(compute: Compute, route: Route) -> dict[str, str]:
    """New ones for each route, which may be gone afterwards."""
    return {
        **known_of(compute),
        "quota_project": "p5",
        "version_id": "v2.1",
    }


@pytest.fixture(autouse=True)
def without_limit(compute: Compute) -> None:
    quota = compute.service.request("GET", "/v1/quotas/p1").json["quota"]
    limits = dict.fromkeys(quota["resources"], -1)
    answer = compute.service.request("PUT", "/v1/quotas/p1", {"quota": limits})
    assert answer.status_int == 200, answer.text


@pytest.mark.parametrize("database", fixtures.DATABASES)
def test_bodies(compute: Compute, database: str) -> None:
    rng = random.Random(SEED)
    for route in _routes(database):
        for version in _versions(route):
            operation = _operation(route, version)
            if operation.body is None:
                continue
            path, rows = path_of(route, _known(compute, route)), None
            for body in fuzz.bodies(operation, rng, COUNT):
                rows = _send(compute, route.method, path, body, version, rows)


@pytest.mark.parametrize("database", fixtures.DATABASES)
def test_good_bodies_spoilt(compute: Compute, database: str) -> None:
    """Near to what is taken, where most that may go wrong is reached."""
    rng = random.Random(SEED)
    for route in _routes(database):
        good = body_of(compute, route)
        if route.body is None or good is None:
            continue
        path, rows = path_of(route, _known(compute, route)), None
        for _ in range(COUNT * 4):
            body = fuzz.spoilt(good, rng)
            text = repr(body)
            if re.search(r"\\ud[89a-f]", text):
                # no such text can be sent
                continue
            rows = _send(
                compute, route.method, path, body, version_of(route), rows
            )


@pytest.mark.parametrize("database", fixtures.DATABASES)
def test_paths_and_queries(compute: Compute, database: str) -> None:
    rng = random.Random(SEED)
    for route in _routes(database):
        known, rows = _known(compute, route), None
        for version in _versions(route):
            operation = _operation(route, version)
            for path in fuzz.paths(operation, known, rng, COUNT):
                rows = _send(
                    compute,
                    route.method,
                    path,
                    body_of(compute, route),
                    version,
                    rows,
                )
