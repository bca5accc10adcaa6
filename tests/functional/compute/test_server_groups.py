"""Server groups, scheduler hints and hosts by name."""

import collections
from typing import Any

import pytest

from tests.functional.compute.driver import ADMIN, Compute

NOWHERE = "1b4bcb45-9b2a-4bb8-a2b3-8a5a3bd6ac43"
HINTS = "os:scheduler_hints"


def group(
    compute: Compute, policy: str = "anti-affinity", **fields: Any
) -> str:
    """:returns: the id of a new one."""
    body = {"name": "db", "policy": policy, **fields}
    made = compute.ok("POST", "/os-server-groups", {"server_group": body})
    ident: str = made["server_group"]["id"]
    return ident


def boot(
    compute: Compute, hints: dict[str, Any], token: str = ADMIN, **changes: Any
) -> list[str]:
    """:returns: ids of new servers, of the project p1 unless a token of
    another is given."""
    body = {**compute.request(**changes), HINTS: hints}
    body["server"]["return_reservation_id"] = True
    made = compute.ok("POST", "/servers", body, token=token)
    path = f"/servers?reservation_id={made['reservation_id']}"
    found = compute.ok(
        "GET", f"{path}&sort_key=display_name&sort_dir=asc", token=token
    )
    return [each["id"] for each in found["servers"]]


#: Operators of the project itself, who see hosts.
OWNER = "u1:p1:admin"


def hosts(cloud: Compute, servers: list[str]) -> list[str]:
    """Where they are, once they are all active."""
    found = []
    for server in servers:
        cloud.wait(server, "ACTIVE")
        shown = cloud.get(server, token=OWNER)
        found.append(shown["OS-EXT-SRV-ATTR:host"])
    return found


def refusal(cloud: Compute, server: str) -> str:
    """Why it got no host."""
    shown = cloud.wait(server, "ERROR")
    fault = cloud.get(server, token=OWNER)["fault"]
    assert fault["message"] == fault["details"][:255]
    user = cloud.get(server, token="u1:p1:member")["fault"]
    assert "details" not in user
    assert shown["OS-EXT-STS:vm_state"] == "error"
    text: str = fault["details"]
    assert text.startswith("No valid host was found. ")
    return text


@pytest.mark.parametrize(
    ("version", "asked", "shown"),
    [
        (
            "2.1",
            {"policies": ["affinity"]},
            {"policies": ["affinity"], "metadata": {}},
        ),
        (
            "2.15",
            {"policies": ["soft-affinity"]},
            {
                "policies": ["soft-affinity"],
                "metadata": {},
                "project_id": "p1",
                "user_id": "u1",
            },
        ),
        (
            "2.64",
            {"policy": "soft-anti-affinity", "rules": {}},
            {
                "policy": "soft-anti-affinity",
                "rules": {},
                "project_id": "p1",
                "user_id": "u1",
            },
        ),
        (
            "2.96",
            {"policy": "anti-affinity", "rules": {"max_server_per_host": "3"}},
            {
                "policy": "anti-affinity",
                "rules": {"max_server_per_host": 3},
                "project_id": "p1",
                "user_id": "u1",
            },
        ),
    ],
    ids=["2.1", "2.15", "2.64", "2.96"],
)
def test_life_of_a_group(
    compute: Compute, version: str, asked: Any, shown: Any
) -> None:
    how = {"version": version}
    body = {"server_group": {"name": "db", **asked}}
    made = compute.ok("POST", "/os-server-groups", body, **how)["server_group"]
    ident = made.pop("id")
    assert made == {"name": "db", "members": [], **shown}
    found = compute.ok("GET", f"/os-server-groups/{ident}", **how)
    assert found == {"server_group": {"id": ident, **made}}
    listed = compute.ok("GET", "/os-server-groups", **how)
    assert listed == {"server_groups": [{"id": ident, **made}]}
    answer = compute.ask("DELETE", f"/os-server-groups/{ident}", **how)
    assert answer.status_int == 204
    said = compute.refused(404, "GET", f"/os-server-groups/{ident}", **how)
    assert said == f"Instance group {ident} could not be found."
    compute.refused(404, "DELETE", f"/os-server-groups/{ident}", **how)


@pytest.mark.parametrize(
    ("version", "asked"),
    [
        ("2.14", {"policies": ["soft-affinity"]}),
        ("2.63", {"policies": []}),
        ("2.63", {"policies": ["affinity", "anti-affinity"]}),
        ("2.63", {"policy": "affinity"}),
        ("2.64", {"policies": ["affinity"]}),
        ("2.64", {"policy": "legacy"}),
        ("2.64", {}),
        ("2.64", {"policy": "affinity", "rules": {"max_server_per_host": 2}}),
        ("2.64", {"policy": "anti-affinity", "rules": {"other": 1}}),
        (
            "2.64",
            {"policy": "anti-affinity", "rules": {"max_server_per_host": 0}},
        ),
        ("2.64", {"policy": "affinity", "name": " x"}),
    ],
    ids=[*"abcdefghijk"],
)
def test_groups_that_are_none(
    compute: Compute, version: str, asked: Any
) -> None:
    before = compute.service.rows()
    body = {"server_group": {"name": "db", **asked}}
    compute.refused(400, "POST", "/os-server-groups", body, version=version)
    assert compute.service.rows() == before


def test_lists_of_groups(compute: Compute) -> None:
    mine = [group(compute, name=f"g{n}") for n in range(3)]
    body = {"server_group": {"name": "other", "policy": "affinity"}}
    other = compute.ok(
        "POST", "/os-server-groups", body, token="u2:p2:member"
    )["server_group"]["id"]

    def ids(query: str = "", **how: Any) -> list[str]:
        found = compute.ok("GET", f"/os-server-groups{query}", **how)
        return [each["id"] for each in found["server_groups"]]

    assert ids() == mine
    assert ids("?limit=2") == mine[:2]
    assert ids("?limit=2&offset=2") == mine[2:]
    assert ids("?offset=5") == []
    # of who may not it is as if it had not been asked
    assert ids("?all_projects=True") == mine
    assert ids("?all_projects=True", token=ADMIN) == [*mine, other]
    assert ids("?other=1", version="2.74") == mine
    compute.refused(400, "GET", "/os-server-groups?other=1")
    for query in ("limit=-1", "offset=x", "offset=-1", "limit=%C2%B2"):
        compute.refused(400, "GET", f"/os-server-groups?{query}")


def test_quotas_of_groups(compute: Compute) -> None:
    limits = {"server_groups": 2, "server_group_members": 3}
    compute.ok("PUT", "/os-quota-sets/p1", {"quota_set": limits}, token=ADMIN)
    first, _second = group(compute), group(compute)
    body = {"server_group": {"name": "third", "policy": "affinity"}}
    said = compute.refused(403, "POST", "/os-server-groups", body)
    assert said == "Quota exceeded, too many server groups."
    boot(compute, {"group": first}, OWNER, max_count=2)
    before = compute.service.rows()
    body = {**compute.request(max_count=2), HINTS: {"group": first}}
    said = compute.refused(403, "POST", "/servers", body)
    assert said == "Quota exceeded, too many servers in group"
    assert compute.service.rows() == before
    detail = compute.ok("GET", "/os-quota-sets/p1/detail")["quota_set"]
    assert detail["server_groups"] == {"limit": 2, "in_use": 2, "reserved": 0}
    assert detail["server_group_members"]["limit"] == 3
    absolute = compute.ok("GET", "/limits")["limits"]["absolute"]
    assert absolute["maxServerGroups"] == 2
    assert absolute["totalServerGroupsUsed"] == 2
    assert absolute["maxServerGroupMembers"] == 3
    # both come back
    compute.ok("DELETE", f"/os-server-groups/{first}")
    group(compute)
    compute.ok("DELETE", "/os-quota-sets/p1", token=ADMIN)
    shown = compute.ok("GET", "/os-quota-sets/p1")["quota_set"]
    assert (shown["server_groups"], shown["server_group_members"]) == (10, 10)


def test_members(compute: Compute) -> None:
    """As long as they are there, and the group is."""
    ident = group(compute)
    servers = boot(compute, {"group": [ident]}, OWNER, max_count=2)
    path = f"/os-server-groups/{ident}"
    shown = compute.ok("GET", path)["server_group"]
    assert sorted(shown["members"]) == sorted(servers)
    assert compute.get(servers[0])["server_groups"] == [ident]
    assert "server_groups" not in compute.get(servers[0], version="2.70")
    [one, _] = compute.ok("GET", "/servers/detail")["servers"]
    assert "server_groups" not in one
    answer = compute.service.request(
        "POST", f"/v1/sets/{servers[0]}/force-delete"
    )
    assert answer.status_int == 202
    shown = compute.ok("GET", path)["server_group"]
    assert shown["members"] == servers[1:]
    compute.ok("DELETE", path)
    assert compute.get(servers[1])["server_groups"] == []


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"group": NOWHERE}, f"Instance group {NOWHERE} could not be found."),
    ({"group": "db"}, "must be the id of a server group"),
    ({"group": [NOWHERE, NOWHERE]}, "names several server groups"),
    ({"same_host": ["x"]}, "Invalid input"),
    ({"different_host": {}}, "Invalid input"),
    ({"build_near_host_ip": "192.0.2.1"}, "no addresses that users know"),
    ({"cidr": "/24"}, "no addresses that users know"),
    ({"target_cell": "one"}, "there are no cells"),
    ({"query": "{"}, "it is not JSON"),
    ({"query": {"a": 1}}, "has to be a text"),
    ({"query": '["=", "$host", "h1"]'}, "$host is not known of hosts"),
]


@pytest.mark.parametrize(
    ("hints", "words"), REFUSED, ids=map(str, range(len(REFUSED)))
)
def test_hints_that_are_refused(
    compute: Compute, hints: dict[str, Any], words: str
) -> None:
    compute.create()
    before = compute.service.rows()
    body = {**compute.request(), HINTS: hints}
    assert words in compute.refused(400, "POST", "/servers", body)
    assert compute.service.rows() == before


def test_a_group_of_others_is_not_there(compute: Compute) -> None:
    ident = group(compute)
    body = {**compute.request(), HINTS: {"group": ident}}
    for token in ("u2:p2:member", ADMIN):
        said = compute.refused(400, "POST", "/servers", body, token=token)
        assert said == f"Instance group {ident} could not be found."


def test_hints_that_nobody_knows(compute: Compute) -> None:
    """They are of no effect in Nova either; of two names the first counts."""
    body = compute.request()
    hints = {"group": NOWHERE}
    both = {HINTS: {"other": NOWHERE}, "OS-SCH-HNT:scheduler_hints": hints}
    compute.ok("POST", "/servers", {**body, **both})
    for name in (HINTS, "OS-SCH-HNT:scheduler_hints"):
        compute.refused(400, "POST", "/servers", {**body, name: hints})


@pytest.fixture
def wide(cloud: Compute) -> Compute:
    """With three hosts."""
    assert cloud.whole is not None
    for name in ("h2", "h3"):
        cloud.whole.host(name, zone="z2")
    return cloud


def test_apart(wide: Compute) -> None:
    ident = group(wide)
    servers = boot(wide, {"group": ident}, OWNER, max_count=3)
    assert sorted(hosts(wide, servers)) == ["h1", "h2", "h3"]
    [fourth] = boot(wide, {"group": ident}, OWNER)
    assert refusal(wide, fourth) == (
        "No valid host was found. No host can take this set: 3 hosts looked "
        "at; 3 have a set of its server group 'db' (anti-affinity) already."
    )
    [done] = wide.ok("GET", f"/servers/{fourth}/os-instance-actions")[
        "instanceActions"
    ]
    assert (done["action"], done["message"]) == ("create", "Error")
    path = f"/servers/{fourth}/os-instance-actions/{done['request_id']}"
    one = wide.ok("GET", path)["instanceAction"]
    assert one["message"] == "Error"
    [event] = [e for e in one["events"] if e["event"] == "set.schedule"]
    assert event["result"] == "Error"
    assert event["details"].startswith("No host can take this set")
    # whoever is gone makes room
    wide.ok("DELETE", f"/servers/{servers[0]}")
    [fifth] = boot(wide, {"group": ident}, OWNER)
    [where] = hosts(wide, [fifth])
    assert where not in hosts(wide, servers[1:])


def test_several_on_each_host(wide: Compute) -> None:
    ident = group(wide, rules={"max_server_per_host": 2})
    servers = boot(wide, {"group": ident}, OWNER, min_count=6, max_count=6)
    count = collections.Counter(hosts(wide, servers))
    assert set(count.values()) == {2}
    # all or none
    other = group(wide)
    servers = boot(wide, {"group": other}, OWNER, min_count=4, max_count=4)
    for server in servers:
        text = refusal(wide, server)
        assert "Only 3 of at least 4 sets asked for together" in text


def test_together(wide: Compute) -> None:
    for policy in ("affinity", "soft-affinity"):
        ident = group(wide, policy)
        servers = boot(wide, {"group": ident}, OWNER, max_count=3)
        servers += boot(wide, {"group": ident}, OWNER)
        [_] = set(hosts(wide, servers))


def test_by_other_servers(wide: Compute) -> None:
    servers = [wide.create() for _ in range(2)]
    where = hosts(wide, servers)
    near = boot(wide, {"same_host": servers[0]}, OWNER, max_count=3)
    assert set(hosts(wide, near)) == {where[0]}
    apart = boot(wide, {"different_host": servers}, OWNER, max_count=3)
    assert not set(hosts(wide, apart)) & set(where)
    # one after the other, before the first has a host
    first = boot(wide, {}, OWNER)
    follows = boot(wide, {"same_host": first[0]}, OWNER)
    assert hosts(wide, follows) == hosts(wide, first)
    # of other projects nothing can be learnt
    [other] = boot(wide, {"same_host": servers[0]}, "u2:p2:member")
    assert "no set that it names is of the project" in refusal_of(wide, other)


def refusal_of(cloud: Compute, server: str) -> str:
    cloud.wait(server, "ERROR")
    text: str = cloud.get(server, token=ADMIN)["fault"]["details"]
    return text


def test_by_figures(wide: Compute) -> None:
    room = '[">=", "$free_ram_mb", 64]'
    query = f'["and", {room}, ["=", "$availability_zone", "z2"]]'
    servers = boot(wide, {"query": query}, OWNER, max_count=4)
    assert set(hosts(wide, servers)) == {"h2", "h3"}
    [one] = boot(wide, {"query": '["=", "$host", "h3"]'}, OWNER)
    assert hosts(wide, [one]) == ["h3"]
    [none] = boot(wide, {"query": '[">", "$vcpus_total", 64]'}, OWNER)
    assert "3 are not as the hint query asks" in refusal(wide, none)


@pytest.mark.parametrize(
    "fields",
    [
        {"availability_zone": "z2:h3"},
        {"availability_zone": "z2:h3:h3"},
        {"availability_zone": "z2::h3"},
        {"availability_zone": ":h3"},
        # the zone of the host counts more
        {"availability_zone": "z1:h3"},
        {"host": "h3"},
        {"hypervisor_hostname": "h3"},
        {"host": "h3", "hypervisor_hostname": "h3"},
        {"host": "h3", "availability_zone": "z2"},
    ],
    ids=[*"abcdefghi"],
)
def test_on_a_host(wide: Compute, fields: dict[str, Any]) -> None:
    servers = boot(wide, {}, OWNER, max_count=2, **fields)
    assert hosts(wide, servers) == ["h3", "h3"]
    said = wide.refused(403, "POST", "/servers", wide.request(**fields))
    assert "caas:sets:create:on_host" in said


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"host": "x"}, "Compute host x could not be found."),
        ({"hypervisor_hostname": "x"}, "Compute host x could not be found."),
        ({"availability_zone": "z1:x"}, "Compute host x could not be found."),
        (
            {"host": "h1", "hypervisor_hostname": "h2"},
            "Compute host h2 could not be found.",
        ),
        (
            {"host": "h1", "availability_zone": "z1:h1"},
            "are mutually exclusive.",
        ),
        (
            {"availability_zone": "a:b:c:d"},
            "Unable to parse availability_zone",
        ),
        (
            {"availability_zone": "nothing"},
            "The requested availability zone is not available",
        ),
        (
            {"host": "h1", "availability_zone": "nothing"},
            "The requested availability zone is not available",
        ),
    ],
    ids=[*"abcdefgh"],
)
def test_on_no_host(
    cloud: Compute, fields: dict[str, Any], words: str
) -> None:
    cloud.create()
    body = cloud.request(**fields)
    assert words in cloud.refused(400, "POST", "/servers", body, token=OWNER)
    old = {"version": "2.73", "token": OWNER}
    if "host" in fields:
        said = cloud.refused(400, "POST", "/servers", body, **old)
        assert "Invalid input for field/attribute server." in said


def test_a_host_and_a_zone_that_it_is_not_in(wide: Compute) -> None:
    [server] = boot(wide, {}, OWNER, host="h3", availability_zone="z1")
    text = refusal(wide, server)
    assert "2 are not in zone z1" in text
    assert "1 is not the host that was asked for (h3)" in text
