"""What a set is made of survives the database, and is compared."""

import dataclasses
import json

from caas.model import content, spec

IMAGE = spec.ImageRef("app:1", "id", "sha512:ab", "app", 5)
FULL = spec.ContainerSpec(
    name="app",
    image=IMAGE,
    index=3,
    command=("a", "b"),
    entrypoint=("c",),
    env={"A": "1"},
    working_dir="/srv",
    user="1000",
    labels={"l": "1"},
    restart_policy=spec.RestartPolicy("always", 0),
    cpu_percent=5,
    memory_percent=6,
    ports=(spec.Port(80, "udp", "p"),),
    mounts=(spec.Mount("/a", "b", True),),
    health_check=spec.HealthCheck("exec", ("true",), interval=1.5),
    hooks=spec.Hooks(spec.Hook(("x",)), spec.Hook(("y", "z"), 3)),
    run_to_completion=True,
    ulimits=(spec.Ulimit("core", 0, -1),),
    pids_limit=9,
    cpuset="0-3",
    block_io=spec.BlockIo(read_bps=1),
    tty=True,
    stdin=True,
    builds=1,
)
SIZE = spec.Resources(500, 512, 2)


def made(*specs, size=SIZE):
    return content.Content(
        "f",
        "small",
        size,
        True,
        tuple(content.Member(f"id-{s.name}", s) for s in specs),
    )


def test_there_and_back():
    one = made(FULL, spec.ContainerSpec("web", IMAGE))
    data = json.loads(json.dumps(one.to_dict()))
    assert content.Content.from_dict(data) == one
    # and every field of a container is in the test
    plain = spec.ContainerSpec("web", IMAGE)
    assert all(
        getattr(FULL, f.name) != getattr(plain, f.name)
        for f in dataclasses.fields(FULL)
        if f.name != "image"
    )


def test_what_later_releases_add_is_left_out():
    one = made(FULL)
    data = one.to_dict() | {"invented_later": 1, "removed": {}}
    data["members"][0]["spec"]["invented_later"] = 1
    data["resources"]["gpus"] = 1
    assert content.Content.from_dict(data) == one


def test_what_one_takes_beyond_another():
    web = spec.ContainerSpec("web", IMAGE)
    small = made(FULL)
    large = made(FULL, web, size=spec.Resources(400, 1024, 2))
    assert content.more(large, small) == {"containers": 1, "memory_mb": 512}
    assert content.more(small, large) == {"millicpus": 100}
    assert content.more(small, small) == {}
