"""``openstack caas ...`` against the real API."""

import json
import pathlib
import signal
import subprocess
import sys

import pytest
import yaml

from tests.functional.client.cloud import IMAGES, PROJECTS

EXAMPLES = pathlib.Path(__file__).parents[3] / "doc/source/user/examples"
UNKNOWN = "00000000-0000-4000-8000-000000000000"
LARGE = ("--vcpus", "2", "--memory", "512", "--disk", "1")
ONE = ("--flavor", "small", "--image", "busybox:latest")


def test_from_create_to_delete(caas, small):
    made = caas(
        *("set", "create", "web", "--flavor", small["id"], "--wait"),
        *("--container", "writer=busybox:latest,index=0,memory=50"),
        *("--container", "server=busybox:latest,index=1"),
        *("--command", "server=httpd -f", "--port", "server:80"),
        *("--mount", "server:/www:pages:ro", "--property", "team=shop"),
        *("-f", "json"),
    )
    web = made.json
    assert (web["status"], web["reason"]) == ("ACTIVE", "")
    assert web["addresses"] == [{"address": "10.89.0.2"}]
    assert web["metadata"] == {"team": "shop"}
    assert web["flavor"] == {
        "id": small["id"],
        "name": "small",
        "vcpus": 0.5,
        "memory_mb": 64,
        "disk_gb": 1,
        "cpu_burst": False,
    }
    assert [c["name"] for c in web["containers"]] == [
        "infra",
        "writer",
        "server",
    ]
    server = web["containers"][2]
    assert server["image"]["id"] == IMAGES["busybox:latest"]
    assert server["command"] == ["httpd", "-f"]
    assert server["mounts"] == [
        {"path": "/www", "sub_path": "pages", "read_only": True}
    ]
    # the whole of it is the same whichever way it is asked for
    assert caas("set", "show", "web", "-f", "json").json == web
    assert yaml.safe_load(
        caas("set", "show", web["id"], "-f", "yaml").out
    ) == (web)
    # progress goes beside what a script reads
    assert made.err.splitlines()[0].startswith("web BUILD: ")
    assert made.err.splitlines()[-1] == "web ACTIVE"

    stopped = caas("set", "stop", "web", "--grace-period", "1", "--wait")
    assert (stopped.out, stopped.err.splitlines()[-1]) == ("", "web SHUTOFF")
    caas("set", "start", "web", "--wait")
    caas("set", "restart", "web", "--wait")
    shown = caas(
        *("set", "update", "web", "--name", "shop", "--description", "The"),
        *("--property", "a=1", "--unset-property", "team", "-f", "json"),
    ).json
    assert (shown["name"], shown["description"]) == ("shop", "The")
    assert shown["metadata"] == {"a": "1"}
    shown = caas("set", "update", "shop", "--no-property", "-f", "json").json
    assert shown["metadata"] == {}

    caas("flavor", "create", "large", *LARGE, user="admin")
    sized = caas(
        *("set", "resize", "shop", "--flavor", "large", "--wait"),
        *("-f", "json"),
    )
    assert sized.json["flavor"]["memory_mb"] == 512
    assert sized.err.splitlines() == [
        "shop RESIZE: Waiting for its host to report.",
        "shop ACTIVE",
    ]

    gone = caas("set", "delete", "shop", "--wait")
    assert gone.err.splitlines()[-1] == "shop DELETED"
    assert caas("set", "list", "-f", "json").json == []


def test_table_is_for_people(caas, small):
    caas("set", "create", "web", *ONE, "--wait")
    assert caas("set", "list", "-c", "Name", "-c", "Flavor").out == (
        "+------+--------+\n"
        "| Name | Flavor |\n"
        "+------+--------+\n"
        "| web  | small  |\n"
        "+------+--------+\n"
    )
    shown = caas("set", "show", "web").out
    assert "small (0.5 vCPUs, 64 MiB, 1 GiB)" in shown
    assert "main: pending, image busybox:latest, index 0" in shown
    assert caas("set", "show", "web", "-c", "status", "-f", "value").out == (
        "ACTIVE\n"
    )


def test_file(caas, small, tmp_path):
    path = tmp_path / "spec.json"
    path.write_text(
        json.dumps(
            {
                "set": {
                    "name": "job",
                    "flavor": "small",
                    "containers": [
                        {"name": "main", "image": "busybox:latest"}
                    ],
                }
            }
        )
    )
    made = caas("set", "create", "--file", str(path), "-f", "json").json
    assert made["name"] == "job"
    made = caas("set", "create", "x", "--file", str(path), "-f", "json").json
    assert made["name"] == "x"


@pytest.mark.parametrize(
    "path",
    # the other one is of a change
    sorted(p for p in EXAMPLES.iterdir() if p.stem != "change"),
    ids=lambda path: path.name,
)
def test_examples_of_the_guide(caas, path):
    caas(
        *("flavor", "create", "c1.small", "--vcpus", "0.5"),
        *("--memory", "256", "--disk", "2"),
        user="admin",
    )
    made = caas("set", "create", "--file", str(path), "--wait", "-f", "json")
    assert made.json["status"] == "ACTIVE"


def test_several_alike(caas, small):
    made = caas(
        *("set", "create", "web", *ONE, "--min", "3", "--wait"),
        *("-f", "json"),
    ).json
    assert [(s["name"], s["status"]) for s in made["sets"]] == [
        ("web-1", "ACTIVE"),
        ("web-2", "ACTIVE"),
        ("web-3", "ACTIVE"),
    ]
    listed = caas(
        *("set", "list", "--reservation-id", made["reservation_id"]),
        *("--sort", "name", "-f", "value", "-c", "Name"),
    )
    assert listed.out == "web-1\nweb-2\nweb-3\n"
    # one more than there is room for
    made = caas("set", "create", "w", *ONE, "--max", "8", "-f", "json").json
    assert len(made["sets"]) == 7


def test_list(caas, small):
    for name in ("a", "b", "c"):
        caas("set", "create", name, *ONE, "--property", f"is={name}")
    by_name = ("set", "list", "-f", "value", "-c", "Name", "--sort", "name")
    assert caas(*by_name).out == "a\nb\nc\n"
    assert caas(*by_name[:-1], "name:desc").out == "c\nb\na\n"
    assert caas(*by_name, "--limit", "2").out == "a\nb\n"
    assert caas(*by_name, "--limit", "2", "--marker", "b").out == "c\n"
    assert caas(*by_name, "--name", "b").out == "b\n"
    assert caas(*by_name, "--property", "is=c").out == "c\n"
    assert caas(*by_name, "--status", "error").out == ""
    assert caas(*by_name, "--image", UNKNOWN).out == ""
    # other projects
    assert caas("set", "list", "-f", "json", user="other").json == []
    every = (*by_name, "--all-projects")
    assert caas(*every, user="admin").out == "a\nb\nc\n"
    every = ("container", "list", "--all-projects", "-f", "json")
    assert len(caas(*every, user="admin").json) == 6
    theirs = (*by_name, "--project", "elsewhere")
    assert caas(*theirs, user="admin").out == ""
    long = caas("set", "list", "--long", "-f", "json").json[0]
    assert long["Properties"] == {"is": "c"}
    assert [c["name"] for c in long["Containers"]] == ["infra", "main"]


def test_containers(caas, small):
    web = caas("set", "create", "web", *ONE, "-f", "json").json
    listed = caas("container", "list", "--set", "web", "-f", "json").json
    assert [(c["Name"], c["Role"]) for c in listed] == [
        ("infra", "infra"),
        ("main", "business"),
    ]
    listed = caas("container", "list", "--name", "main", "-f", "json").json
    assert [c["Set ID"] for c in listed] == [web["id"]]
    assert (
        caas(
            *("container", "list", "--set", "web", "--status", "running"),
            *("-f", "json"),
        ).json
        == []
    )
    shown = caas("container", "show", "web", "main", "-f", "json").json
    assert shown == {
        key: value
        for key, value in web["containers"][1].items()
        if key in shown
    }
    assert set(web["containers"][1]) == set(shown)
    by_id = caas("container", "show", "web", shown["id"], "-f", "json").json
    assert by_id == shown


def test_administrators_see_more(caas, small):
    caas("set", "create", "web", *ONE)
    shown = caas("set", "show", "web", "-f", "json", user="admin").json
    assert {"host", "host_status", "incarnation", "revision"} <= set(shown)


def test_events(caas, small):
    web = caas("set", "create", "web", *ONE, "-f", "json").json
    caas("set", "stop", "web")
    [stop, create] = caas("event", "list", "--set", "web", "-f", "json").json
    assert (stop["Action"], create["Action"]) == ("set.stop", "set.create")
    assert create["Object ID"] == web["id"]
    assert create["Result"] == "accepted"
    only = ("event", "list", "-f", "value", "-c", "Action")
    assert caas(*only, "--limit", "1").out == "set.stop\n"
    assert (
        caas(*only, "--request-id", create["Request ID"]).out == "set.create\n"
    )


def test_flavors(caas, small, refused):
    assert caas("flavor", "show", "small", "-f", "json").json == small
    caas("flavor", "update", "small", "--description", "d", user="admin")
    [listed] = caas("flavor", "list", "-f", "json").json
    assert listed == {
        "ID": small["id"],
        "Name": "small",
        "vCPUs": 0.5,
        "Memory MiB": 64,
        "Disk GiB": 1,
        "CPU Burst": False,
        "Description": "d",
    }
    fast = caas(
        *("flavor", "create", "fast", "--cpu-burst", *LARGE, "-f", "json"),
        user="admin",
    ).json
    assert fast["cpu_burst"] is True
    caas("flavor", "delete", "small", user="admin")
    assert refused("flavor", "show", "small") == (
        "There is no flavor with the name or id 'small'."
    )


def test_keypairs(caas, refused, tmp_path):
    private = tmp_path / "key"
    made = caas(
        *("keypair", "create", "mine", "--private-key", str(private)),
        *("-f", "json"),
    ).json
    assert private.read_text().startswith("-----BEGIN OPENSSH PRIVATE KEY")
    assert private.stat().st_mode & 0o777 == 0o600
    assert caas("keypair", "show", "mine", "-f", "json").json == made
    # one that exists is not written over, and nothing is made
    assert refused(
        *("keypair", "create", "two", "--private-key", str(private))
    ) == (f"{private} cannot be made: File exists.")
    other = tmp_path / "other"
    said = refused(*("keypair", "create", "mine", "--private-key", str(other)))
    assert "There is a key pair named 'mine' already." in said
    assert not other.exists()
    printed = caas("keypair", "create", "printed").out
    assert printed.startswith("-----BEGIN OPENSSH PRIVATE KEY")
    assert printed.endswith("-----END OPENSSH PRIVATE KEY-----\n")
    public = tmp_path / "key.pub"
    public.write_text(f"{made['public_key']}\n")
    again = caas(
        *("keypair", "create", "again", "--public-key", str(public)),
        *("-f", "json"),
    ).json
    assert again["fingerprint"] == made["fingerprint"]
    listed = caas("keypair", "list", "-f", "json").json
    assert [each["Name"] for each in listed] == ["again", "mine", "printed"]
    assert caas("keypair", "list", "-f", "json", user="admin").json == []
    of = ("--user", made["user_id"])
    found = caas("keypair", "show", *of, "mine", "-f", "json", user="admin")
    assert found.json == made
    caas("keypair", "delete", *of, "again", user="admin")
    caas("keypair", "delete", "mine", "printed")
    assert "no key pair" in refused("keypair", "delete", "mine")


def test_quotas(caas, small):
    caas("set", "create", "web", *ONE)
    show = ("quota", "show", "-f", "json")
    mine = {q["Resource"]: (q["Limit"], q["Used"]) for q in caas(*show).json}
    assert mine == {
        "sets": (10, 1),
        "containers": (20, 1),
        "vcpus": (10, 0.5),
        "memory_mb": (10240, 64),
        "disk_gb": (100, 1),
        "images_mb": (1024, 0),
        "server_groups": (10, 0),
        "server_group_members": (10, 0),
    }
    caas(
        *("quota", "set", "demo", "--sets", "5", "--vcpus", "1.5"),
        *("--memory", "-1"),
        user="admin",
    )
    limits = {q["Resource"]: q["Limit"] for q in caas(*show).json}
    assert (limits["sets"], limits["vcpus"], limits["memory_mb"]) == (
        5,
        1.5,
        -1,
    )
    caas("quota", "reset", PROJECTS["demo"], user="admin")
    assert caas(*show).json[-2]["Limit"] == 10


def test_hosts(caas, cloud):
    cloud.add_host("node-1")
    [host] = caas("host", "list", "-f", "json", user="admin").json
    assert host["vCPUs"] == {"used": 0.5, "capacity": 2}
    assert "0.5 / 2 " in caas("host", "list", user="admin").out
    off = caas(
        *("host", "disable", "node-1", "--reason", "new kernel"),
        *("-f", "json"),
        user="admin",
    ).json
    assert (off["enabled"], off["disabled_reason"]) == (False, "new kernel")
    on = caas("host", "enable", host["ID"], "-f", "json", user="admin").json
    assert on["enabled"] is True
    assert on["labels"] == {"rack": "1"}
    shown = caas("host", "show", "node-1", "-f", "json", user="admin").json
    assert shown == on
    told = caas(
        *("event", "list", "--all-projects", "--object-type", "host"),
        *("-f", "value", "-c", "Action", "-c", "Reason"),
        user="admin",
    )
    assert told.out == "host.enable \nhost.disable new kernel\n"


def test_services(caas, cloud):
    cloud.add_host("node-1")
    [agent] = caas("service", "list", "-f", "json", user="admin").json
    assert (agent["Binary"], agent["Host"]) == ("caas-agent", "node-1")
    assert agent["Status"] == "up"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (
            ("set", "show", "web"),
            "There is no set with the name or id 'web'.",
        ),
        (
            ("set", "show", UNKNOWN),
            f"There is no set with the name or id '{UNKNOWN}'.",
        ),
        # what is a path of the API is a name like any other
        (
            ("set", "show", "detail"),
            "There is no set with the name or id 'detail'.",
        ),
        (
            ("set", "create", "a", "--flavor", "x", "--image", "i"),
            "There is no flavor with the id or name 'x'. (HTTP 400, req-",
        ),
        (("host", "list"), "does not allow this to your roles. (HTTP 403, r"),
        (
            ("quota", "show", "nobody"),
            "There is no project with the name or id 'nobody'.",
        ),
        (("quota", "set"), "Give at least one of --sets, --containers,"),
    ],
)
def test_refused_in_one_sentence(refused, argv, message):
    said = refused(*argv)
    assert message in said
    assert "\n" not in said
    assert "Traceback" not in said


def test_refused_by_the_service(caas, refused, small):
    caas("set", "create", "web", *ONE)
    said = refused("set", "create", "a", *ONE, "--restart", "maybe")
    assert "restart_policy.name: must be one of no, on-failure" in said
    said = refused("container", "show", "web", "nobody")
    assert "has no container with the name or id 'nobody'. (HTTP 404" in said
    caas("set", "stop", "web")
    assert "is stopped; start it" in refused("set", "restart", "web")


def test_ambiguous_names(caas, refused, small):
    ids = {
        caas("set", "create", "web", *ONE, "-f", "json").json["id"]
        for _ in range(2)
    }
    said = refused("set", "delete", "web")
    assert said.startswith("2 sets are named 'web', give one of their ids: ")
    assert all(ident in said for ident in ids)
    caas("set", "delete", *ids)


def test_one_failure_does_not_keep_the_others(caas, refused, small):
    caas("set", "create", "web", *ONE)
    assert refused("set", "delete", "nobody", "web").splitlines() == [
        "There is no set with the name or id 'nobody'.",
        "1 of 2 sets could not be deleted.",
    ]
    assert caas("set", "list", "-f", "json").json == []


def test_a_wait_that_fails(caas, cloud, refused, small):
    cloud.running = {
        "placement": "failed",
        "issued": 1,
        "placement_reason": "No host can take this set: 0 hosts looked at.",
    }
    said = refused("set", "create", "web", *ONE, "--wait").splitlines()
    assert said[-2].startswith("web ERROR: No host can take this set: ")
    assert said[-1].startswith("Set web (")
    assert said[-1].endswith(
        ") is ERROR: No host can take this set: 0 hosts looked at."
    )


def test_a_wait_that_takes_too_long(cloud, refused, small):
    cloud.running = {
        "phase": "preparing",
        "phase_reason": "Pulling.",
        "launched_at": None,
    }
    said = refused("set", "create", "web", *ONE, "--wait", "--timeout", "0.5")
    assert said.splitlines()[-1].endswith(") is still BUILD: Pulling.")


def test_interrupted_wait(cloud, small):
    """Ctrl-C ends the waiting, without a stack trace."""
    cloud.running = {"phase": "preparing", "phase_reason": "Pulling."}
    openstack = (sys.executable, "-m", "openstackclient.shell")
    with subprocess.Popen(
        [*openstack, "caas", "set", "create", "web", *ONE, "--wait"],
        env=cloud.env(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # it is ignored by what a shell has put into the background
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        while "Pulling." not in process.stderr.readline():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (130, "")
    assert err == "\nNo longer waiting; what was asked for goes on.\n"


def test_force_delete(caas, small):
    caas("set", "create", "web", *ONE)
    caas("set", "delete", "--force", "web", "--wait", user="admin")
    assert caas("set", "list", "-f", "json").json == []


def test_nobody_answers(cloud, refused, monkeypatch):
    monkeypatch.setattr(cloud, "caas_url", "http://127.0.0.1:9/v1")
    assert refused("set", "list").endswith(
        "Unable to establish connection to http://127.0.0.1:9/v1/sets/detail."
    )


def test_no_such_service(cloud, refused, monkeypatch):
    monkeypatch.setattr(cloud, "caas_url", None)
    assert refused("set", "list").endswith(
        "public endpoint for caas service in RegionOne region not found"
    )


def test_server_groups(caas, refused, small):
    made = caas(
        *("server", "group", "create", "near", "--policy", "anti-affinity"),
        *("--max-per-host", "2", "-f", "json"),
    ).json
    assert (made["name"], made["max_per_host"]) == ("near", 2)
    show = ("server", "group", "show", "near", "-f", "json")
    assert caas(*show).json == made
    web = caas(
        *("set", "create", "web", *ONE, "--server-group", "near"),
        *("-f", "json"),
    ).json
    assert web["server_group_id"] == made["id"]
    assert caas(*show).json["members"] == [web["id"]]
    listed = caas("server", "group", "list", "-f", "json").json
    assert listed == [
        {"ID": made["id"], "Name": "near", "Policy": "anti-affinity"}
    ]
    every = ("server", "group", "list", "--all-projects", "-f", "json")
    [one] = caas(*every, user="admin").json
    assert one["Project ID"] == made["project_id"]
    said = refused("set", "create", "two", *ONE, "--server-group", "far")
    assert "far" in said
    said = refused(
        *("server", "group", "create", "x", "--policy", "affinity"),
        *("--max-per-host", "2"),
    )
    assert "Only anti-affinity policy supports rules." in said
    caas("server", "group", "delete", made["id"])
    assert "near" in refused("server", "group", "delete", "near")
    shown = caas("set", "show", "web", "-f", "json").json
    assert shown["server_group_id"] is None
