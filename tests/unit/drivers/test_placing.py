"""Where paths of users lead to in a container."""

import stat

import pytest

from caas.drivers.runtime import placing
from caas.drivers.runtime.base import EngineError
from caas.drivers.runtime.placing import Seen

TREE = {
    "/etc": Seen("folder"),
    "/etc/motd": Seen("file"),
    "/etc/alternatives": Seen("link", "/opt/etc"),
    "/home": Seen("link", "/data/home"),
    "/a": Seen("link", "/b"),
    "/b": Seen("link", "/a"),
    "/broken": Seen("link"),
    "/top": Seen("link", "/"),
    "/pipe": Seen("special"),
}


def lead(path: str) -> tuple[str, list[str], str]:
    asked = []

    def look(at: str) -> Seen | None:
        asked.append(at)
        return TREE.get(at)

    try:
        return placing.lead(look, path, ["/data"])
    finally:
        # nobody looks into what is mounted
        assert not [at for at in asked if at.startswith("/data")]


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("/etc/motd", ("/etc", [], "motd")),
        ("/etc//motd", ("/etc", [], "motd")),
        ("/etc/new", ("/etc", [], "new")),
        ("/new", ("/", [], "new")),
        ("/x/y/z", ("/", ["x", "y"], "z")),
        ("/etc/alternatives/x", ("/", ["opt", "etc"], "x")),
        ("/etc/alternatives", ("/", ["opt"], "etc")),
        ("/top/etc/x/y", ("/etc", ["x"], "y")),
    ],
)
def test_ways(path: str, found: tuple[str, list[str], str]) -> None:
    assert lead(path) == found


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("/etc", "/etc is a folder"),
        ("/top", "/top is a folder"),
        ("/a/x", "lead nowhere"),
        ("/broken", "lead nowhere"),
        ("/home", "/data is mounted there"),
        ("/home/x", "/data is mounted there"),
        ("/top/data/x", "/data is mounted there"),
        ("/etc/motd/x", "/etc/motd is no folder or file"),
        ("/pipe", "/pipe is no folder or file"),
        ("/top/sys/x", "/sys is not of the image"),
        ("/etc/../x", "absolute path"),
    ],
)
def test_no_ways(path: str, why: str) -> None:
    with pytest.raises(EngineError, match=why) as raised:
        lead(path)
    assert raised.value.permanent


@pytest.mark.parametrize(
    ("mode", "kind"),
    [
        (0o644, "file"),
        # the bits that say whose rights it takes are no kinds
        ((1 << 23) | 0o755, "file"),
        ((1 << 31) | 0o755, "folder"),
        ((1 << 31) | (1 << 20) | 0o777, "folder"),
        ((1 << 27) | 0o777, "link"),
        ((1 << 26) | 0o600, "special"),
        ((1 << 26) | (1 << 21) | 0o600, "special"),
        ((1 << 25) | 0o600, "special"),
        ((1 << 24) | 0o600, "special"),
    ],
    ids=lambda value: oct(value) if isinstance(value, int) else value,
)
def test_modes(mode: int, kind: str) -> None:
    assert stat.S_IMODE(mode) == mode & 0o7777
    assert placing.seen({"mode": mode, "linkTarget": "/x"}).kind == kind
