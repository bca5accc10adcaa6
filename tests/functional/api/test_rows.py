"""That a test may rely on what it is shown of the database."""

import pytest

from tests import fixtures
from tests.functional.service import Service


@pytest.mark.parametrize("database", fixtures.DATABASES)
def test_rows_are_those_of_now(service: Service) -> None:
    before = service.rows()
    assert service.request("GET", "/v1/flavors").status_int == 200
    assert service.request("GET", "/v1/flavors/none").status_int == 404
    assert service.rows() == before

    body = {"description": "other"}
    path = "/v1/flavors/small"
    changed = service.request("PATCH", path, {"flavor": body})
    assert changed.status_int == 200, changed.text
    after = service.rows()
    assert after["flavors"] != before["flavors"]

    gone = service.request("DELETE", path)
    assert gone.status_int == 204, gone.text
    assert service.rows()["flavors"] != after["flavors"]

    service.host()
    assert len(service.rows()["hosts"]) == len(before["hosts"]) + 1
