import dataclasses

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
    """Another one would have an upgraded agent replace every container."""
    assert config.digest(container("web").spec) == (
        "736c3fbb1f19b500b4915a91faf20973"
    )
    full = container(
        "web",
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
        {"digest": "sha512:" + "1" * 64},
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
    assert config.sub_paths(one) == ["db"]


def test_no_label_of_a_user_takes_the_place_of_ours():
    labels = {base.LABEL_SET: "another", "mine": "yes"}
    made = business(wanted(container("web", labels=labels)))
    assert made.labels[base.LABEL_SET] == "set-1"
    assert made.labels["mine"] == "yes"
    assert made.labels[base.LABEL_CONTAINER] == "id-web"
    assert made.labels[config.LABEL_INFRA] == "infra-id"
