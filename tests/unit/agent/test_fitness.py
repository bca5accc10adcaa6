"""What is judged of the facts of a host."""

import datetime
import ipaddress
import json
import pathlib
import threading
import time

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from oslo_config import cfg

from caas import conf as caas_conf
from caas.agent import state
from caas.agent.fitness import (
    certificates,
    checks,
    engine,
    finding,
    kernel,
    look,
    machine,
    network,
)
from caas.agent.fitness.deadline import within
from caas.agent.fitness.finding import Finding, Level, ok, unfit, warning
from caas.drivers.runtime.base import EngineError
from tests.unit.agent.sets import wanted

OK, WARNING, UNFIT = Level.OK, Level.WARNING, Level.UNFIT
GIB = 1 << 30


@pytest.mark.parametrize(
    ("version", "level"),
    [
        ("20.10.24+dfsg1", OK),
        ("28.5.1", OK),
        ("29.0.0-rc1", OK),
        ("20.9", UNFIT),
        ("19.03.15", UNFIT),
        ("1.13.1", UNFIT),
        ("master", WARNING),
    ],
)
def test_version_of_the_engine(version, level):
    assert engine.version(version).level == level


@pytest.mark.parametrize(
    ("driver", "details", "level"),
    [
        ("overlay2", {"Supports d_type": "true"}, OK),
        ("overlay2", {}, OK),
        ("overlay2", {"Supports d_type": "false"}, UNFIT),
        ("overlayfs", {"driver-type": "io.containerd.snapshotter.v1"}, OK),
        ("devicemapper", {"Data loop file": "/var/lib/docker/x"}, UNFIT),
        ("devicemapper", {"Pool Name": "vg-thin"}, WARNING),
        ("vfs", {}, WARNING),
        ("aufs", {}, WARNING),
        ("overlay", {"Supports d_type": "true"}, WARNING),
        ("btrfs", {}, OK),
    ],
)
def test_storage(driver, details, level):
    found = engine.storage(driver, details)
    assert found.level == level
    assert (
        (level == OK)
        or "overlay2" in found.message
        or "ext4" in (found.message)
    )


def test_ways_the_engine_runs():
    assert engine.live_restore(True).level == OK
    assert engine.live_restore(False).level == WARNING
    assert engine.security(["seccomp"]).level == OK
    assert engine.security(["seccomp", "userns"]).level == WARNING
    assert engine.security(["rootless"]).level == UNFIT
    assert engine.start(0.3, 9).level == OK
    assert engine.start(EngineError("No."), 9).message.startswith("No. If")
    hung = engine.start(None, 9)
    assert hung.level == UNFIT
    assert "within 9 s" in hung.message


@pytest.mark.parametrize(
    ("release", "level"),
    [
        ("6.18.44-fc", OK),
        ("5.15.0-generic", OK),
        ("4.19.0", OK),
        ("4.18.0-305.el8", WARNING),
        ("3.10.0-1160.el7", WARNING),
        ("2.6.32", UNFIT),
        ("?", UNFIT),
    ],
)
def test_kernel(release, level):
    assert kernel.release(release).level == level


def test_namespaces_and_interfaces():
    assert kernel.kinds(kernel.NAMESPACES).level == OK
    less = kernel.kinds(["mnt", "net", "pid", "uts"])
    assert less.level == UNFIT
    assert "no namespaces of ipc" in less.message
    assert kernel.links("").level == OK
    assert "module veth" in kernel.links("veth").message


ALL_V1 = frozenset({*kernel.NEEDED_V1, *kernel.WANTED, "rw"})
ALL_V2 = frozenset({"cpu", "memory", "pids", "io", "cpuset"})


@pytest.mark.parametrize(
    ("groups", "engines", "levels", "words"),
    [
        (kernel.Groups(1, ALL_V1), 1, [OK], "Version 1"),
        (kernel.Groups(2, ALL_V2), 2, [OK], "Version 2"),
        (kernel.Groups(2, ALL_V2), None, [OK], "Version 2"),
        (kernel.Groups(0, frozenset()), None, [UNFIT], "mount version 2"),
        (kernel.Groups(2, ALL_V2), 1, [UNFIT], "restart the engine"),
        (kernel.Groups(1, ALL_V1 - {"memory"}), 1, [UNFIT], "memory"),
        (kernel.Groups(1, ALL_V1 - {"freezer"}), 1, [UNFIT], "freezer"),
        (kernel.Groups(2, ALL_V2 - {"pids"}), 2, [UNFIT], "pids"),
        (kernel.Groups(2, ALL_V2 - {"io"}), 2, [WARNING], "blkio"),
        (
            kernel.Groups(1, ALL_V1 - {"cpuset", "cpuacct"}),
            1,
            [WARNING, WARNING],
            "cpuset",
        ),
    ],
)
def test_control_groups(groups, engines, levels, words):
    found = kernel.controllers(groups, engines)
    assert [one.level for one in found] == levels
    assert words in found[0].message


def test_which_control_groups_are_mounted(tmp_path):
    v1 = (
        "32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
        "35 31 0:32 / /sys/fs/cgroup/mem rw - cgroup cgroup rw,memory\n"
    )
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids\n")
    v2 = f"41 31 0:38 / {tmp_path} rw,relatime - cgroup2 cgroup2 rw\n"
    found = kernel.groups(v1 + v2)
    assert (found.version, "memory" in found.controllers) == (1, True)
    assert kernel.groups(v2) == kernel.Groups(
        2, frozenset({"cpu", "memory", "pids"})
    )
    assert kernel.groups("").version == 0


def test_who_makes_control_groups():
    assert kernel.driver("cgroupfs", systemd=False).level == OK
    assert kernel.driver("systemd", systemd=True).level == OK
    assert kernel.driver("systemd", systemd=False).level == UNFIT
    assert kernel.driver("none", systemd=True).level == UNFIT


def test_swap():
    assert kernel.swap(False, 0).level == OK
    assert kernel.swap(True, 4096).level == OK
    assert kernel.swap(False, 4096).level == WARNING


TAKEN = network.Taken


@pytest.mark.parametrize(
    ("other", "level"),
    [
        (TAKEN("10.90.0.0/16", "interface eth0"), OK),
        (TAKEN("10.89.7.0/24", "interface eth0"), UNFIT),
        (TAKEN("10.0.0.0/8", "interface eth0"), UNFIT),
        (TAKEN("10.89.0.7/32", "interface dummy0"), UNFIT),
        (TAKEN("10.89.0.0/16", "network bridge of Docker"), UNFIT),
        (TAKEN("10.89.3.0/24", "route by way of 192.0.2.1", True), UNFIT),
        (TAKEN("10.89.0.0/16", "route by way of 192.0.2.1", True), UNFIT),
        # the routes to sets are narrower
        (TAKEN("10.0.0.0/8", "route by way of 192.0.2.1", True), OK),
        (TAKEN("10.89.0.1/32", "interface qs-1", False, True), WARNING),
    ],
)
def test_addresses_that_clash(other, level):
    (found,) = network.subnets(["10.89.0.0/16"], [other], masquerade=True)
    assert found.level == level
    assert found.name == "subnets"
    if level == UNFIT:
        assert other.network in found.message
        assert other.where in found.message


def test_a_route_to_the_sets_themselves():
    """Where the network around a host has them, it is as it should be."""
    other = TAKEN("10.89.0.0/16", "route by way of 192.0.2.1", routed=True)
    (found,) = network.subnets(["10.89.0.0/16"], [other], masquerade=False)
    assert found.level == WARNING


def test_a_clash_is_told_once():
    others = [
        *network.engines([("bridge", "10.89.0.0/24")]),
        TAKEN("10.89.0.0/24", "interface docker0"),
        TAKEN("10.89.0.0/24", "route to interface docker0"),
        TAKEN("10.89.1.0/24", "interface eth0"),
    ]
    found = network.subnets(["10.89.0.0/16"], others, masquerade=True)
    assert len(found) == 2
    assert "'bip'" in found[0].message
    (found,) = network.subnets([], others, masquerade=True)
    assert found.level == OK


def test_the_packet_filter():
    assert network.packet_filter("", False, "iptables").level == OK
    assert network.packet_filter("", True, "iptables").level == WARNING
    assert network.packet_filter("No.", False, "iptables").level == UNFIT
    assert network.forwarding(True).level == OK
    assert network.forwarding(False).level == WARNING


@pytest.mark.parametrize(
    ("space", "level"),
    [
        (machine.Space("/a", 20 * GIB, 1000, 500), OK),
        (machine.Space("/a", 20 * GIB), OK),
        (machine.Space("/a", 4 * GIB, 1000, 500), WARNING),
        (machine.Space("/a", GIB - 1, 1000, 500), UNFIT),
        (machine.Space("/a", 20 * GIB, 1000, 40), WARNING),
        (machine.Space("/a", 20 * GIB, 1000, 5), UNFIT),
    ],
)
def test_space(space, level):
    found = machine.space(space, "volumes")
    assert found.level == level
    assert found.message.startswith("/a (volumes)")


def test_space_of_a_folder_that_is_not_there_yet(tmp_path):
    found = machine.space_of(str(tmp_path / "a" / "b"))
    assert found.free > 0
    assert found.path.endswith("/a/b")


def test_memory():
    assert machine.memory("MemTotal: 2048 kB\nHugePages_Total: 0\n") == {
        "MemTotal": 2
    }
    assert machine.memory_for_sets(4096, 2000, 512).level == OK
    assert machine.memory_for_sets(4096, 100, 512).level == WARNING
    assert machine.memory_for_sets(600, 500, 512).level == UNFIT


def test_clocks():
    assert machine.clock(True).level == OK
    assert machine.clock(False).level == WARNING
    assert machine.compared(0.4, "u").level == OK
    assert "7 s behind" in machine.compared(-7.0, "u").message
    assert machine.compared(8.0, "u").level == WARNING
    assert machine.compared(900.0, "u").level == UNFIT
    assert machine.compared(None, "u").level == WARNING
    assert "OSError" in machine.compared(OSError("x"), "u").message


def test_files_and_lxcfs():
    assert machine.files(1024, 1000).level == WARNING
    assert machine.files(65536, 1000).level == OK
    assert machine.files(-1, 1000).level == OK
    assert machine.lxcfs(machine.Lxcfs(""), "").level == OK
    assert machine.lxcfs(machine.Lxcfs("/l"), "/l").level == WARNING
    assert machine.lxcfs(machine.Lxcfs("/l", True), "/l").level == OK
    assert machine.lxcfs(None, "/l").level == UNFIT


def test_the_port_of_streams():
    assert certificates.port(1, taken=False, ours=False).level == OK
    assert certificates.port(1, taken=True, ours=True).level == OK
    assert certificates.port(1, taken=True, ours=False).level == UNFIT


NOW = 1_800_000_000.0
DAY = 86400


@pytest.mark.parametrize(
    ("found", "level", "words"),
    [
        (("", NOW + 300 * DAY, NOW + 300 * DAY), OK, "is good"),
        (("", NOW + 10.5 * DAY, NOW + 300 * DAY), WARNING, "in 10 days"),
        (("", NOW + 300 * DAY, NOW + 9 * DAY), WARNING, "its authority"),
        (("It has expired",), UNFIT, "It has expired; make another"),
    ],
)
def test_the_certificate(found, level, words):
    judged = certificates.certificate(
        certificates.Certificate(*found), "node-1", NOW
    )
    assert judged.level == level
    assert words in judged.message


def make_certificate(name, issuer=None, days=300):
    """A key and a certificate.

    :param issuer: the same of who signs it; None for an authority.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    by_key, by = issuer or (key, None)
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by.subject if by else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=5))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(
            x509.BasicConstraints(ca=by is None, path_length=None), True
        )
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name)]), False
        )
        .sign(by_key, hashes.SHA256())
    )
    return key, made


def test_certificates_are_taken_as_proxies_take_them(tmp_path):
    pem = serialization.Encoding.PEM
    files = [str(tmp_path / name) for name in ("ca", "cert", "key")]

    def put(authority, key, own):
        contents = (
            authority[1].public_bytes(pem),
            own.public_bytes(pem),
            key.private_bytes(
                pem,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
        )
        for file, content in zip(files, contents, strict=True):
            pathlib.Path(file).write_bytes(content)

    authority = make_certificate("authority")
    good = make_certificate("node-1", authority)
    put(authority, *good)
    found = certificates.read(*files, "node-1")
    assert found.refused == ""
    assert found.ends > time.time() + 299 * DAY
    assert found.authority_ends > time.time() + 299 * DAY
    assert "node-2" in certificates.read(*files, "node-2").refused
    put(make_certificate("authority"), *good)
    assert certificates.read(*files, "node-1").refused
    put(authority, *make_certificate("node-1", authority, days=-1))
    assert "expired" in certificates.read(*files, "node-1").refused
    put(authority, authority[0], good[1])
    with pytest.raises(OSError, match="MISMATCH"):
        certificates.read(*files, "node-1")
    pathlib.Path(files[2]).write_text("no key")
    with pytest.raises(OSError, match="PEM"):
        certificates.read(*files, "node-1")


def test_what_a_host_tells():
    found = [ok("a", "A."), unfit("b", "B."), warning("c", "C.")]
    assert finding.verdict(found) == finding.Verdict(("b: B.",), ("c: C.",))
    (_, tolerated, _) = finding.tolerated(found, ["b"])
    assert tolerated.level == WARNING
    assert finding.tolerated(found, ["a", "c"]) == found


def test_waiting_has_an_end():
    gate = threading.Event()
    began = time.monotonic()
    found = within(
        0.2,
        {
            "good": lambda: 1,
            "bad": lambda: 1 // 0,
            "hung": lambda: gate.wait(30),
        },
    )
    gate.set()
    assert time.monotonic() - began < 10
    assert found.pop("good") == 1
    assert isinstance(found.pop("bad"), ZeroDivisionError)
    assert not found


@pytest.fixture
def conf(tmp_path):
    made = cfg.ConfigOpts()
    caas_conf.register_all(made)
    made([], project="caas", default_config_files=[])
    made.set_override("state_path", str(tmp_path), "agent")
    made.set_override("runtime", "fake", "agent")
    return made


def test_what_goes_wrong_with_one_check_is_its_own_affair(conf):
    gate = threading.Event()

    def hangs(subject):
        gate.wait(30)
        return []

    def breaks(subject):
        raise OSError("no such thing")

    found = checks.run(
        conf,
        {
            "good": lambda subject: [ok("good", "Well.")],
            "hangs": hangs,
            "breaks": breaks,
        },
        networks=[],
        agent=None,
        timeout=0.1,
    )
    gate.set()
    assert [(f.name, f.level) for f in found] == [
        ("good", OK),
        ("hangs", UNFIT),
        ("breaks", WARNING),
    ]
    assert "no such thing" in found[2].message


def test_an_agent_remembers_what_it_does_not_look_at_each_time(
    conf, monkeypatch, caplog
):
    found = {"kernel": OK, "start": UNFIT}

    def run(conf, which, **kwargs):
        return [
            Finding(name, level, "It is so.")
            for name, level in found.items()
            if name in which
        ]

    monkeypatch.setattr(checks, "run", run)
    caplog.set_level("INFO")
    fitness = look.Fitness(conf)
    assert fitness.look(False).unfit == ()
    assert fitness.look(True).unfit == ("start: It is so.",)
    assert fitness.look(False).unfit == ("start: It is so.",)
    found["start"] = OK
    assert fitness.look(True).unfit == ()
    assert [record.levelname for record in caplog.records] == [
        "ERROR",
        "INFO",
    ]


def test_networks_an_agent_knows_of(tmp_path):
    folder = state.folder(str(tmp_path))
    assert state.networks(folder) == []
    assert state.holder(folder) is None
    there = state.State(folder)
    one = wanted()
    network_of_it = str(
        ipaddress.ip_interface(
            f"{one.nic.address}/{one.nic.prefix_len}"
        ).network
    )
    there.save(one.id, [json.loads(json.dumps(one.to_dict()))], {})
    assert state.networks(folder) == [network_of_it]
    there.keep_networks(["10.200.0.0/16"])
    assert state.networks(folder) == ["10.200.0.0/16", network_of_it]
    assert state.holder(folder) is not None
    there.close()
    assert state.holder(folder) is None
