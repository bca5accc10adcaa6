"""Every command of ``openstack`` about servers is known, and those that
:mod:`test_openstackclient` does not use are used here."""

from importlib import metadata

from tests.system.cloud import Cloud, Engines, wait_for
from tests.system.compute.conftest import Compute, Container, removed

#: Used here, in test_openstackclient.py, or by the guide.
USED = {
    *("server create", "server delete", "server list", "server show"),
    *("server set", "server unset", "server start", "server stop"),
    *("server reboot", "server pause", "server unpause", "server suspend"),
    *("server resume", "server lock", "server unlock", "server resize"),
    *("server resize confirm", "server resize revert", "server rebuild"),
    *("server event list", "server event show", "server volume list"),
    *("server shelve", "server unshelve"),
    *("server image create", "server backup create"),
    *("server group create", "server group delete"),
    *("server group list", "server group show"),
    *("server migration confirm", "server migration revert"),
    *("server rescue", "server unrescue"),
    *("server migrate", "server migrate confirm", "server migrate revert"),
    "server migration list",
}

#: Command with {} for a server -> what it says, as there are no networks,
#: volumes and shares of other services to choose from here.
REFUSED = {
    "server add fixed ip {} net": "/os-interface",
    "server add floating ip {} 10.0.0.1": "network service",
    "server add network {} net": "/os-interface",
    "server add port {} port": "/os-interface",
    "server remove fixed ip {} 10.0.0.1": "no such action: removeFixedIp",
    "server remove floating ip {} 10.0.0.1": "network service",
    "server remove port {} port": "/os-interface",
    "server add volume {} volume": "block-storage",
    "server remove volume {} volume": "block-storage",
    "server volume set {} volume --delete-on-termination": "block-storage",
    "server volume update {} volume --delete-on-termination": "block-storage",
    "server add share {} share": "share",
    "server remove share {} share": "share",
    "server share list {}": "2.97",
    "server share show {} share": "share",
    "server dump create {}": "no kernel of their own to crash",
}

#: What sets cannot do yet, and ``server ssh``, which is a call of ssh.
NOT_YET = {
    *("server ssh", "server restore"),
    *("server add security group", "server remove security group"),
    "server evacuate",
    *("server migration show", "server migration abort"),
    "server migration force complete",
    # says nothing where there are no ports
    "server remove network",
}


def test_all_are_known() -> None:
    """A newer client with a command more is noticed."""
    there = {
        each.name.replace("_", " ")
        for each in metadata.entry_points(group="openstack.compute.v2")
        if each.name.startswith("server_")
    }
    refused = {
        name
        for name in there
        for each in REFUSED
        if each.startswith(f"{name} {{}}")
    }
    assert there == USED | refused | NOT_YET


def test_what_is_refused(user: Compute, server: str) -> None:
    said = {
        command: user.run(*command.format(server).split())
        for command in REFUSED
    }
    assert {
        command: done.err
        for command, done in said.items()
        if not done.code
        or REFUSED[command] not in done.err
        or "Traceback" in done.err
    } == {}


def test_shelving(user: Compute, engines: Engines, server: str) -> None:
    before = Container(engines, server)
    user.do("server", "shelve", server)
    user.reach(server, "SHELVED_OFFLOADED", {"ACTIVE", "SHELVED"})
    assert not Container(engines, server).running
    refused = user.run("server", "start", server)
    assert f"Cannot 'start' instance {server}" in refused.err
    user.do("server", "unshelve", server)
    user.reach(server, "ACTIVE", {"SHELVED_OFFLOADED", "SHELVED"})
    after = Container(engines, server)
    assert after.running
    assert after.pid != before.pid


def test_rescue(user: Compute, engines: Engines, server: str) -> None:
    before = Container(engines, server)
    user.do("server", "rescue", server)
    user.reach(server, "RESCUE", {"ACTIVE"})
    shell = Container(engines, server)
    assert shell.running
    assert shell.pid != before.pid
    user.do("server", "unrescue", server)
    # it is ACTIVE from then on, with a task
    wait_for(
        "what it was before",
        lambda: not user.connection.compute.get_server(server).task_state,
    )
    assert user("server", "show", server)["status"] == "ACTIVE"
    assert Container(engines, server).pid != shell.pid


def test_to_another_host(
    user: Compute, operator: Compute, engines: Engines, server: str
) -> None:
    """And back, and there again."""

    def host() -> str:
        shown = operator.connection.compute.get_server(server)
        return str(shown.compute_host)

    first = host()
    for verb, where in (("revert", True), ("confirm", False)):
        operator.do("server", "migrate", server)
        user.reach(server, "VERIFY_RESIZE", {"RESIZE"})
        assert host() != first
        operator.do("server", "migrate", verb, server)
        user.reach(server, "ACTIVE", {"REVERT_RESIZE", "VERIFY_RESIZE"})
        assert (host() == first) is where
        # that of the set, and the one
        wait_for(
            "what it left to be gone",
            lambda: len(engines.containers(server)) == 2,
        )
        assert Container(engines, server).running
    listed = operator("server", "migration", "list", "--server", server)
    assert {each["Source Compute"] for each in listed} >= {first}


def backup(user: Compute, server: str, name: str) -> str:
    """Make one, of which one is kept.  :returns: its id.

    :param name: of its own: the client looks for it by that.
    """
    before = {each["ID"] for each in user("image", "list")}
    user.do(
        *("server", "backup", "create", server, "--name", name),
        *("--type", "daily", "--rotate", "1"),
    )

    def look() -> str:
        found = [
            each
            for each in user("image", "list")
            if each["Name"].startswith(name[:-1])
            and each["Status"] == "active"
        ]
        task = user.connection.compute.get_server(server).task_state
        if task or len(found) != 1 or found[0]["ID"] in before:
            return ""
        return str(found[0]["ID"])

    return wait_for("the backup", look, 40)


def test_images(
    user: Compute, operator: Compute, server: str, name: str
) -> None:
    made = []
    try:
        shown = user(
            *("server", "image", "create", server, "--name", name),
            *("--property", "by=test", "--wait"),
        )
        made.append(shown["id"])
        assert (shown["name"], shown["status"]) == (name, "active")
        assert shown["properties"]["by"] == "test"
        first = backup(user, server, f"{name}-b1")
        second = backup(user, server, f"{name}-b2")
        assert second != first
        made.append(second)
        assert user("server", "show", server)["status"] == "ACTIVE"
    finally:
        for each in made:
            operator.do("caas", "image", "delete", "--purge", each)


def test_groups(user: Compute, cloud: Cloud, image: str, name: str) -> None:
    group = user(
        *("server", "group", "create", name),
        *("--policy", "anti-affinity"),
    )["id"]
    try:
        with removed(cloud, f"{name}-1"), removed(cloud, f"{name}-2"):
            user.do(
                *("server", "create", name, "--min", "2", "--max", "2"),
                *("--image", image, "--flavor", "c1.tiny"),
                *("--hint", f"group={group}"),
            )
            servers = {
                each.id for each in user.connection.compute.servers(name=name)
            }
            for each in servers:
                user.reach(each, "ACTIVE", {"BUILD"})
            hosts = {
                each.host_id
                for each in user.connection.compute.servers(name=name)
            }
            shown = user("server", "group", "show", group)
            assert set(shown["members"]) == servers
            assert len(servers) == len(hosts) == 2
    finally:
        user.do("server", "group", "delete", group)
    assert name not in {g["Name"] for g in user("server", "group", "list")}


def test_events(user: Compute, server: str) -> None:
    user.do("server", "reboot", server)
    user.reach(server, "ACTIVE", {"REBOOT"})
    events = user("server", "event", "list", server)
    [found] = [each for each in events if each["Action"] == "reboot"]
    shown = user("server", "event", "show", server, found["Request ID"])
    assert shown["action"] == "reboot"


def test_waiting(user: Compute, cloud: Cloud, image: str, name: str) -> None:
    """``--wait`` of each that has it, and of the SDK."""
    with removed(cloud, name):
        user.do(
            *("server", "create", name, "--image", image, "--wait"),
            *("--flavor", "c1.tiny"),
        )
        for words in (
            ("resize", "--flavor", "c1.small", "--wait", name),
            ("resize", "confirm", name),
            ("delete", "--wait", name),
        ):
            user.do("server", *words)
        assert user.connection.get_server(name) is None


def test_confirming_migrations(user: Compute, server: str) -> None:
    """The word of newer clients for the end of a resize."""
    for verb, flavor in (("revert", "c1.tiny"), ("confirm", "c1.small")):
        user.do("server", "resize", "--flavor", "c1.small", server)
        user.reach(server, "VERIFY_RESIZE", {"RESIZE"})
        user.do("server", "migration", verb, server)
        user.reach(server, "ACTIVE", {"REVERT_RESIZE"})
        shown = user("server", "show", server)
        assert shown["flavor"]["name"] == flavor
