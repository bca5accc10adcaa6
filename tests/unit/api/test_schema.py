"""What a schema refuses, and how it says so."""

import copy
import datetime
from typing import Any

import pytest

from caas.api import schema
from caas.api.schema import Schema
from caas.api.v1.schemas import common, flavors, sets

CREATE = Schema(sets.CREATE)

GOOD: dict[str, Any] = {
    "set": {
        "name": "web",
        "description": None,
        "flavor": "small",
        "metadata": {"team": "a"},
        "availability_zone": "z1",
        "hostname": "web-1",
        "min_count": 1,
        "max_count": 2,
        "containers": [
            {
                "name": "app",
                "image": "app:1",
                "index": 3,
                "command": ["sh", "-c", "true"],
                "entrypoint": None,
                "env": {"A_B.c-d": "x"},
                "working_dir": "/srv",
                "user": "www-data:1000",
                "labels": {"com.example/a": "b"},
                "restart_policy": {"name": "always", "max_retries": 3},
                "cpu_percent": 80,
                "memory_percent": 100,
                "ports": [
                    {"port": 80, "protocol": "tcp", "name": "http"},
                    {"port": 80, "protocol": "udp"},
                ],
                "mounts": [
                    {"path": "/data", "sub_path": "a/b", "read_only": True},
                    {"path": "/system", "sub_path": ""},
                ],
            },
            {"name": "side", "image": "app:1"},
        ],
    }
}

#: path in the request, value there, the sentence
BAD = [
    ("set", [], "set: must be an object"),
    ("set.name", None, "set.name: must be a string"),
    ("set.name", "", "set.name: must have at least 1 character(s)"),
    ("set.name", "x" * 256, "256 characters; at most 255 are possible"),
    ("set.name", "a\nb", "must consist of printable characters"),
    ("set.name", " a", "with no space at either end"),
    ("set.flavor", 5, "set.flavor: must be a string"),
    ("set.color", "red", "set: unknown color; what is known: availability"),
    ("set.metadata", {"a": 1}, "set.metadata.a: must be a string"),
    ("set.metadata", {"\t": "x"}, "set.metadata: each key must consist"),
    (
        "set.metadata",
        {str(n): "" for n in range(129)},
        "set.metadata: has 129 keys; at most 128 are possible",
    ),
    ("set.min_count", 0, "0 is less than the minimum of 1"),
    ("set.max_count", 1001, "1001 is greater than the maximum of 1000"),
    ("set.max_count", 1.0, "set.max_count: must be an integer"),
    ("set.max_count", True, "set.max_count: must be an integer"),
    ("set.hostname", "Web", "only small letters"),
    ("set.hostname", "a\n", "only small letters"),
    ("set.hostname", "-a", "neither starts nor ends it"),
    ("set.containers", [], "must have at least 1 item(s)"),
    ("set.containers", [{}], "set.containers[0]: name, image missing"),
    ("set.containers.1.name", "app", "the same name (app)"),
    ("set.containers.0.name", "infra", "not be 'infra'"),
    ("set.containers.0.name", "App", "small letters"),
    ("set.containers.0.name", "a" * 64, "at most 63"),
    (
        "set.containers.0.cpu_percent",
        150,
        "set.containers[0].cpu_percent: 150",
    ),
    ("set.containers.0.memory_percent", 0, "less than the minimum of 1"),
    ("set.containers.0.index", 1000, "greater than the maximum of 999"),
    ("set.containers.0.index", "1", "must be an integer"),
    ("set.containers.0.command", "sh", "must be an array or null"),
    ("set.containers.0.command", [1], "command[0]: must be a string"),
    ("set.containers.0.env", {"1A": "x"}, "env: each key must be the name"),
    ("set.containers.0.env", {"A=B": "x"}, "env: each key must be the name"),
    ("set.containers.0.env", {"A": None}, "env.A: must be a string"),
    ("set.containers.0.labels", {"caas.x": "y"}, "not start with 'caas.'"),
    ("set.containers.0.user", "a b", "must be a user"),
    ("set.containers.0.working_dir", "srv", "must be an absolute path"),
    ("set.containers.0.restart_policy", {}, "name missing"),
    (
        "set.containers.0.restart_policy.name",
        "never",
        "must be one of no, on-failure, always, unless-stopped",
    ),
    ("set.containers.0.ports.0.port", 0, "less than the minimum of 1"),
    ("set.containers.0.ports.0.port", 65536, "greater than the maximum"),
    ("set.containers.0.ports.1.protocol", "tcp", "same port and protocol"),
    ("set.containers.0.ports.1", {"port": 80}, "(80/tcp)"),
    ("set.containers.0.mounts.1.path", "/data", "the same path (/data)"),
    ("set.containers.0.mounts.0.path", "/", "neither '/' nor in /proc"),
    ("set.containers.0.mounts.0.path", "/proc", "nor in /proc"),
    ("set.containers.0.mounts.0.path", "/sys/fs", "nor in /proc, /sys"),
    ("set.containers.0.mounts.0.path", "/dev/shm", "or /dev"),
    ("set.containers.0.mounts.0.path", "/a/../proc", "without '.', '..'"),
    ("set.containers.0.mounts.0.path", "//data", "an absolute path"),
    ("set.containers.0.mounts.0.path", "/data/", "'/' at the end"),
    ("set.containers.0.mounts.0.sub_path", "/etc", "relative to the volume"),
    ("set.containers.0.mounts.0.sub_path", "..", "without '.', '..'"),
    ("set.containers.0.mounts.0.sub_path", "a/../../b", "without '.', '..'"),
    ("set.containers.0.mounts.0.sub_path", "../b", "without '.', '..'"),
    ("set.containers.0.mounts.0.read_only", "yes", "must be true or false"),
]


def _changed(path: str, value: Any) -> Any:
    body = copy.deepcopy(GOOD)
    place: Any = body
    *parts, last = path.split(".")
    for part in parts:
        place = place[int(part) if part.isdigit() else part]
    place[int(last) if last.isdigit() else last] = value
    return body


def test_good_is_good() -> None:
    assert CREATE.error(GOOD) is None


@pytest.mark.parametrize(("path", "value", "sentence"), BAD)
def test_bad_is_said_in_a_sentence(
    path: str, value: Any, sentence: str
) -> None:
    error = CREATE.error(_changed(path, value), "The body")
    assert error is not None
    assert sentence in error
    assert error.endswith(".")


@pytest.mark.parametrize(
    "path",
    [
        "set.containers.0.env.PASSWORD",
        "set.containers.0.command.0",
        "set.name",
        "set.containers.0.image",
    ],
)
def test_text_is_never_quoted(path: str) -> None:
    """Whatever is wrong with it: it may be a secret."""
    for value in ("s3cret\n" * 50_000, ["s3cret"], {"s3cret !": 1}):
        error = CREATE.error(_changed(path, value))
        assert error is None or "s3cret" not in error


def test_the_root_has_a_name() -> None:
    assert CREATE.error([], "The body") == "The body: must be an object."


@pytest.mark.parametrize(
    ("vcpus", "good"),
    [(0.1, True), (0.001 * 333, True), (2, True), (0.0105, False)],
)
def test_vcpus_have_three_decimals(vcpus: float, good: bool) -> None:
    flavor = {"name": "a", "vcpus": vcpus, "memory_mb": 64, "disk_gb": 0}
    assert (Schema(flavors.CREATE).error({"flavor": flavor}) is None) == good


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (5, None),
        ("5", None),
        ("5.5", None),
        (0, "0 is not greater than 0"),
        ("0", "0 is not greater than 0"),
        (1, "1 is less than the minimum of 2"),
        ("1", "1 is less than the minimum of 2"),
        ("10.5", "10.5 is greater than the maximum of 10"),
        # a pattern refuses those
        ("many", None),
    ],
)
def test_bounds_are_those_of_strings_too(
    value: object, words: str | None
) -> None:
    definition = {"exclusiveMinimum": 0, "minimum": 2, "maximum": 10}
    error = Schema(definition).error(value, "it")
    assert error == (words and f"it: {words}.")


@pytest.mark.parametrize(
    ("text", "name", "description"),
    [
        ("a", True, True),
        ("\u8239 \u00a0\u3000e\u0301", True, True),
        (" a", False, True),
        ("a\u00a0", False, True),
        ("", True, True),
        ("a\n", False, False),
        ("a\x7f", False, False),
        ("a\u200bb", False, False),
        ("a\u2028b", False, False),
        ("\ue000", False, False),
        ("\U0001f40b", False, False),
    ],
)
def test_printable_as_nova_has_it(
    text: str, name: bool, description: bool
) -> None:
    good = [
        Schema({"format": each}).error(text) is None
        for each in ("nova-name", "nova-text")
    ]
    assert good == [name, description]


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-01-31T12:00:00Z", (2026, 1, 31, 12)),
        ("2026-01-31T12:00:00+02:00", (2026, 1, 31, 10)),
        ("2026-01-31", (2026, 1, 31)),
    ],
)
def test_times(text: str, time: tuple[int, ...]) -> None:
    assert schema.parse_time(text) == datetime.datetime(*time)
    assert Schema(common.TIME).error(text) is None


@pytest.mark.parametrize(
    "text", ["yesterday", "", "2026-13-01", "0001-01-01T00:00:00+10:00"]
)
def test_no_times(text: str) -> None:
    assert "must be a time" in str(Schema(common.TIME).error(text))


@pytest.mark.parametrize(
    "text", ["", "x", "{}", "1B4BCB45-9B2A-4BB8-A2B3-8A5A3BD6AC43"]
)
def test_no_uuids(text: str) -> None:
    assert Schema(common.UUID).error(text) is not None
