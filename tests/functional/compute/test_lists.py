"""Lists of servers: by what they are filtered, and in which order."""

import datetime
import itertools
from typing import Any

import pytest

from caas.model.states import Desired, Phase, Placement
from caas.store import tables
from tests import fixtures
from tests.functional.compute.driver import ADMIN, Compute

#: All of Nova's but those that only operators may use.
SORT_KEYS = [
    *("access_ip_v4", "access_ip_v6", "auto_disk_config"),
    *("availability_zone", "config_drive", "created_at"),
    *("display_description", "display_name", "hostname", "image_ref"),
    *("instance_type_id", "kernel_id", "key_name", "launch_index"),
    *("launched_at", "locked", "locked_by", "power_state", "progress"),
    *("project_id", "ramdisk_id", "root_device_name", "task_state"),
    *("terminated_at", "updated_at", "user_id", "uuid", "vm_state"),
]

#: In the order in which they are made: names, and what is so of them.
SERVERS: list[tuple[str, dict[str, Any]]] = [
    ("building", {}),
    ("running", {"phase": Phase.RUNNING.value}),
    ("pausing", {"phase": Phase.RUNNING.value, "frozen": "paused"}),
    (
        "stopping",
        {"phase": Phase.RUNNING.value, "desired": Desired.STOPPED.value},
    ),
    (
        "stopped",
        {"phase": Phase.STOPPED.value, "desired": Desired.STOPPED.value},
    ),
    ("failed", {"phase": Phase.FAILED.value}),
    (
        "shelved",
        {
            "phase": Phase.STOPPED.value,
            "desired": Desired.STOPPED.value,
            "shelved": "away",
        },
    ),
]


def write(compute: Compute, server: str, **values: Any) -> None:
    with compute.service.store.writer() as conn:
        conn.execute(
            tables.sets.update()
            .where(tables.sets.c.id == server)
            .values(**values)
        )


@pytest.fixture
def made(compute: Compute) -> dict[str, str]:
    """Servers in all kinds of states on a host, by name."""
    noon = datetime.datetime(2026, 11, 28, 12, 0, 0, 250000)
    with compute.service.store.writer() as conn:
        conn.execute(
            tables.hosts.insert().values(
                id="h", name="h1", zone="z1", facts={}, **_times(noon)
            )
        )
    found = {}
    for number, (name, values) in enumerate(SERVERS):
        server = compute.create(name=name, description=name[:4])
        found[name] = server
        if name == "building":
            continue
        ran = noon + datetime.timedelta(days=number)
        write(
            compute,
            server,
            host_id="h",
            placement=Placement.PLACED.value,
            seen_revision=1 - (name == "pausing"),
            issued=1,
            launched_at=ran,
            key_name=f"key{number % 2}",
            locked_by={"running": "owner", "failed": "admin"}.get(name, ""),
            **values,
        )
    return found


def _times(when: datetime.datetime) -> dict[str, Any]:
    return dict.fromkeys(("created_at", "updated_at"), when)


def listed(compute: Compute, query: str, **how: Any) -> list[str]:
    path = f"/servers?{query}"
    return [each["name"] for each in compute.ok("GET", path, **how)["servers"]]


ALL = [name for name, _ in SERVERS]
RAN = ALL[1:]

#: What members find, in the order in which they are made.
FILTERS = [
    ("vm_state=active", ["running", "pausing", "stopping"]),
    ("vm_state=stopped", ["stopped"]),
    ("vm_state=deleted", []),
    ("vm_state=soft-delete", []),
    ("vm_state=act", []),
    ("task_state=spawning", ["building"]),
    ("task_state=pausing", ["pausing"]),
    ("task_state=None", []),
    ("vm_state=active&task_state=powering-off", ["stopping"]),
    ("status=ACTIVE&vm_state=stopped", []),
    ("power_state=4", ["stopped", "shelved"]),
    ("power_state=[04]", ["building", "stopped", "failed", "shelved"]),
    ("power_state=5", []),
    ("progress=^0$", ["building"]),
    ("progress=100", ["running", "pausing", "stopping"]),
    ("key_name=key1", ["running", "stopping", "failed"]),
    ("key_name=.*", RAN),
    ("hostname=^s", ["stopping", "stopped", "shelved"]),
    ("availability_zone=^z", RAN),
    ("availability_zone=z1$", RAN),
    ("availability_zone=z2", []),
    ("user_id=u1", ALL),
    ("user_id=u", []),
    ("launched_at=2026-11-29", ["running"]),
    ("launched_at=^2026-11-.* 12:00:00$", ["running", "pausing"]),
    ("launched_at=2026-11-29T12:00:00Z", ["running"]),
    ("launched_at=2026-11-29T13:00:00%2B01:00", ["running"]),
    ("launched_at=2026-11-29T12:00:00.250000", ["running"]),
    ("launched_at=2026-11-29T12:00:01Z", []),
    ("created_at=^20", ALL),
    ("created_at=^19", []),
    ("terminated_at=.", []),
    ("config_drive=True", []),
    ("ip6=.", []),
    # as members have no use of these
    ("description=fail", ALL),
    ("host=h1", ALL),
    ("launch_index=1", ALL),
    ("soft_deleted=True", ALL),
]

#: What only operators may use.
OF_OPERATORS = [
    ("host=h1", RAN[:-1]),
    ("host=h", []),
    ("node=h", RAN[:-1]),
    ("description=^fail$", ["failed"]),
    ("display_description=sto", ["stopping", "stopped"]),
    ("display_name=ing$", ["building", "running", "pausing", "stopping"]),
    ("locked_by=owner", ["running"]),
    ("locked_by=.", ["running", "failed"]),
    ("launch_index=0", ALL),
    ("launch_index=1", []),
    ("root_device_name=vda", []),
    ("kernel_id=x", []),
    ("access_ip_v4=10", []),
    ("auto_disk_config=AUTO", ALL),
    ("auto_disk_config=MANUAL", []),
]


@pytest.mark.parametrize("database", fixtures.DATABASES)
def test_filters(
    compute: Compute, made: dict[str, str], database: str
) -> None:
    order = "sort_key=created_at&sort_dir=asc"
    for query, wanted in FILTERS:
        assert listed(compute, f"{query}&{order}") == wanted, query
    everybody = f"all_tenants=1&{order}"
    for query, wanted in OF_OPERATORS:
        found = listed(compute, f"{query}&{everybody}", token=ADMIN)
        assert found == wanted, query
    # of members since 2.83, of operators always
    query = f"vm_state=error&key_name=1&{everybody}"
    assert listed(compute, query, token=ADMIN, version="2.1") == ["failed"]
    query = f"vm_state=error&{order}"
    assert listed(compute, query, version="2.82") == ALL
    whole = compute.get(made["failed"], token=ADMIN)
    reservation = whole["OS-EXT-SRV-ATTR:reservation_id"]
    for text in (reservation, reservation[:13]):
        assert listed(compute, f"reservation_id={text}") == ["failed"]
    for key in ("vm_state", "task_state", "power_state", "key_name"):
        for server in compute.ok("GET", "/servers/detail")["servers"]:
            shown = server.get(f"OS-EXT-STS:{key}", server.get(key))
            if shown is not None:
                assert server["name"] in listed(compute, f"{key}={shown}")


@pytest.mark.parametrize("database", fixtures.DATABASES)
def test_orders(compute: Compute, made: dict[str, str], database: str) -> None:
    """Pages by any keys have all servers once, in the order of the list."""
    pairs = itertools.zip_longest(SORT_KEYS, SORT_KEYS[11:], SORT_KEYS[4:15])
    for keys in pairs:
        for directions in (["asc"], ["desc", "asc"]):
            asked = [f"sort_key={key}" for key in keys if key]
            asked += [f"sort_dir={way}" for way in directions[: len(asked)]]
            query = "&".join(asked)
            whole = listed(compute, query)
            assert sorted(whole) == sorted(ALL), query
            assert _paged(compute, query, 3) == whole, query
    several = [
        *("vm_state", "power_state", "locked", "key_name", "hostname"),
        *("image_ref", "availability_zone", "display_description"),
    ]
    many = "&".join(f"sort_key={key}" for key in several * 20)
    assert _paged(compute, many, 3) == listed(compute, many)
    for keys in ([*several, "uuid"], ["progress", *several[:2]]):
        query = "&".join(f"sort_key={key}" for key in keys)
        said = compute.refused(400, "GET", f"/servers?{query}")
        assert "8 keys at once, of which 2" in said
    query = "sort_key=host&sort_key=node&sort_dir=asc&all_tenants=1"
    whole = listed(compute, query, token=ADMIN)
    assert set(whole[:2]) == {"building", "shelved"}
    assert _paged(compute, query, 1, token=ADMIN) == whole


def _paged(compute: Compute, query: str, limit: int, **how: Any) -> list[str]:
    found, link = [], f"/servers?{query}&limit={limit}"
    while link:
        answer = compute.ok("GET", link, **how)
        assert len(answer["servers"]) <= limit
        found += [each["name"] for each in answer["servers"]]
        [more] = answer.get("servers_links", [{"href": ""}])
        link = more["href"].rpartition("/v2.1")[2]
    return found


@pytest.mark.parametrize(
    ("keys", "directions", "wanted"),
    [
        (
            ["vm_state", "display_name"],
            ["asc", "desc"],
            [
                *("stopping", "running", "pausing"),
                *("building", "failed", "shelved", "stopped"),
            ],
        ),
        (
            ["task_state", "display_name"],
            ["asc"],
            [
                *("failed", "running", "shelved", "stopped"),
                *("pausing", "stopping", "building"),
            ],
        ),
        (
            ["power_state", "launched_at"],
            ["desc", "asc"],
            [
                *("stopped", "shelved", "running", "pausing", "stopping"),
                *("building", "failed"),
            ],
        ),
        (
            ["key_name", "launched_at"],
            ["asc", "desc"],
            [
                *("building", "shelved", "stopped", "pausing"),
                *("failed", "stopping", "running"),
            ],
        ),
        (
            ["locked", "availability_zone", "created_at"],
            ["desc", "asc", "asc"],
            ["running", "failed", "building", *ALL[2:5], "shelved"],
        ),
        (
            ["locked_by", "created_at"],
            ["desc", "asc"],
            ["failed", "running", "building", *ALL[2:5], "shelved"],
        ),
    ],
)
def test_several_keys(
    compute: Compute,
    made: dict[str, str],
    keys: list[str],
    directions: list[str],
    wanted: list[str],
) -> None:
    asked = [f"sort_key={key}" for key in keys]
    asked += [f"sort_dir={way}" for way in directions]
    query = "&".join(asked)
    assert listed(compute, query) == wanted
    assert _paged(compute, query, 2) == wanted


def test_what_members_are_refused(compute: Compute) -> None:
    for path in ("/servers", "/servers/detail"):
        said = compute.refused(403, "GET", f"{path}?status=deleted")
        assert said == "Only administrators may list deleted instances"
        compute.ok("GET", f"{path}?status=deleted&status=active")
        compute.ok("GET", f"{path}?vm_state=deleted")
        for key in ("host", "node"):
            said = compute.refused(403, "GET", f"{path}?sort_key={key}")
            assert said == f"Only administrators can sort servers by {key}"
        compute.ok("GET", f"{path}?metadata=x")
        said = compute.refused(400, "GET", f"{path}?metadata=x", token=ADMIN)
        assert said == "Invalid filter field: metadata."
        # what was no sort key was none, once
        compute.ok("GET", f"{path}?sort_key=vcpus", version="2.74")


def test_deleted_ones(compute: Compute) -> None:
    gone, binned, _ = (
        compute.create(name=name) for name in ("gone", "binned", "there")
    )
    now = datetime.datetime(2026, 11, 28, 12)
    write(compute, gone, desired="deleted", deleted_at=now)
    write(compute, binned, binned_at=now, shelved="away")
    order = "sort_key=created_at&sort_dir=asc"
    time = "2099-01-01T00:00:00Z"
    both = ["gone", "binned"]
    all_of_them = [*both, "there"]
    for query, wanted in (
        ("", ["there"]),
        ("deleted=True", ["there"]),
        ("deleted=maybe", ["there"]),
        ("soft_deleted=True", ["there"]),
        ("status=soft_deleted", ["binned"]),
        ("vm_state=soft-delete", ["binned"]),
        ("power_state=4", []),
        ("changes-since=2020-01-01T00:00:00Z", all_of_them),
        (f"changes-before={time}", all_of_them),
        (f"changes-before={time}&vm_state=deleted", ["gone"]),
        (f"changes-before={time}&terminated_at=2026-11-28 12", ["gone"]),
        (f"changes-since={time}&changes-before={time}", []),
    ):
        assert listed(compute, f"{query}&{order}") == wanted, query
    for query, wanted in (
        ("deleted=True", both),
        ("deleted=True&soft_deleted=False", ["gone"]),
        ("deleted=False", ["there"]),
        ("deleted=maybe", ["there"]),
        ("soft_deleted=True", ["binned", "there"]),
        ("status=deleted", ["gone"]),
        ("status=deleted&status=build", ["there"]),
        ("vm_state=deleted", []),
        (f"deleted=False&changes-before={time}", ["there"]),
    ):
        query = f"{query}&all_tenants=1&{order}"
        assert listed(compute, query, token=ADMIN) == wanted, query


@pytest.mark.parametrize("way", ["asc", "desc"])
def test_what_is_the_same_is_in_order_of_creation(
    compute: Compute, way: str
) -> None:
    made = [compute.create(name="same") for _ in range(4)]
    for key in ("display_name", "vm_state", "launch_index"):
        query = f"/servers?sort_key={key}&sort_dir={way}"
        found = [each["id"] for each in compute.ok("GET", query)["servers"]]
        assert found == (made if way == "asc" else made[::-1]), key
