"""Every route of Nova's is answered, or refused as Nova refuses.

``nova_routes.tsv`` is made by ``tools/nova_routes``.
"""

import pathlib

import pytest
from microversion_parse import Version, parse_version_string

from caas.api.compute import version as versions
from tests.functional.compute.driver import ADMIN, Compute
from tests.functional.compute.test_access import NOWHERE

LINES = pathlib.Path(__file__).with_name("nova_routes.tsv")
#: What a path is told that is none.
UNKNOWN = ("Nothing is at this path", "This path cannot be asked for with")
GONE = "410"


def _routes() -> list[tuple[str, str, str, str, str]]:
    found = []
    for line in LINES.read_text().splitlines():
        if line.startswith("#"):
            continue
        method, path, action, first, last = line.split("\t")
        first = str(max(parse_version_string(first), versions.MIN))
        if path == "/":
            # of the API without a version
            continue
        if parse_version_string(first) <= versions.MAX:
            found.append((method, path, action, first, last))
    return found


def _ask(
    compute: Compute, method: str, path: str, action: str, version: str
) -> tuple[int, str]:
    """Status and what is said to somebody who names nothing that is there."""
    names = {
        "id": NOWHERE,
        "server_id": NOWHERE,
        "flavor_id": NOWHERE,
        "image_id": NOWHERE,
        "domain_id": NOWHERE,
    }
    body = {action: None} if action != "-" else {}
    answer = compute.ask(
        method,
        path.format_map(names),
        body if method in ("POST", "PUT") else None,
        token=ADMIN,
        version=version,
    )
    if answer.status_int < 300 or not answer.body:
        return answer.status_int, ""
    if "choices" in answer.json:
        return answer.status_int, ""
    [(_key, said)] = answer.json.items()
    return answer.status_int, said["message"]


def _last(text: str) -> str:
    """The last microversion there is of a route."""
    if text in ("-", GONE):
        return str(versions.MAX)
    return str(min(parse_version_string(text), versions.MAX))


@pytest.mark.parametrize("route", _routes(), ids=lambda r: " ".join(r[:3]))
def test_routes_of_nova(
    compute: Compute, route: tuple[str, str, str, str, str]
) -> None:
    method, path, action, first, last = route
    gone = last == GONE
    there = {first} if gone else {first, _last(last)}
    for version in there:
        status, said = _ask(compute, method, path, action, version)
        assert not said.startswith(UNKNOWN), said
        assert "no such action" not in said, said
        if gone:
            assert status in (404, 410), said
        elif status == 404:
            assert said, "a bare 404"
    if not gone and _last(last) != str(versions.MAX):
        later = parse_version_string(last)
        version = str(Version(later.major, later.minor + 1))
        status, _said = _ask(compute, method, path, action, version)
        assert status in (400, 404, 405), f"{version}: {status}"
