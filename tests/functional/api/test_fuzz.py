"""Whatever comes in: an answer below 500, and what is refused does nothing.

The answers are checked against their schemas as well: a wrong one would be
an error 500 here.
"""

import os
import random

import pytest
import webob

from caas.api.operation import REGISTRY, Operation
from tests import fixtures
from tests.functional import fuzz
from tests.functional.service import Service

#: More of it: CAAS_FUZZ=50 pytest tests/functional/api/test_fuzz.py
COUNT = 8 * int(os.environ.get("CAAS_FUZZ", "1"))
SEED = int(os.environ.get("CAAS_FUZZ_SEED", "1"))

WITH_BODY = [o for o in REGISTRY.operations if o.body is not None]


def _known(service: Service) -> dict[str, str]:
    """An object for each name in a path."""
    [made] = service.create()
    return {
        "set_id": made["id"],
        "container": "app",
        "flavor": "small",
        "host": "h1",
        "keypair": "mine",
        "project_id": "p1",
        "event_id": service.event(made["id"]),
        "session_id": service.session(made["id"])["id"],
    }


def _send(service: Service, method: str, path: str, body: object) -> None:
    before = service.rows()
    answer: webob.Response = service.request(method, path, body)
    what = f"{method} {path[:200]} {body!r:.300}: {answer.text[:300]}"
    assert answer.status_int < 500, what
    if answer.status_int >= 400:
        assert answer.json["error"]["message"].endswith("."), what
        assert service.rows() == before, what


@pytest.mark.parametrize("database", fixtures.DATABASES)
def test_bodies(service: Service, database: str) -> None:
    rng = random.Random(SEED)
    service.host("h1")
    service.request("PUT", "/v1/quotas/p1", {"quota": {"sets": 20}})
    for operation in WITH_BODY:
        path = operation.path.format_map(_known(service))
        for body in fuzz.bodies(operation, rng, COUNT * 4):
            _send(service, operation.method, path, body)


@pytest.mark.parametrize("database", fixtures.DATABASES)
def test_paths_and_queries(service: Service, database: str) -> None:
    rng = random.Random(SEED)
    service.host("h1")
    known = _known(service)

    def good(operation: Operation) -> object:
        return {} if operation.body and operation.body_optional else None

    for operation in REGISTRY.operations:
        for path in fuzz.paths(operation, known, rng, COUNT):
            _send(service, operation.method, path, good(operation))
