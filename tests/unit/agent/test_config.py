import dataclasses
import json

import pytest

from caas.agent import config
from caas.drivers.runtime import base
from caas.model import spec
from tests.unit.agent.sets import NIC, container, wanted


def business(one, name="web"):
    (there,) = (c for c in one.containers if c.spec.name == name)
    return config.business(
        one,
        there,
        image="image-ref",
        infra_id="infra-id",
        source=lambda sub_path: f"/volumes/x/{sub_path}",
        group="/caas/x",
    )


def test_the_hash_of_what_is_made_never_changes():
    """Another one would have an upgraded agent replace every container.

    These are of the first release, before there were ulimits and hooks.
    """
    image = "sha512:" + "0" * 64
    assert config.digest(container("web", digest=image).spec) == (
        "736c3fbb1f19b500b4915a91faf20973"
    )
    full = container(
        "web",
        digest=image,
        entrypoint=("/bin/sh", "-c"),
        env={"A": "1", "B": "2"},
        working_dir="/srv",
        user="1000:1000",
        labels={"tier": "front"},
        mounts=(spec.Mount("/data", "db", read_only=True),),
    )
    assert config.digest(full.spec) == "b3e895626632e8d34f33f7a9c2692638"


@pytest.mark.parametrize(
    "fields",
    [
        {"command": ("other",)},
        {"entrypoint": ("other",)},
        {"env": {"A": "1"}},
        {"working_dir": "/srv"},
        {"user": "1000"},
        {"labels": {"a": "b"}},
        {"mounts": (spec.Mount("/data"),)},
        {"digest": "sha256:" + "1" * 64},
        {"ulimits": (spec.Ulimit("nofile", 1024, 2048),)},
        {"pids_limit": 100},
        {"cpuset": "0-1"},
        {"block_io": spec.BlockIo(write_bps=1 << 20)},
        {"hooks": spec.Hooks(pre_stop=spec.Hook(("sync",)))},
        {"tty": True},
        {"stdin": True},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_what_needs_a_new_container_changes_the_hash(fields):
    assert config.digest(container("web", **fields).spec) != config.digest(
        container("web").spec
    )


@pytest.mark.parametrize(
    "fields",
    [
        {"index": 3},
        {"policy": "always"},
        {"cpu_percent": 50},
        {"memory_percent": 50},
        {"ports": (spec.Port(80),)},
        {"health_check": spec.HealthCheck("tcp", port=80)},
        {"hooks": spec.Hooks(pre_start=spec.Hook(("migrate",)))},
        {"run_to_completion": True},
        {"block_io": spec.BlockIo()},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_what_can_be_changed_in_place_does_not(fields):
    assert config.digest(container("web", **fields).spec) == config.digest(
        container("web").spec
    )


def test_infra_holds_network_names_and_volume():
    one = wanted(
        container("web", ports=(spec.Port(80), spec.Port(443))),
        container("log", ports=(spec.Port(514, "udp"),)),
    )
    made = config.infra(one, source=lambda s: f"/v/{s}", group="/caas/x")
    assert made.image == ""
    assert made.infra_id is None
    assert made.hostname == "host"
    assert made.hosts == {"host": NIC.address}
    assert made.ports == (
        spec.Port(80),
        spec.Port(443),
        spec.Port(514, "udp"),
    )
    assert made.binds == (base.Bind("/v/", config.VOLUME_TARGET),)
    assert made.labels[base.LABEL_ROLE] == "infra"
    assert base.LABEL_CONFIG not in made.labels


def test_percents_are_of_the_set():
    made = business(
        wanted(container("web", cpu_percent=80, memory_percent=25))
    )
    assert made.millicpus == 1600
    assert made.memory_bytes == 64 * 1024 * 1024
    assert made.cgroup_parent == "/caas/x"


def test_without_resources_there_are_no_caps():
    made = business(dataclasses.replace(wanted(), resources=None))
    assert (made.millicpus, made.memory_bytes) == (None, None)


def test_mounts_come_from_where_the_volume_says():
    mounts = (spec.Mount("/data", "db"), spec.Mount("/all", "", True))
    one = wanted(container("web", mounts=mounts))
    assert business(one).binds == (
        base.Bind("/volumes/x/db", "/data"),
        base.Bind("/volumes/x/", "/all", True),
    )
    assert config.sub_paths(*(c.spec for c in one.containers)) == ["db"]


def test_no_label_of_a_user_takes_the_place_of_ours():
    labels = {base.LABEL_SET: "another", "mine": "yes"}
    made = business(wanted(container("web", labels=labels)))
    assert made.labels[base.LABEL_SET] == "set-1"
    assert made.labels["mine"] == "yes"
    assert made.labels[base.LABEL_CONTAINER] == "id-web"
    assert made.labels[config.LABEL_INFRA] == "infra-id"


def test_the_hash_does_not_depend_on_how_a_spec_travelled():
    one = container(
        "web",
        ulimits=(spec.Ulimit("nofile", 1, 2), spec.Ulimit("core", 0, 0)),
        hooks=spec.Hooks(pre_stop=spec.Hook(("a", "b"), 5)),
        block_io=spec.BlockIo(read_iops=7),
    ).spec
    travelled = spec.ContainerSpec.from_dict(
        json.loads(json.dumps(one.to_dict()))
    )
    other = dataclasses.replace(
        one,
        ulimits=one.ulimits[::-1],
        hooks=spec.Hooks(pre_stop=spec.Hook(("a", "b"), 5.0)),
    )
    assert {config.digest(s) for s in (travelled, other)} == {
        config.digest(one)
    }


def test_what_may_be_used_is_told_by_variables():
    one = container("web", cpu_percent=25, memory_percent=50)
    made = business(wanted(one))
    assert made.env == {"CAAS_CPU": "0.5", "CAAS_MEM": "128"}
    assert made.share == base.Share(500, 128)
    own = container("web", env={"CAAS_CPU": "8", "A": "1"})
    assert business(wanted(own)).env == {
        "CAAS_CPU": "8",
        "CAAS_MEM": "256",
        "A": "1",
    }
    # the hash is of what the user said: percents change without a replacement
    assert made.labels[base.LABEL_CONFIG] == config.digest(
        container("web").spec
    )
    free = business(dataclasses.replace(wanted(), resources=None))
    assert (free.env, free.share) == ({}, None)


@pytest.mark.parametrize(
    ("millicpus", "told"),
    [
        (1, "0.001"),
        (500, "0.5"),
        (1000, "1"),
        (1600, "1.6"),
        (96001, "96.001"),
    ],
)
def test_cpus_as_a_decimal(millicpus, told):
    assert base.Share(millicpus, 1).cpu == told


def test_shares_of_a_set():
    one = wanted(container("a", cpu_percent=10), container("b"))
    assert config.shares(one) == {
        "id-a": base.Share(200, 256),
        "id-b": base.Share(2000, 256),
    }
    assert config.shares(dataclasses.replace(one, resources=None)) == {}


def test_options_of_a_container():
    fields = {
        "ulimits": (spec.Ulimit("nofile", 1024, 2048),),
        "pids_limit": 100,
        "cpuset": "0-1",
        "block_io": spec.BlockIo(write_bps=1 << 20),
        "tty": True,
        "stdin": True,
    }
    made = business(wanted(container("web", **fields)))
    assert {name: getattr(made, name) for name in fields} == fields


def test_kernel_parameters_are_those_of_infra():
    one = wanted(
        sysctls={
            "net.core.somaxconn": "777",
            "net.ipv4.conf.eth0.rp_filter": "2",
        }
    )
    made = config.infra(one, source=lambda s: s, group=None)
    assert made.sysctls == {"net.core.somaxconn": "777"}
    # there is no interface yet when infra starts
    assert config.late_sysctls(one) == {"net.ipv4.conf.eth0.rp_filter": "2"}
    assert business(one).sysctls == {}


def test_the_hook_before_a_stop_is_that_of_the_container():
    hook = spec.Hook(("sh", "-c", "save"), 7.5)
    one = container("web", hooks=spec.Hooks(pre_stop=hook))
    assert config.pre_stop(business(wanted(one)).labels) == hook
    assert config.pre_stop(business(wanted()).labels) is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"command": 5}', "7"])
def test_a_hook_that_is_none(text):
    assert config.pre_stop({base.LABEL_PRE_STOP: text}) is None
