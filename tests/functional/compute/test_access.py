"""Who may do what, for every route there is."""

import uuid
from typing import Any

import pytest

from caas.api.compute.operation import REGISTRY, Route
from tests.functional.compute.driver import ADMIN, Compute

ROUTES: list[Any] = [r for r in REGISTRY.operations if r.policy is not None]
NOWHERE = "1b4bcb45-9b2a-4bb8-a2b3-8a5a3bd6ac43"

TOKENS = {
    "nobody": None,
    "no role": "u1:p1:stranger",
    "service": "u1:p1:service",
    "reader": "u1:p1:reader",
    "other": "u2:p2:manager",
    "admin": ADMIN,
}

#: Rules of what is no change, though it is for operators.
OPERATORS = (
    *("caas:hosts:", "caas:services:", "caas:aggregates:"),
    *("caas:flavors:create", "caas:flavors:access", "caas:flavors:specify"),
)


#: Actions that read.
READS = ("consoles.output",)


def path_of(route: Route, known: dict[str, str]) -> str:
    """Where users ask for it."""
    path = route.path.format_map(known)
    return path.partition("/action/")[0] + "/action" * ("/action/" in path)


def known_of(compute: Compute) -> dict[str, str]:
    server = compute.create(metadata={"a": "b"}, tags=["one"])
    shown = compute.get(server)
    host = compute.service.host(f"h-{server}")
    flavor = private_flavor(compute, f"f-{server}"[:36])
    return {
        "server_id": server,
        "key": "a",
        "tag": "one",
        "label": "caas",
        "volume_id": shown["os-extended-volumes:volumes_attached"][0]["id"],
        "flavor_id": flavor,
        "spec": "a",
        "hypervisor": host,
        "service_id": host,
        "keypair": "mine",
        "quota_project": "p1",
        "quota_class": "default",
        "console_token": "nothing",
        "image_id": _image(compute),
        "port": port_of(server),
        "migration": "1",
        **dict.fromkeys(("old", "entry", "network", "group", "rule"), "1"),
        **dict.fromkeys(("ip", "volume", "node"), "1"),
        "aggregate": aggregate(compute, f"a-{server}", f"h-{server}"),
        "host": f"h-{server}",
        "before": "2026-03-05 01:02:03",
        "group_id": _group(compute),
        "alias": "nothing",
        "request_id": _last_request(compute, server),
    }


def aggregate(compute: Compute, name: str, host: str) -> str:
    """One with a host.  :returns: its number."""
    body = {"aggregate": {"name": name}}
    made = compute.ok("POST", "/os-aggregates", body, token=ADMIN)
    ident: int = made["aggregate"]["id"]
    add = {"add_host": {"host": host}}
    compute.ok("POST", f"/os-aggregates/{ident}/action", add, token=ADMIN)
    return str(ident)


def private_flavor(compute: Compute, ident: str) -> str:
    """One of project p1, with an extra spec.  :returns: its id."""
    body = {
        "flavor": {
            **BODIES["flavors.create"]["flavor"],
            "id": ident,
            "name": ident,
            "os-flavor-access:is_public": False,
        }
    }
    compute.ok("POST", "/flavors", body, token=ADMIN)
    path = f"/flavors/{ident}"
    specs = {"extra_specs": {"a": "b"}}
    compute.ok("POST", f"{path}/os-extra_specs", specs, token=ADMIN)
    grant = {"addTenantAccess": {"tenant": "p1"}}
    compute.ok("POST", f"{path}/action", grant, token=ADMIN)
    return ident


def port_of(server: str) -> str:
    return str(uuid.uuid5(uuid.UUID(server), "port"))


def _image(compute: Compute) -> str:
    """One of project p1, with metadata."""
    made = compute.service.image("mine:1", owner="p1")
    made.properties = {"a": "b"}
    return made.id


def _group(compute: Compute) -> str:
    """One for many: the project may have few."""
    found = compute.ok("GET", "/os-server-groups")["server_groups"]
    if not found:
        made = compute.ok("POST", "/os-server-groups", GROUP)
        found = [made["server_group"]]
    ident: str = found[0]["id"]
    return ident


def _last_request(compute: Compute, server: str) -> str:
    found = compute.ok("GET", f"/servers/{server}/os-instance-actions")
    ident: str = found["instanceActions"][0]["request_id"]
    return ident


GROUP = {"server_group": {"name": "near", "policy": "affinity"}}

BODIES: dict[str, Any] = {
    "consoles.output": {"os-getConsoleOutput": {}},
    "flavors.create": {
        "flavor": {"name": "big", "vcpus": 1, "ram": 64, "disk": 1}
    },
    "flavors.update": {"flavor": {"description": "other"}},
    "flavor_access.add": {"addTenantAccess": {"tenant": "p7"}},
    "flavor_access.remove": {"removeTenantAccess": {"tenant": "p1"}},
    "flavor_specs.create": {"extra_specs": {"b": "c"}},
    "flavor_specs.update": {"a": "c"},
    "services.update": {"status": "disabled"},
    "services.update_by_name": {"host": "h1", "binary": "nova-compute"},
    "aggregates.create": {"aggregate": {"name": "new"}},
    "aggregates.update": {"aggregate": {"name": "other"}},
    "aggregates.add_host": {"add_host": {"host": "h1"}},
    "aggregates.remove_host": {"remove_host": {"host": "h1"}},
    "aggregates.set_metadata": {"set_metadata": {"metadata": {"a": "b"}}},
    "aggregates.images": {"cache": [{"id": NOWHERE}]},
    "old_hosts.update": {"status": "disable"},
    "keypairs.create": {
        "keypair": {
            "name": "new",
            "public_key": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIP0wmGHA7m6/"
            "mxPCpPwq+08mDoCyamZ7ZOg6oLQU45uu mine",
        }
    },
    "quota_classes.update": {"quota_class_set": {"instances": 5}},
    "external_events.create": {
        "events": [{"name": "network-changed", "server_uuid": NOWHERE}]
    },
    "remote_consoles.create": {
        "remote_console": {"protocol": "vnc", "type": "novnc"}
    },
    "remote_consoles.vnc": {"os-getVNCConsole": {"type": "novnc"}},
    "remote_consoles.spice": {"os-getSPICEConsole": {"type": "spice-html5"}},
    "remote_consoles.serial": {"os-getSerialConsole": {"type": "serial"}},
    "images.add": {"metadata": {"c": "d"}},
    "images.replace": {"metadata": {"c": "d"}},
    "images.put_pair": {"meta": {"a": "c"}},
    "interfaces.attach": {},
    "groups.add": {"addSecurityGroup": {"name": "default"}},
    "groups.remove": {"removeSecurityGroup": {"name": "default"}},
    "actions.reset_state": {"os-resetState": {"state": "error"}},
    "limits.update": {"quota_set": {"instances": 5}},
    "metadata.update": {"metadata": {"c": "d"}},
    "metadata.replace": {"metadata": {"c": "d"}},
    "metadata.put": {"meta": {"a": "d"}},
    "servers.update": {"server": {"name": "other"}},
    "tags.replace": {"tags": ["other"]},
    "actions.lock": {"lock": {}},
    "actions.reboot": {"reboot": {"type": "SOFT"}},
    "actions.resize": {"resize": {"flavorRef": "large"}},
    "actions.change_password": {"changePassword": {"adminPass": "secret"}},
    "moves.migrate_live": {
        "os-migrateLive": {"host": None, "block_migration": False}
    },
    "moves.evacuate": {"evacuate": {}},
    "snapshots.create_image": {"createImage": {"name": "a"}},
    "snapshots.create_backup": {
        "createBackup": {"name": "a", "backup_type": "b", "rotation": 1}
    },
}


#: Of actions that no set can do.
REFUSALS = {
    "addFixedIp": {"networkId": 1},
    "removeFixedIp": {"address": "192.0.2.1"},
    "addFloatingIp": {"address": "192.0.2.1"},
    "removeFloatingIp": {"address": "192.0.2.1"},
}


def body_of(compute: Compute, route: Route) -> Any:
    """One that is taken."""
    if route.name == "servers.create":
        return compute.request()
    if route.name in ("volumes.attach", "volumes.swap"):
        return {"volumeAttachment": {"volumeId": compute.image}}
    if route.name == "actions.rebuild":
        return {"rebuild": {"imageRef": compute.image}}
    if route.name == "server_groups.create":
        old = {"server_group": {"name": "near", "policies": ["affinity"]}}
        return old if route.versions[1] else GROUP
    if route.name.startswith("refusals."):
        action = route.path.rpartition("/")[2]
        return {action: REFUSALS.get(action)}
    if "/action/" in route.path and route.name not in BODIES:
        return {route.path.rpartition("/")[2]: None}
    return BODIES.get(route.name)


def version_of(route: Route) -> str:
    return str(route.versions[1] or "2.96")


def _operators(route: Route) -> bool:
    """Whether only they may."""
    assert route.policy is not None
    return route.policy.startswith(OPERATORS) or route.policy in (
        *("caas:flavors:update", "caas:flavors:delete"),
        *("caas:quotas:update", "caas:quotas:reset", "caas:quotas:class"),
        *("caas:usage:list", "caas:sets:tell", "caas:sessions:token"),
        *("caas:sets:reset_state", "caas:sets:migrations"),
        *("caas:sets:migrate", "caas:sets:evacuate"),
    )


def _allowed(route: Route, persona: str) -> set[int]:
    """What each of them may hear."""
    assert route.policy is not None
    personal = "keypairs" in route.policy
    operators = _operators(route)
    changes = route.method != "GET" and route.name not in READS
    match persona:
        case "nobody":
            return {401}
        case "service" if route.policy == "caas:sets:tell":
            return {207}
        case "no role" | "service":
            return {403}
        case "other" if "{server_id}" in route.path and not operators:
            return {404}
        case _ if route.name == "gone.gone":
            return {410}
        case "reader" if route.name in REFUSED:
            return {400, 404}
        case "reader":
            # of one that does not run yet there is nothing to tell
            return {403} if changes or operators else {200, 204, 404, 409}
        case "other":
            if operators:
                return {403}
            owned = {
                *("{server_id}", "{quota_project}", "{group_id}"),
                "{flavor_id}",
            }
            if owned & set(route.path.split("/")):
                return {404}
            # their own are another matter
            return {404} if personal and "{" in route.path else ANY
        case _:
            # of a status that does not allow it, or not here
            return ANY | {409} | UNSUPPORTED.get(route.name, set())


#: What Nova has a status for that only drivers of VMs know.
UNSUPPORTED = {
    "old_hosts.power": {501},
    "old_hosts.update": {501},
    "proxies.machines": {501},
}

#: What is refused to everybody who may read.
REFUSED = frozenset(
    {
        *("networks.make_group", "networks.change_group"),
        *("networks.delete_rule", "networks.make_floating_ip"),
        *("networks.floating_ip", "proxies.make", "proxies.volume"),
        "proxies.snapshot",
    }
)

ANY = {200, 201, 202, 204, 207, 404, 400}


@pytest.mark.parametrize(
    "route", ROUTES, ids=lambda r: f"{r.method} {r.path} {r.versions[0]}"
)
def test_who_may(compute: Compute, route: Route) -> None:
    """What is refused changes nothing."""
    known = known_of(compute)
    path, body = path_of(route, known), body_of(compute, route)
    how = {"version": version_of(route)}
    for persona, token in TOKENS.items():
        before = compute.service.rows()
        answer = compute.ask(route.method, path, body, token=token, **how)
        what = f"{persona}: {answer.status_int} {answer.text}"
        assert answer.status_int in _allowed(route, persona), what
        if answer.status_int >= 400 or route.method == "GET":
            assert compute.service.rows() == before, what


@pytest.mark.parametrize(
    "route",
    # operators see those of all projects
    [r for r in ROUTES if "{server_id}" in r.path and not _operators(r)],
    ids=lambda r: f"{r.method} {r.path} {r.versions[0]}",
)
def test_nobody_learns_that_a_server_is_there(
    compute: Compute, route: Route
) -> None:
    """Of another project, or nowhere: the answer is the same."""
    known = known_of(compute)
    body = body_of(compute, route)

    def ask(server: str) -> str:
        path = path_of(route, {**known, "server_id": server})
        said = compute.refused(
            404,
            route.method,
            path,
            body,
            token="u2:p2:manager",
            version=version_of(route),
        )
        return said.replace(server, "ID")

    assert ask(known["server_id"]) == ask(NOWHERE)


def test_only_operators_see_where_servers_are(compute: Compute) -> None:
    server = compute.create()
    for version in ("2.1", "2.3", "2.16", "2.96"):
        user = compute.get(server, version=version)
        operator = compute.get(server, version=version, token=ADMIN)
        more = operator.keys() - user.keys()
        assert "OS-EXT-SRV-ATTR:host" in more
        assert {key.split(":")[0] for key in more} <= {
            "OS-EXT-SRV-ATTR",
            "host_status",
        }


def test_key_pairs_of_others(compute: Compute) -> None:
    """Operators see them, if they say whose they mean."""
    compute.ok("POST", "/os-keypairs", BODIES["keypairs.create"])
    path = "/os-keypairs/new"
    assert compute.ok("GET", path)["keypair"]["user_id"] == "u1"
    other = "u2:p1:member"
    compute.refused(404, "GET", path, token=other)
    for name in ("new", "nothing"):
        whose = f"/os-keypairs/{name}?user_id=u1"
        compute.refused(403, "GET", whose, token=other)
    compute.ok("GET", f"{path}?user_id=u1", token="u9:p9:admin")
    said = compute.refused(
        409, "POST", "/os-keypairs", BODIES["keypairs.create"]
    )
    assert said == "Key pair 'new' already exists."
