"""What changes something, in every microversion clients ask for.

With CAAS_ANSWERS (see :mod:`tests.functional.compute.driver`) the answers can
be held against Nova's own schemas.
"""

import pytest

from tests.functional.compute.driver import Compute
from tests.functional.compute.test_access import BODIES
from tests.functional.compute.test_life import VERSIONS

OWNER = "u1:p1:admin"

pytestmark = pytest.mark.parametrize("version", VERSIONS)


def test_servers(compute: Compute, version: str) -> None:
    minor = int(version[2:])
    how = {"version": version, "token": OWNER}
    body = compute.request(
        networks=None if minor < 37 else "auto", metadata={"a": "b"}
    )
    made = compute.ok("POST", "/servers", body, **how)["server"]
    path = f"/servers/{made['id']}"
    body["server"]["return_reservation_id"] = True
    assert compute.ok("POST", "/servers", body, **how).keys() == {
        "reservation_id"
    }
    compute.ok("PUT", path, {"server": {"name": "other"}}, **how)
    compute.ok("POST", f"{path}/metadata", {"metadata": {"c": "d"}}, **how)
    compute.ok("PUT", f"{path}/metadata", {"metadata": {"c": "d"}}, **how)
    compute.ok("PUT", f"{path}/metadata/c", {"meta": {"c": "e"}}, **how)
    compute.ok("DELETE", f"{path}/metadata/c", **how)
    if minor >= 26:
        compute.ok("PUT", f"{path}/tags", {"tags": ["a"]}, **how)
        for _ in range(2):
            compute.ok("PUT", f"{path}/tags/b", **how)
        compute.ok("DELETE", f"{path}/tags/a", **how)
        compute.ok("DELETE", f"{path}/tags", **how)
    for action in ("lock", "unlock"):
        asked = {action: None}
        assert compute.ok("POST", f"{path}/action", asked, **how) is None
    compute.refused(409, "POST", f"{path}/action", {"pause": None}, **how)
    compute.ok("GET", "/servers/detail?limit=1", **how)
    compute.ok("GET", "/servers?limit=1", **how)
    compute.ok("DELETE", path, **how)


def test_the_rest(compute: Compute, version: str) -> None:
    minor = int(version[2:])
    how = {"version": version, "token": OWNER}
    key = compute.ask("POST", "/os-keypairs", BODIES["keypairs.create"], **how)
    assert key.status_int == (201 if minor >= 2 else 200)
    compute.ok("GET", "/os-keypairs", **how)
    compute.ok("GET", "/os-keypairs/new", **how)
    gone = compute.ask("DELETE", "/os-keypairs/new", **how)
    assert gone.status_int == (204 if minor >= 2 else 202)
    made = {"keypair": {"name": "made"}}
    if minor >= 92:
        compute.refused(400, "POST", "/os-keypairs", made, **how)
    else:
        answer = compute.ok("POST", "/os-keypairs", made, **how)
        assert "PRIVATE KEY" in answer["keypair"]["private_key"]

    flavor = compute.ok("POST", "/flavors", BODIES["flavors.create"], **how)
    path = f"/flavors/{flavor['flavor']['id']}"
    assert compute.ok("GET", path, **how) == flavor
    if minor >= 55:
        compute.ok("PUT", path, BODIES["flavors.update"], **how)
    compute.ok("GET", f"{path}/os-extra_specs", **how)
    compute.refused(404, "GET", f"{path}/os-flavor-access", **how)
    for query in ("is_public=None", "limit=1", "minRam=1&minDisk=1"):
        compute.ok("GET", f"/flavors/detail?{query}", **how)
    compute.ok("DELETE", path, **how)
    compute.refused(404, "GET", path, **how)

    quota = "/os-quota-sets/p5"
    compute.ok("PUT", quota, BODIES["limits.update"], **how)
    shown = compute.ok("GET", quota, **how)["quota_set"]
    assert shown["instances"] == 5
    compute.ok("GET", f"{quota}/detail", **how)
    assert compute.ask("DELETE", quota, **how).status_int == 202
    shown = compute.ok("GET", quota, **how)
    assert shown == compute.ok("GET", f"{quota}/defaults", **how)
    compute.ok("GET", "/limits?reserved=False", **how)
    for path in (
        *("/os-availability-zone/detail", "/os-aggregates", "/extensions"),
        *("/os-services", "/os-hypervisors", "/os-hypervisors/detail"),
    ):
        compute.ok("GET", path, **how)
