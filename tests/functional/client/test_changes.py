"""Changing running sets by ``openstack caas ...`` and ``conn.caas``."""

import json

import pytest
from openstack import exceptions

from tests.functional.client.cloud import IMAGES

TWO = (
    *("set", "create", "web", "--flavor", "small", "--wait", "-f", "json"),
    *("--container", "db=busybox:latest,memory=50"),
    *("--container", "app=busybox:latest,index=1,memory=50"),
    *("--env", "app:A=1", "--env", "app:B=2", "--port", "app:80"),
    *("--health", "app=http:80/ready,interval=0.5,start-period=5"),
)
LARGE = ("--vcpus", "2", "--memory", "512", "--disk", "1")


def by_name(item):
    return {c["name"]: c for c in item["containers"]}


@pytest.fixture
def web(caas, small):
    return caas(*TWO).json


def test_all_that_can_be_said_of_a_container(caas, small):
    made = caas(
        *("set", "create", "web", "--flavor", "small", "-f", "json"),
        *("--image", "busybox:latest", "--sysctl", "net.core.somaxconn=512"),
        *("--health", "exec:test -e /ok,retries=2,restart=no"),
        *("--pre-start", "sh -c 'a, b',timeout=5", "--pre-stop", "bye"),
        *("--ulimit", "nofile=1024:2048", "--ulimit", "core=unlimited"),
        *("--pids-limit", "64", "--block-io", "read-bps=10M"),
        *("--block-io", "write-iops=5"),
    ).json
    assert made["sysctls"] == {"net.core.somaxconn": "512"}
    main = by_name(made)["main"]
    assert main["health_check"] == {
        "type": "exec",
        "command": ["test", "-e", "/ok"],
        "port": None,
        "path": "/",
        "interval": 10,
        "timeout": 3,
        "retries": 2,
        "start_period": 0,
        "restart": False,
    }
    assert main["hooks"] == {
        "pre_start": {"command": ["sh", "-c", "a, b"], "timeout": 5},
        "pre_stop": {"command": ["bye"], "timeout": 30},
    }
    assert main["ulimits"] == [
        {"name": "nofile", "soft": 1024, "hard": 2048},
        {"name": "core", "soft": -1, "hard": -1},
    ]
    assert main["pids_limit"] == 64
    assert main["block_io"] == {
        "read_bps": 10 * 2**20,
        "write_bps": None,
        "read_iops": None,
        "write_iops": 5,
    }
    job = caas(
        *("container", "add", "web", "job=quickstart:1,index=2"),
        *("--run-to-completion", "yes", "--restart", "no", "-f", "json"),
    ).json
    assert (job["run_to_completion"], job["index"]) == (True, 2)
    shown = caas("container", "show", "web", "main").out
    for text in ("exec:test -e /ok", "pre_stop: bye", "nofile=1024:2048"):
        assert text in shown


def test_cpus_of_the_host_are_for_operators(caas, refused, web):
    argv = ("container", "update", "web", "app", "--cpuset", "0-1")
    assert "HTTP 403" in refused(*argv)
    done = caas(*argv, "-f", "json", user="admin").json
    assert done["cpuset"] == "0-1"


def test_update_of_a_set(caas, web):
    done = caas(
        *("set", "update", "web", "--wait", "-f", "json"),
        *("--image", "app=quickstart:1", "--env", "app:B=3"),
        *("--env", "app:C=", "--unset-env", "app:A", "--cpu", "db=20"),
        *("--memory", "app=40", "--index", "app=2"),
        *("--add-container", "cache=busybox:latest,memory=20,cpu=10"),
        *("--command", "cache=sleep 9", "--monitor", "0.5"),
        *("--name", "shop", "--property", "team=a"),
    )
    assert done.err.splitlines() == [
        "web UPDATING: Waiting for its host to report.",
        "shop ACTIVE",
    ]
    shop = done.json
    assert (shop["name"], shop["metadata"]) == ("shop", {"team": "a"})
    assert (shop["change"], shop["failure"]) == (None, None)
    now, before = by_name(shop), by_name(web)
    assert list(now) == ["infra", "cache", "db", "app"]
    app = now["app"]
    assert app["id"] == before["app"]["id"]
    assert app["image"]["id"] == IMAGES["quickstart:1"]
    assert app["env"] == {"B": "3", "C": ""}
    assert (app["memory_percent"], app["index"]) == (40, 2)
    # what nothing is said of stays
    for key in ("ports", "health_check", "cpu_percent"):
        assert app[key] == before["app"][key]
    assert now["db"] == {**before["db"], "cpu_percent": 20}
    assert now["cache"]["command"] == ["sleep", "9"]
    caas("set", "update", "shop", "--remove-container", "cache", "--wait")
    shown = caas("set", "show", "shop", "-f", "json").json
    assert list(by_name(shown)) == ["infra", "db", "app"]


def test_update_from_a_file(caas, refused, web, tmp_path):
    path = tmp_path / "change.yaml"
    path.write_text(
        "update:\n"
        "  containers:\n"
        "  - {name: app, image: 'quickstart:1', command: null}\n"
        "  add:\n"
        "  - {name: job, image: 'busybox:latest', memory_percent: 20}\n"
        "  remove: [db]\n"
    )
    update = ("set", "update", "web", "--file", str(path))
    assert "--cpu does not go with --file" in refused(*update, "--cpu", "a=1")
    assert "--add-container does not go with --file" in refused(
        *update, "--add-container", "a=i"
    )
    done = caas(*update, "--wait", "--monitor", "1", "-f", "json").json
    assert list(by_name(done)) == ["infra", "job", "app"]
    # JSON, without the key "update", is as good
    path.write_text(json.dumps({"remove": ["job"]}))
    done = caas(*update, "--wait", "-f", "json").json
    assert list(by_name(done)) == ["infra", "app"]


def test_a_change_that_is_taken_back(caas, cloud, refused, web):
    cloud.refused = "container app ended with exit code 1 soon after the start"
    update = ("set", "update", "web", "--image", "app=quickstart:1", "--wait")
    said = refused(*update, "--description", "new").splitlines()
    assert said[-1] == (
        f"The update of set web ({web['id']}) was taken back: {cloud.refused}"
    )
    shown = caas("set", "show", "web", "-f", "json").json
    assert shown["failure"]["reason"] == cloud.refused
    assert by_name(shown)["app"]["image"] == by_name(web)["app"]["image"]
    # what a host has no part in is done
    assert shown["description"] == "new"
    for argv, what in (
        (("add", "web", "a=busybox:latest"), "add"),
        (("update", "web", "app", "--user", "nobody"), "update"),
        (("rename", "web", "app", "a"), "rename"),
        (("remove", "web", "app"), "remove"),
    ):
        said = refused("container", *argv, "--wait").splitlines()[-1]
        assert said.startswith(f"The {what} of set web ("), said
    caas("flavor", "create", "large", *LARGE, user="admin")
    said = refused("set", "resize", "web", "--flavor", "large", "--wait")
    assert "The resize of set web (" in said

    cloud.refused = ""
    caas(*update)
    # what is so already is no change, and what failed before is not its fault
    cloud.refused = "No."
    refused(*update, "--env", "app:C=1")
    before = caas("set", "show", "web", "-f", "json").json
    assert before["failure"]["reason"] == "No."
    caas("container", "update", "web", "app", "--env", "A=1", "--wait")


def test_a_stopped_set_can_be_changed(caas, web):
    caas("set", "stop", "web", "--wait")
    done = caas("set", "update", "web", "--cpu", "app=10", "--wait")
    assert done.err.splitlines()[-1] == "web SHUTOFF"


def test_history_and_revert(caas, cloud, refused, web):
    caas("container", "rename", "web", "app", "front", "--wait")
    cloud.refused = "No room."
    refused("container", "remove", "web", "db", "--wait")
    cloud.refused = ""
    listed = caas("set", "history", "web", "--long", "-f", "json").json
    assert [(e["Revision"], e["Action"], e["Failure"]) for e in listed] == [
        (4, "take-back", ""),
        (3, "remove", "No room."),
        (2, "rename", ""),
        (1, "create", ""),
    ]
    assert [c["name"] for c in listed[1]["Containers"]] == ["front"]
    assert listed[3]["User ID"] == "member"
    assert listed[0]["Flavor"]["name"] == "small"
    table = caas("set", "history", "web", "-c", "Containers").out
    assert "front: busybox:latest" in table
    done = caas("set", "revert", "web", "1", "--wait", "-f", "json")
    assert by_name(done.json)["app"]["id"] == by_name(web)["app"]["id"]
    said = refused("set", "revert", "web", "99")
    assert "has no revision 99. (HTTP 404" in said


def test_containers_of_a_running_set(caas, refused, web):
    before = by_name(web)
    added = caas(
        *("container", "add", "web", "log=busybox:latest,memory=20"),
        *("--restart", "always", "--mount", "/log:log", "--wait"),
        *("-f", "json"),
    ).json
    assert added["restart_policy"]["name"] == "always"
    assert added["mounts"][0]["sub_path"] == "log"
    changed = caas(
        *("container", "update", "web", "app", "--image", "quickstart:1"),
        *("--env", "B=x", "--unset", "health", "--unset", "port"),
        *("--pre-stop", "bye,timeout=1", "--wait", "--monitor", "0"),
        *("-f", "json"),
    ).json
    assert changed["id"] == before["app"]["id"]
    assert changed["env"] == {"A": "1", "B": "x"}
    assert (changed["health_check"], changed["ports"]) == (None, [])
    # a hook leaves the other as it is
    changed = caas(
        *("container", "update", "web", "app", "--pre-start", "hello"),
        *("--unset", "env", "--env", "C=1", "--wait", "-f", "json"),
    ).json
    assert changed["hooks"]["pre_stop"]["command"] == ["bye"]
    assert changed["hooks"]["pre_start"]["command"] == ["hello"]
    assert changed["env"] == {"C": "1"}
    renamed = caas(
        *("container", "rename", "web", changed["id"], "front", "--wait"),
        *("-f", "json"),
    ).json
    assert (renamed["id"], renamed["name"]) == (changed["id"], "front")
    caas("container", "remove", "web", "log", "front", "--wait")
    shown = caas("set", "show", "web", "-f", "json").json
    assert list(by_name(shown)) == ["infra", "db"]
    assert "delete the set instead" in refused(
        "container", "remove", "web", "db"
    )
    assert refused("container", "update", "web", "app", "--cpu", "1") == (
        "Set web has no container with the name or id 'app'."
    )
    assert "cannot be changed" in refused(
        "container", "update", "web", "infra", "--cpu", "1"
    )
    assert "Say what to change" in refused("container", "update", "web", "db")


def test_verbs_of_containers(caas, refused, web):
    caas("container", "restart", "web", "app", "--grace-period", "1", "--wait")
    caas("container", "pause", "web", "app", "--wait")
    paused = caas("container", "show", "web", "app", "-f", "json").json
    assert paused["paused"] is True
    shown = caas("set", "show", "web", "-c", "containers").out
    assert "app: pending, to be paused" in shown
    caas("container", "unpause", "web", "app", "--wait")
    for name in ("SIGHUP", "hup"):
        caas("container", "signal", "web", "app", name, "--wait")
    assert "must be one of" in refused(
        "container", "signal", "web", "app", "SIGWHAT"
    )
    caas("set", "stop", "web", "--wait")
    assert "start it first. (HTTP 409" in refused(
        "container", "restart", "web", "app"
    )


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ((), "Say what to change: containers (--image, --env, --add-con"),
        (("--monitor", "3"), "Say what to change"),
        (
            ("--env", "A=1"),
            "--env 'A=1' has to begin with the name of a container and ':'; "
            "there are db, app.",
        ),
        (("--unset-env", "app:Z"), "it has no variable of this name."),
        (("--unset", "app=restart"), "it is none of command, entrypoint, "),
        (
            ("--add-container", "a=i", "--add-container", "a=j"),
            "Each --add-container needs its name.",
        ),
        (("--remove-container", "nobody"), "has no container with the name"),
        (
            ("--remove-container", "app", "--cpu", "app=3"),
            "is named twice; say all about it once.",
        ),
    ],
)
def test_updates_that_mean_nothing(refused, web, argv, message):
    assert message in refused("set", "update", "web", *argv)


def test_sdk(connect, cloud, web):
    caas = connect()
    seen = []
    done = caas.wait_for_change(
        caas.update_containers(
            web["id"],
            containers=({"name": n, "cpu_percent": 9} for n in ("db", "app")),
            add=[{"name": "a", "image": "busybox:latest"}],
            monitor=0,
        ),
        wait=30,
        callback=lambda each: seen.append((each.status, each.change)),
    )
    assert seen == [("UPDATING", "update"), ("ACTIVE", None)]
    assert [c["cpu_percent"] for c in done.containers] == [None, 100, 9, 9]
    asked = caas.add_container(done, name="b", image="busybox:latest")
    with pytest.raises(exceptions.ConflictException, match="is being changed"):
        caas.remove_container(asked.id, "b")
    done = caas.wait_for_change(asked, wait=30)
    done = caas.wait_for_change(caas.rename_container(done, "b", "c"), 30)
    done = caas.wait_for_change(caas.remove_container(done, "c"), wait=30)
    one = caas.get_container(done, "app")
    done = caas.wait_for_change(
        caas.update_container(done, one, env={"A": "9"}, monitor=1),
        wait=30,
    )
    history = list(caas.set_history(done))
    assert [entry.action for entry in history] == [
        *("update", "remove", "rename", "add", "update", "create"),
    ]
    done = caas.wait_for_change(caas.revert_set(done, history[-1]), wait=30)
    assert caas.get_container(done, "app").health_check["port"] == 80
    assert caas.pause_container(done, "app").status == "ACTIVE"
    assert caas.get_container(done, "app").paused
    caas.unpause_container(done, "app")
    caas.restart_container(done, "app", grace_period=3)
    caas.signal_container(done, one, "sigusr1")
    assert [event.action for event in caas.events(done)][:4] == [
        "container.signal",
        "container.restart",
        "container.unpause",
        "container.pause",
    ]

    cloud.refused = "No room."
    with pytest.raises(exceptions.ResourceFailure) as caught:
        caas.wait_for_change(caas.remove_container(done, "db"), wait=30)
    assert str(caught.value) == (
        f"The remove of set web ({web['id']}) was taken back: No room."
    )
    # no change, so what failed before is no failure of it
    same = caas.update_container(web["id"], "db", index=0)
    assert same.failure["reason"] == "No room."
    assert caas.wait_for_change(same, wait=30).status == "ACTIVE"
