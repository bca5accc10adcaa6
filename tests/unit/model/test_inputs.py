import json

import pytest

from caas.model import inputs
from caas.model.inputs import File, Inputs

FULL = Inputs("eA==", (File("/etc/motd", "aGk="), File("/b", "")))


def test_there_and_back():
    data = json.loads(json.dumps(FULL.to_dict()))
    data["invented_later"] = data["files"][0]["invented_later"] = 1
    assert Inputs.from_dict(data) == FULL
    assert FULL.files[0].data == b"hi"


def test_digests():
    found = [
        Inputs(),
        Inputs("eA=="),
        Inputs("eA==", FULL.files[:1]),
        FULL,
        Inputs("", FULL.files),
    ]
    assert len({each.digest for each in found}) == len(found)
    assert Inputs().digest == ""
    assert Inputs("", ()).digest == ""


@pytest.mark.parametrize(
    "path",
    [
        *("", "a", "/", "/a/", "/a/..", "/../a", "/a/./b", "/a\0", "/a\n"),
        *("/proc/1/mem", "/sys", "/dev/null", "/run/caas", "/run/caas/x"),
        *("/etc/hosts", "/etc//hosts", "//etc/hosts", "/etc/resolv.conf"),
        *("/data", "/data/x", "/srv", "//data/x", "/data//x"),
    ],
)
def test_where_no_file_can_be(path):
    assert inputs.unwritable(path, ["/data", "/srv/www"])


@pytest.mark.parametrize(
    "path",
    ["/a", "/etc/hosts.allow", "/database", "/srv/x", "/process", "/run/x"],
)
def test_where_it_can(path):
    assert inputs.unwritable(path, ["/data", "/srv/www"]) == ""
