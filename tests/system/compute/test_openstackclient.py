"""``openstack server ...`` and what goes with it."""

import contextlib
import pathlib

import pytest

from tests.system.cloud import Cloud, Engines
from tests.system.compute.conftest import Compute, Container, removed
from tests.system.registry.test_commit import ended


def test_from_create_to_delete(
    user: Compute, cloud: Cloud, image: str, name: str
) -> None:
    with removed(cloud, name):
        made = user(
            *("server", "create", name),
            *("--image", image, "--flavor", "c1.tiny"),
            *("--property", "role=web", "--tag", "blue"),
            *("--description", "one", "--hostname", "one"),
        )
        assert made["status"] in ("BUILD", "ACTIVE")
        user.reach(made["id"], "ACTIVE", {"BUILD"})
        shown = user("server", "show", name)
        assert shown["id"] == made["id"]
        assert shown["properties"] == {"role": "web"}
        assert shown["tags"] == ["blue"]
        assert shown["description"] == "one"
        assert shown["flavor"]["name"] == "c1.tiny"
        assert image in shown["image"]
        found = cloud.show(made["id"])
        assert found is not None
        assert found["hostname"] == "one"
        address = found["addresses"][0]["address"]
        assert shown["addresses"] == {"caas": [address]}

        [listed] = user("server", "list", "--name", f"^{name}$")
        assert listed["ID"] == made["id"]
        assert listed["Flavor"] == "c1.tiny"
        assert listed["Image"] == "quickstart:1"
        assert listed["Networks"] == {"caas": [address]}
        assert not user("server", "list", "--name", name, "--status=SHUTOFF")
        [listed] = user("server", "list", "--tags", "blue", "--name", name)
        [volume] = user("server", "volume", "list", name)
        assert volume["Device"] == "/containers/main"

        user.do(
            *("server", "set", name, "--description", "two", "--tag", "red"),
            *("--property", "role=db", "--property", "more=1"),
        )
        user.do(
            *("server", "unset", name, "--tag", "blue"),
            *("--property", "more"),
        )
        shown = user("server", "show", name)
        assert shown["properties"] == {"role": "db"}
        assert shown["tags"] == ["red"]
        assert shown["description"] == "two"

        user.do("server", "delete", name)
        cloud.gone(made["id"])
    assert user.run("server", "show", made["id"]).code


def test_power(user: Compute, engines: Engines, server: str) -> None:
    first = Container(engines, server)
    user.do("server", "stop", server)
    user.reach(server, "SHUTOFF", {"ACTIVE"})
    assert not Container(engines, server).running
    user.do("server", "start", server)
    user.reach(server, "ACTIVE", {"SHUTOFF"})
    second = Container(engines, server)
    assert second.running
    user.do("server", "reboot", server)
    user.reach(server, "ACTIVE", {"REBOOT"})
    third = Container(engines, server)
    user.do("server", "reboot", "--hard", server)
    user.reach(server, "ACTIVE", {"REBOOT", "HARD_REBOOT"})
    fourth = Container(engines, server)
    pids = {each.pid for each in (first, second, third, fourth)}
    assert len(pids) == 4
    assert first.id == fourth.id


@pytest.mark.parametrize(
    ("verb", "back", "status"),
    [("pause", "unpause", "PAUSED"), ("suspend", "resume", "SUSPENDED")],
)
def test_freezing(
    user: Compute,
    engines: Engines,
    server: str,
    verb: str,
    back: str,
    status: str,
) -> None:
    container = Container(engines, server)
    user.do("server", verb, server)
    user.reach(server, status, {"ACTIVE"})
    assert container.frozen
    refused = user.run("server", "stop", server)
    assert f"Cannot 'stop' instance {server} while it is in" in refused.err
    user.do("server", back, server)
    user.reach(server, "ACTIVE", {status, "PAUSED"})
    assert not container.frozen
    assert Container(engines, server).pid == container.pid


def test_lock(user: Compute, operator: Compute, server: str) -> None:
    user.do("server", "lock", "--reason", "on holiday", server)
    shown = user("server", "show", server)
    assert shown["locked"]
    assert shown["locked_reason"] == "on holiday"
    refused = user.run("server", "stop", server)
    assert refused.code
    assert "locked" in refused.err
    assert user("server", "show", server)["status"] == "ACTIVE"
    locked = {each["ID"] for each in user("server", "list", "--locked")}
    assert server in locked
    operator.do("server", "reboot", server)
    user.reach(server, "ACTIVE")
    user.do("server", "unlock", server)
    user.do("server", "reboot", server)
    user.reach(server, "ACTIVE")


def test_resize(user: Compute, engines: Engines, server: str) -> None:
    container = Container(engines, server)

    def memory() -> int:
        """MiB it may use, as the kernel has it."""
        assert Container(engines, server).pid == container.pid
        return container.memory

    before = memory()
    user.do("server", "resize", "--flavor", "c1.small", server)
    user.reach(server, "VERIFY_RESIZE", {"RESIZE"})
    resized = memory()
    assert resized > before + 100
    user.do("server", "resize", "revert", server)
    user.reach(server, "ACTIVE", {"REVERT_RESIZE"})
    shown = user("server", "show", server)
    assert shown["flavor"]["name"] == "c1.tiny"
    assert memory() == before
    user.do("server", "resize", "--flavor", "c1.small", server)
    user.reach(server, "VERIFY_RESIZE", {"RESIZE"})
    user.do("server", "resize", "confirm", server)
    shown = user("server", "show", server)
    assert shown["status"] == "ACTIVE"
    assert shown["flavor"]["name"] == "c1.small"
    assert memory() == resized
    refused = user.run("server", "resize", "--flavor", "c1.small", server)
    assert "must change flavor" in refused.err


def test_rebuild(
    user: Compute,
    operator: Compute,
    cloud: Cloud,
    engines: Engines,
    server: str,
    name: str,
) -> None:
    before = user("server", "show", server)
    found = cloud.show(server)
    assert found is not None
    container = Container(engines, server)
    container.execute("sh", "-c", "echo one > /root/mark")
    answer = cloud.http.post(
        f"/sets/{server}/containers/main/commit",
        json={"commit": {"image": f"demo/{name}:1"}},
    )
    assert answer.status_code == 202, answer.text
    ended(cloud, answer.json()["job"]["id"])
    made = user("caas", "image", "show", f"demo/{name}:1")
    try:
        container.execute("rm", "/root/mark")
        user.do("server", "rebuild", "--image", made["id"], server)
        user.reach(server, "ACTIVE", {"REBUILD"})
        shown = user("server", "show", server)
        assert made["id"] in shown["image"]
        for key in ("id", "name", "addresses", "flavor", "created"):
            assert shown[key] == before[key], key
        other = Container(engines, server)
        assert other.pid != container.pid
        assert other.execute("cat", "/root/mark") == "one\n"
    finally:
        cloud.delete(server)
        cloud.gone(server)
        operator.do("caas", "image", "delete", "--purge", made["id"])


@pytest.mark.parametrize(
    ("option", "said"),
    [
        (("--key-name", "none-of-mine"), "Invalid key_name provided."),
        (("--hint", "group=x"), "must be the id of a server group"),
        (("--hint", "cidr=/24"), "no addresses that users know"),
        (("--block-device", "source_type=volume,uuid=x"), "disks are contai"),
    ],
)
def test_what_is_refused(
    user: Compute, image: str, name: str, option: tuple[str, str], said: str
) -> None:
    refused = user.run(
        *("server", "create", name, "--image", image),
        *("--flavor", "c1.tiny", *option),
    )
    assert refused.code
    assert "400" in refused.err
    assert said in refused.err
    assert not user("server", "list", "--name", name)


def test_flavors(user: Compute, operator: Compute, name: str) -> None:
    operator.do(
        *("flavor", "create", name, "--id", name),
        *("--vcpus", "2", "--ram", "128", "--disk", "3"),
        *("--description", "for one"),
    )
    try:
        shown = user("flavor", "show", name)
        assert (shown["vcpus"], shown["ram"], shown["disk"]) == (2, 128, 3)
        assert shown["description"] == "for one"
        assert name in {each["Name"] for each in user("flavor", "list")}
        assert user.run("flavor", "delete", name).code
    finally:
        operator.do("flavor", "delete", name)
    assert user.run("flavor", "show", name).code


def test_key_pairs(user: Compute, name: str, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "key"
    user.do("keypair", "create", name, "--private-key", str(file))
    try:
        assert "PRIVATE KEY" in file.read_text()
        shown = user("keypair", "show", name)
        [listed] = [k for k in user("keypair", "list") if k["Name"] == name]
        assert listed["Fingerprint"] == shown["fingerprint"]
        public = user.run("keypair", "show", "--public-key", name).out
        assert public.startswith("ssh-")
    finally:
        user.do("keypair", "delete", name)
    assert user.run("keypair", "show", name).code


def test_hosts(user: Compute, operator: Compute) -> None:
    hosts = [each["Name"] for each in operator("caas", "host", "list")]
    hypervisors = operator("hypervisor", "list")
    assert {h["Hypervisor Hostname"] for h in hypervisors} == set(hosts)
    assert {h["Hypervisor Type"] for h in hypervisors} == {"docker"}
    shown = operator("hypervisor", "show", hosts[0])
    assert (shown["state"], shown["status"]) == ("up", "enabled")
    assert operator("hypervisor", "stats", "show")["count"] == len(hosts)
    services = operator("compute", "service", "list")
    agents = [s for s in services if s["Binary"] == "nova-compute"]
    assert {s["Host"] for s in agents} == set(hosts)
    assert {s["State"] for s in agents} == {"up"}
    [zone, *_] = user("availability", "zone", "list", "--compute")
    assert zone["Zone Status"] == "available"
    assert user.run("hypervisor", "list").code
    assert user.run("compute", "service", "list").code


def test_disabling_a_host(operator: Compute) -> None:
    host = operator("hypervisor", "list")[0]["Hypervisor Hostname"]
    operator.do(
        *("compute", "service", "set", "--disable"),
        *("--disable-reason", "dust", host, "nova-compute"),
    )
    try:
        [found] = [
            each
            for each in operator("compute", "service", "list", "--long")
            if (each["Host"], each["Binary"]) == (host, "nova-compute")
        ]
        assert found["Status"] == "disabled"
        assert found["Disabled Reason"] == "dust"
        assert operator("caas", "host", "show", host)["enabled"] is False
    finally:
        operator.do(
            *("compute", "service", "set", "--enable", host, "nova-compute")
        )


def test_limits(user: Compute, server: str) -> None:
    quota = {
        each["Resource"]: each["Limit"]
        for each in user("quota", "show", "--compute")
    }
    limits = {
        each["Name"]: each["Value"]
        for each in user("limits", "show", "--absolute")
    }
    assert limits["max_total_instances"] == quota["instances"]
    assert limits["max_total_cores"] == quota["cores"]
    assert limits["total_instances_used"] >= 1
    assert limits["total_ram_used"] >= 64


def test_server_groups(
    user: Compute, operator: Compute, cloud: Cloud, image: str, name: str
) -> None:
    """One on each host; then there is none left, and it says so."""
    hosts = {each["Name"] for each in operator("caas", "host", "list")}
    group = user("server", "group", "create", name, "--policy=anti-affinity")
    create = ("server", "create", "--image", image, "--flavor", "c1.tiny")
    with removed(cloud, f"{name}-more"), contextlib.ExitStack() as stack:
        for number in range(len(hosts)):
            stack.enter_context(removed(cloud, f"{name}-{number}"))
        made = [
            user(
                *(*create, f"{name}-{number}"),
                *("--hint", f"group={group['id']}"),
            )["id"]
            for number in range(len(hosts))
        ]
        for each in made:
            user.reach(each, "ACTIVE", {"BUILD"})
        shown = user("server", "group", "show", name)
        assert sorted(shown["members"]) == sorted(made)
        where = {
            operator("server", "show", each)["OS-EXT-SRV-ATTR:host"]
            for each in made
        }
        assert where == hosts
        more = user(*create, f"{name}-more", "--server-group", name)["id"]
        user.reach(more, "ERROR", {"BUILD"})
        fault = user("server", "show", more)["fault"]
        assert fault["message"].startswith("No valid host was found. ")
        assert f"server group {name!r} (anti-affinity)" in fault["message"]
    user.do("server", "group", "delete", name)
    assert user.run("server", "group", "show", name).code


def test_on_a_host(
    user: Compute, operator: Compute, cloud: Cloud, image: str, name: str
) -> None:
    """For operators only."""
    host = operator("caas", "host", "list")[-1]["Name"]
    zone = operator("caas", "host", "show", host)["availability_zone"]
    create = ("server", "create", name, "--flavor", "c1.tiny")
    at = ("--image", image, "--availability-zone", f"{zone}:{host}")
    refused = user.run(*create, *at)
    assert refused.code
    assert "403" in refused.err
    refused = operator.run(*create, *at[:-1], f"{zone}:nowhere")
    assert "Compute host nowhere could not be found." in refused.err
    made = operator(*create, *at)["id"]
    try:
        operator.reach(made, "ACTIVE", {"BUILD"})
        shown = operator("server", "show", made)
        assert shown["OS-EXT-SRV-ATTR:host"] == host
    finally:
        operator.do("server", "delete", "--wait", made)
