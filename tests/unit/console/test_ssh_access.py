"""What user names mean at the SSH gateway."""

import pytest

from caas.console.ssh_access import readings

LONG = "s" * 255


@pytest.mark.parametrize(
    ("wanted", "meant"),
    [
        ("web", [("web", None)]),
        ("app.web", [("app.web", None), ("web", "app")]),
        (
            "a.b.c",
            [("a.b.c", None), ("b.c", "a"), ("c", "a.b")],
        ),
        ("web shop", [("web shop", None)]),
        (".web", [(".web", None)]),
        ("web.", [("web.", None)]),
        ("..", [("..", None)]),
        ("a..b", [("a..b", None), (".b", "a"), ("b", "a.")]),
        (LONG, [(LONG, None)]),
        (
            f"{'c' * 63}.{LONG}",
            [(f"{'c' * 63}.{LONG}", None), (LONG, "c" * 63)],
        ),
        # no name of a container is as long
        (f"{'c' * 64}.web", [(f"{'c' * 64}.web", None)]),
        ("", []),
        ("a" * 400, []),
        ("a\0b", []),
        ("a\nb", []),
        ("\x1b[2J", []),
    ],
)
def test_readings(wanted, meant):
    assert [(way.ident, way.container) for way in readings(wanted)] == meant


def test_few_readings():
    """However many dots there are, the database is asked little."""
    assert len(list(readings("." * 300))) <= 64
