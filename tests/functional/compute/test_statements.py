"""What is asked of the database: no more for many servers than for one."""

from typing import Any

import pytest
import sqlalchemy as sa

from tests.functional.compute.driver import ADMIN, Compute


def _statements(compute: Compute, path: str, **how: Any) -> list[str]:
    """The texts, in order, of what a GET asks."""
    found: list[str] = []

    def note(_conn: Any, _cursor: Any, text: str, *_: Any) -> None:
        if not text.startswith(("BEGIN", "PRAGMA")):
            found.append(text)

    sa.event.listen(sa.Engine, "before_cursor_execute", note)
    try:
        compute.ok("GET", path, **how)
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", note)
    return found


@pytest.mark.parametrize("token", ["member", "admin"])
@pytest.mark.parametrize(
    ("path", "version", "most"),
    [
        ("/servers/detail", "2.1", 2),
        ("/servers/detail", "2.96", 3),
        ("/servers", "2.96", 1),
    ],
)
def test_lists(
    compute: Compute, path: str, version: str, most: int, token: str
) -> None:
    how: dict[str, Any] = {"version": version}
    if token == "admin":
        path += "?all_tenants=1"
        how["token"] = ADMIN
    for number in range(2):
        compute.create(tags=[f"a{number}"])
    few = _statements(compute, path, **how)
    for number in range(5):
        compute.create(tags=[f"b{number}"])
    many = _statements(compute, path, **how)
    assert len(many) == len(few) == most, many


@pytest.mark.parametrize(("version", "most"), [("2.1", 2), ("2.96", 3)])
def test_one(compute: Compute, version: str, most: int) -> None:
    server = compute.create()
    asked = _statements(compute, f"/servers/{server}", version=version)
    assert len(asked) == most, asked
