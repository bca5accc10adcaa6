"""Whatever comes in: an answer below 500, and what is refused does nothing.

The answers are checked against their schemas as well: a wrong one would be
an error 500 here.
"""

import os
import random
from typing import Any

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
    # what was demanded of images before may forbid the one of the set
    service.request("DELETE", "/v1/image-policies/p1")
    # and its quota leave no room for it
    service.request("DELETE", "/v1/quotas/p1")
    [made] = service.create()
    return {
        "set_id": made["id"],
        "container": "app",
        "flavor": "small",
        "host": "h1",
        "image": _image(service),
        "keypair": "mine",
        "server_group_id": service.server_group(),
        "namespace": "shop",
        "project_id": "p1",
        "event_id": service.event(made["id"]),
        "session_id": service.session(made["id"])["id"],
        "job_id": service.job(made["id"])["id"],
    }


def _image(service: Service) -> str:
    answer = service.request("GET", "/v1/images/shop/web:1")
    if answer.status_int == 404:
        return service.image_of("shop/web:1")
    found: str = answer.json["image"]["id"]
    return found


Rows = dict[str, list[Any]]


def _send(
    service: Service,
    method: str,
    path: str,
    body: object,
    before: Rows | None,
) -> Rows | None:
    """:param before: all there is in the database, if that is known.
    :returns: the same, afterwards.
    """
    before = before or service.rows()
    answer: webob.Response = service.request(method, path, body)
    what = f"{method} {path[:200]} {body!r:.300}: {answer.text[:300]}"
    assert answer.status_int < 500, what
    if answer.status_int < 400:
        return None if method != "GET" else before
    assert answer.json["error"]["message"].endswith("."), what
    after = service.rows()
    assert after == before, what
    return after


@pytest.mark.timeout(300)
@pytest.mark.parametrize("database", fixtures.DATABASES)
def test_bodies(service: Service, database: str) -> None:
    rng = random.Random(SEED)
    service.host("h1")
    service.request("PUT", "/v1/quotas/p1", {"quota": {"sets": 100}})
    for operation in WITH_BODY:
        path = operation.path.format_map(_known(service))
        rows = None
        for body in fuzz.bodies(operation, rng, COUNT * 4):
            rows = _send(service, operation.method, path, body, rows)


@pytest.mark.parametrize("database", fixtures.DATABASES)
def test_paths_and_queries(service: Service, database: str) -> None:
    rng = random.Random(SEED)
    service.host("h1")
    known = _known(service)

    def good(operation: Operation) -> object:
        return {} if operation.body and operation.body_optional else None

    rows = None
    for operation in REGISTRY.operations:
        for path in fuzz.paths(operation, known, rng, COUNT):
            rows = _send(
                service, operation.method, path, good(operation), rows
            )
