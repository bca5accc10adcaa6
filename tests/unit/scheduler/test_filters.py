import pytest

from caas.model.spec import Resources
from caas.scheduler import filters
from caas.scheduler.filters import Request
from tests.unit.scheduler.hosts import host

SMALL = Request(Resources(1000, 1024, 10))


@pytest.mark.parametrize(
    ("one", "request_", "expected"),
    [
        (host("a"), SMALL, True),
        (host("a", 1000, 1024, 10), SMALL, True),
        (host("a", cpu=999), SMALL, False),
        (host("a", memory=1023), SMALL, False),
        (host("a", disk=9), SMALL, False),
        (host("a", enabled=False), SMALL, False),
        (host("a", up=False), SMALL, False),
        (host("a", unfit="storage"), SMALL, False),
        (host("a"), Request(SMALL.resources, "z1"), True),
        (host("a"), Request(SMALL.resources, "z2"), False),
    ],
)
def test_passes(one, request_, expected):
    assert filters.passes(one, request_) is expected


@pytest.mark.parametrize(
    ("hosts", "request_", "expected"),
    [
        ([], SMALL, "No host can take this set: there are no hosts yet."),
        (
            [host("a", memory=512)],
            SMALL,
            "No host can take this set: 1 host looked at; 1 lacks memory "
            "(asked 1024 MiB, most free 512 MiB).",
        ),
        (
            [
                host("a", memory=512),
                host("b", memory=256),
                host("c", enabled=False),
            ],
            SMALL,
            "No host can take this set: 3 hosts looked at; 1 is disabled, "
            "2 lack memory (asked 1024 MiB, most free 512 MiB).",
        ),
        (
            [host("a", enabled=False, up=False), host("b", up=False)],
            SMALL,
            "No host can take this set: 2 hosts looked at; 1 is disabled, "
            "1 is down.",
        ),
        (
            [host("a", unfit="storage, clock"), host("b", unfit="storage")],
            SMALL,
            "No host can take this set: 2 hosts looked at; 2 are unfit "
            "(clock, storage).",
        ),
        (
            [host("a", zone="z2"), host("b", zone="z3"), host("c", cpu=250)],
            Request(SMALL.resources, "z1"),
            "No host can take this set: 3 hosts looked at; 2 are not in zone "
            "z1, 1 lacks CPU (asked 1 vCPU, most free 0.25 vCPU).",
        ),
        (
            [host("a", disk=-3)],
            SMALL,
            "No host can take this set: 1 host looked at; 1 lacks disk "
            "(asked 10 GiB, most free 0 GiB).",
        ),
    ],
)
def test_explain(hosts, request_, expected):
    assert filters.explain(hosts, request_).reason == expected


@pytest.mark.parametrize(
    ("fields", "hope"),
    [
        ({"up": False}, True),
        ({"up": False, "enabled": False}, False),
        ({"up": False, "memory": 512}, False),
        ({"up": False, "unfit": "storage"}, False),
        ({"up": False, "zone": "z2"}, False),
        ({"memory": 512}, False),
    ],
)
def test_hope_for_hosts_that_are_only_down(fields, hope):
    hosts = [host("a", disk=1), host("b", **fields)]
    request = Request(SMALL.resources, "z1")
    assert filters.explain(hosts, request).hope is hope
