import dataclasses

import pytest

from caas.agent.validate import is_id, refusal
from caas.model import spec
from caas.model.states import Desired
from tests.unit.agent.sets import NIC, container, wanted


def test_all_is_well():
    full = container(
        "web",
        user="www-data:www-data",
        env={"A": "x=y"},
        labels={"tier": "front"},
        mounts=(
            spec.Mount("/data", "db/main"),
            spec.Mount("/etc/app", "", True),
        ),
        ulimits=(spec.Ulimit("nofile", 1024, -1),),
        pids_limit=10,
        cpuset="0-3,6",
        block_io=spec.BlockIo(read_bps=1 << 20),
    )
    sysctls = {"net.core.somaxconn": "1024", "kernel.sem": "250 32000 32 128"}
    assert refusal(wanted(full, sysctls=sysctls)) == ""


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"name": "infra"}, "cannot be used"),
        ({"name": "a/b"}, "cannot be used"),
        ({"name": "../x"}, "cannot be used"),
        ({"name": ""}, "cannot be used"),
        ({"digest": "latest"}, "digest"),
        ({"digest": "sha256:../../etc/passwd" + "0" * 40}, "digest"),
        ({"user": "root\nx"}, "cannot be a user"),
        ({"policy": "perhaps"}, "restart policy"),
        ({"cpu_percent": 0}, "percentage"),
        ({"memory_percent": 101}, "percentage"),
        ({"env": {"A=B": "secret"}}, "variable"),
        ({"env": {"A": "sec\0ret"}}, "variable"),
        ({"labels": {"caas.set": "x"}}, "reserved"),
        ({"mounts": (spec.Mount("/"),)}, "nothing can be mounted"),
        ({"mounts": (spec.Mount("//"),)}, "nothing can be mounted"),
        ({"mounts": (spec.Mount("data"),)}, "nothing can be mounted"),
        ({"mounts": (spec.Mount("/a/../.."),)}, "nothing can be mounted"),
        ({"mounts": (spec.Mount("/proc/sys"),)}, "nothing can be mounted"),
        ({"mounts": (spec.Mount("/dev"),)}, "nothing can be mounted"),
        ({"mounts": (spec.Mount("/x", "/"),)}, "not a folder"),
        ({"mounts": (spec.Mount("/x", "/etc"),)}, "not a folder"),
        ({"mounts": (spec.Mount("/x", ".."),)}, "not a folder"),
        ({"mounts": (spec.Mount("/x", "a/../../b"),)}, "not a folder"),
        (
            {"mounts": (spec.Mount("/x", "/var/run/docker.sock"),)},
            "not a folder",
        ),
        ({"ulimits": (spec.Ulimit("../x", 1, 1),)}, "ulimit"),
        ({"ulimits": (spec.Ulimit("core", -2, -1),)}, "ulimit"),
        ({"pids_limit": 0}, "number of processes"),
        ({"cpuset": "all"}, "CPUs"),
        ({"block_io": spec.BlockIo(write_iops=0)}, "rate"),
    ],
)
def test_refused_containers(fields, said):
    name = fields.pop("name", "web")
    sentence = refusal(wanted(container(name, **fields)))
    assert said in sentence
    assert sentence.endswith(".")
    assert "secret" not in sentence


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"hostname": "a b"}, "host name"),
        ({"hostname": "-x"}, "host name"),
        ({"containers": ()}, "no containers"),
        (
            {"containers": (container("a"), container("a", 1))},
            "Two containers",
        ),
        ({"sysctls": {"vm.swappiness": "1"}}, "vm.swappiness"),
        ({"sysctls": {"kernel.core_pattern": "|/x"}}, "core_pattern"),
        ({"sysctls": {"net.ipv4.../x": "1"}}, "cannot be set"),
        ({"sysctls": {"net.core.somaxconn": "1\n2"}}, "somaxconn"),
        ({"nic": dataclasses.replace(NIC, address="::1")}, "network"),
        ({"nic": dataclasses.replace(NIC, address="1.2.3.4; x")}, "network"),
        ({"nic": dataclasses.replace(NIC, prefix_len=0)}, "network"),
        ({"nic": dataclasses.replace(NIC, mac="x")}, "network"),
        ({"nic": dataclasses.replace(NIC, dns=("evil",))}, "network"),
    ],
)
def test_refused_sets(changes, said):
    assert said in refusal(dataclasses.replace(wanted(), **changes))


def test_any_set_can_be_deleted():
    one = wanted(container("../x"), desired=Desired.DELETED)
    assert refusal(one) == ""


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("6c0f2c42-1f2e-4a0e-9d0c-0e8c7c1d2b3a", True),
        ("set-1", True),
        ("", False),
        (".", False),
        ("..", False),
        ("a/b", False),
        ("../../etc", False),
        ("-rf", False),
        ("a\n", False),
    ],
)
def test_what_can_be_the_name_of_a_file(text, good):
    assert is_id(text) == good
