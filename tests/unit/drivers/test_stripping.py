"""What a user gets of an image made of a container is the user's own."""

import json

import pytest

from caas.drivers.image import stripping
from caas.drivers.runtime import base

#: As Engine 20.10 writes it.
CONFIG = {
    "architecture": "amd64",
    "config": {
        "Hostname": "shop",
        "Domainname": "",
        "User": "www",
        "Env": ["CAAS_CPU=0.5", "A=b", "CAAS_MEM=64", "PATH=/bin"],
        "Cmd": ["httpd", "-f"],
        "Image": "caas.local/image:12ab",
        "Labels": {
            "caas.set": "8f3c",
            "caas.deployment": "d",
            "maintainer": "me",
            "caasx": "mine",
        },
    },
    "container": "f00",
    "container_config": {"Hostname": "shop", "Env": ["CAAS_CPU=0.5"]},
    "docker_version": "20.10.24",
    "created": "2026-11-20T12:00:00Z",
    "history": [{"created_by": "httpd -f"}],
    "os": "linux",
    "rootfs": {"type": "layers", "diff_ids": ["sha256:aa", "sha256:bb"]},
}


def test_what_is_the_users_stays():
    found = json.loads(stripping.stripped(json.dumps(CONFIG).encode()))
    assert found == {
        "architecture": "amd64",
        "config": {
            "User": "www",
            "Env": ["A=b", "PATH=/bin"],
            "Cmd": ["httpd", "-f"],
            "Labels": {"maintainer": "me", "caasx": "mine"},
        },
        "created": "2026-11-20T12:00:00Z",
        "history": [{"created_by": "httpd -f"}],
        "os": "linux",
        "rootfs": {"type": "layers", "diff_ids": ["sha256:aa", "sha256:bb"]},
    }


@pytest.mark.parametrize(
    "config",
    [{}, {"config": None}, {"config": {"Labels": None, "Env": None}}],
)
def test_there_may_be_nothing_to_take_out(config):
    again = stripping.stripped(json.dumps(config).encode())
    assert stripping.stripped(again) == again


@pytest.mark.parametrize("text", ["", "[]", '{"config": [1]}', "1", "{"])
def test_what_is_no_configuration_is_refused(text):
    with pytest.raises(ValueError, match=r"JSON|Expecting"):
        stripping.stripped(text.encode())


def test_a_manifest_refers_to_what_is_pushed_instead():
    old, new = "sha256:" + "1" * 64, b"new"
    layer = {"digest": "sha256:" + "2" * 64, "size": 7}
    body = json.dumps(
        {
            "schemaVersion": 2,
            "config": {"digest": old, "size": 5, "data": "e30="},
            "layers": [layer],
        }
    ).encode()
    assert stripping.blobs(body) == (old, [layer["digest"]])
    found = json.loads(stripping.replaced(body, {old: new}))
    assert found == {
        "schemaVersion": 2,
        "config": {"digest": stripping.digest(new), "size": 3},
        "layers": [layer],
    }
    index = json.dumps({"manifests": [{"digest": old, "size": 5}]}).encode()
    assert stripping.blobs(index) == ("", [])
    found = json.loads(stripping.replaced(index, {old: new}))
    assert found["manifests"][0]["digest"] == stripping.digest(new)


@pytest.mark.parametrize("text", ["", "[]", "3"])
def test_what_is_no_manifest_is_refused(text):
    with pytest.raises(ValueError, match=r"JSON|Expecting"):
        stripping.replaced(text.encode(), {})
    with pytest.raises(ValueError, match=r"JSON|Expecting"):
        stripping.blobs(text.encode())


def started(entrypoint, command, **since):
    """The configuration of an image of what user data started."""
    told = {"Entrypoint": entrypoint, "Cmd": command}
    run = {
        "Entrypoint": [stripping.SCRIPT],
        "Cmd": [*(entrypoint or []), *(command or [])],
        "Labels": {stripping.STARTED: json.dumps(told)},
        **since,
    }
    return json.loads(
        stripping.stripped(json.dumps({"config": run}).encode())
    )["config"]


@pytest.mark.parametrize(
    ("entrypoint", "command"),
    [(["a"], ["b", "c"]), (None, ["b"]), (["a"], None), (None, None)],
    ids=["both", "command", "entrypoint", "none"],
)
def test_what_user_data_started_runs_as_it_would_have(entrypoint, command):
    found = started(entrypoint, command)
    assert (found["Entrypoint"], found["Cmd"]) == (entrypoint, command)
    assert found["Labels"] is None


def test_what_the_user_says_of_the_image_stays():
    assert started(["a"], ["b"], Cmd=["x"])["Cmd"] == ["x"]
    assert started(["a"], ["b"], Entrypoint=["y"])["Entrypoint"] == ["y"]


def test_both_sides_mean_the_same():
    assert stripping.STARTED == base.LABEL_STARTED
    assert f"{base.VIEW_TARGET}/user_data" == stripping.SCRIPT
