"""Options and files of ``set create`` become the body of a request."""

import argparse
import io
import json

import pytest
from caasclient.osc import spec
from osc_lib import exceptions
from osc_lib.cli import parseractions


def parsed(*argv):
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("name", nargs="?")
    for option in ("flavor", "description", "availability-zone", "hostname"):
        parser.add_argument(f"--{option}")
    parser.add_argument("--min", type=int)
    parser.add_argument("--max", type=int)
    for option in ("property", "sysctl"):
        parser.add_argument(f"--{option}", action=parseractions.KeyValueAction)
    spec.add_arguments(parser)
    return parser.parse_args(argv)


def body(*argv):
    return spec.body(parsed(*argv))


def test_one_image():
    assert body(
        "web",
        *("--flavor", "small", "--image", "busybox:latest"),
        *("--command", "sh -c 'echo \"a b\"'", "--entrypoint", "/init"),
        *("--env", "A=1", "--env", "B=x:y=z", "--label", "l=", "--port", "80"),
        *("--port", "53/udp", "--mount", "/data", "--workdir", "/srv"),
        *("--user", "1000:1000", "--restart", "no"),
    ) == {
        "name": "web",
        "flavor": "small",
        "containers": [
            {
                "name": "main",
                "image": "busybox:latest",
                "command": ["sh", "-c", 'echo "a b"'],
                "entrypoint": ["/init"],
                "env": {"A": "1", "B": "x:y=z"},
                "labels": {"l": ""},
                "ports": [{"port": 80}, {"port": 53, "protocol": "udp"}],
                "mounts": [{"path": "/data"}],
                "working_dir": "/srv",
                "user": "1000:1000",
                "restart_policy": {"name": "no"},
            }
        ],
    }


def test_several_containers():
    asked = body(
        "web",
        *("--flavor", "small", "--description", "d", "--min", "2"),
        *("--availability-zone", "z", "--hostname", "h", "--max", "3"),
        *("--property", "a=1", "--property", "b=2=3"),
        *("--container", "db=pg:16,memory=60,cpu=50"),
        *("--container", "app=reg:5000/app:1.2,index=1"),
        *("--command", "app=run --db=db", "--env", "app:URL=db://x?a=b"),
        *("--mount", "app:/c:conf:ro", "--mount", "app:/d:ro"),
        *("--mount", "app:/e:sub:rw", "--port", "app:80/tcp"),
        *("--restart", "db=on-failure:3"),
    )
    assert asked == {
        "name": "web",
        "flavor": "small",
        "description": "d",
        "availability_zone": "z",
        "hostname": "h",
        "min_count": 2,
        "max_count": 3,
        "metadata": {"a": "1", "b": "2=3"},
        "containers": [
            {
                "name": "db",
                "image": "pg:16",
                "memory_percent": 60,
                "cpu_percent": 50,
                "restart_policy": {"name": "on-failure", "max_retries": 3},
            },
            {
                "name": "app",
                "image": "reg:5000/app:1.2",
                "index": 1,
                "command": ["run", "--db=db"],
                "env": {"URL": "db://x?a=b"},
                "mounts": [
                    {"path": "/c", "sub_path": "conf", "read_only": True},
                    {"path": "/d", "read_only": True},
                    {"path": "/e", "sub_path": "sub", "read_only": False},
                ],
                "ports": [{"port": 80, "protocol": "tcp"}],
            },
        ],
    }


ONE = ("web", "--flavor", "f", "--image", "i")
TWO = ("web", "--flavor", "f", "--container", "a=i", "--container", "b=i")


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("--flavor", "f", "--image", "i"), "Give <name>."),
        (("web", "--image", "i"), "Give --flavor."),
        ((*TWO, "--container", "a=j"), "Each --container needs its name."),
        (
            (*TWO, "--command", "httpd -f"),
            "--command 'httpd -f' has to begin with the name of a container "
            "and '='; there are a, b.",
        ),
        (
            (*TWO, "--env", "K=V"),
            "--env 'K=V' has to begin with the name of a container and ':'; "
            "there are a, b.",
        ),
        ((*TWO, "--env", "a:K"), "--env 'a:K': a <key>=<value> is missing."),
        ((*ONE, "--env", "=V"), "--env '=V': a <key>=<value> is missing."),
        ((*ONE, "--port", "http"), "--port 'http': 'http' is not a number."),
        ((*ONE, "--restart", "always:x"), "'x' is not a number."),
        ((*ONE, "--user", "a", "--user", "b"), "it is given twice."),
        ((*ONE, "--command", "'"), '--command "\'": No closing quotation.'),
        (
            (*ONE, "--mount", "/a:b:c"),
            "--mount '/a:b:c': it is not <path>[:<sub-path>][:ro].",
        ),
        (
            (*ONE, "--health", "ping:1"),
            "it is none of exec:<words>, http:<port>[/<path>], tcp:<port>.",
        ),
        ((*ONE, "--health", "tcp:db"), "'db' is not a number."),
        (
            (*ONE, "--health", "tcp:1,intervall=3"),
            "'intervall=3' is none of interval=, timeout=, retries=,",
        ),
        (
            (*ONE, "--health", "http:80/a,interval=5s"),
            "'5s' is not a number of seconds.",
        ),
        (
            (*ONE, "--health", "exec:a,restart=maybe"),
            "'maybe' is neither yes nor no.",
        ),
        ((*ONE, "--health", "tcp:1", "--health", "tcp:2"), "given twice."),
        ((*ONE, "--pre-stop", "a", "--pre-stop", "b"), "it is given twice."),
        ((*ONE, "--run-to-completion", "1"), "'1' is neither yes nor no."),
        ((*ONE, "--ulimit", "nofile"), "it is not <name>=<soft>[:<hard>]."),
        ((*ONE, "--ulimit", "nofile=a"), "'a' is not a number."),
        (
            (*ONE, "--block-io", "read=1"),
            "'read' is none of read-bps, write-bps, read-iops, write-iops.",
        ),
        ((*ONE, "--block-io", "read-iops=1K"), "'1K' is not a number."),
        (
            ("--file", "nowhere.yaml"),
            "nowhere.yaml cannot be read: No such file or directory.",
        ),
    ],
)
def test_what_means_nothing(argv, message):
    with pytest.raises(exceptions.CommandError) as caught:
        body(*argv)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("option", "asked"),
    [
        (
            ("--health", "http:8080/a?b=c,interval=0.5,start-period=9"),
            {
                "health_check": {
                    "type": "http",
                    "port": 8080,
                    "path": "/a?b=c",
                    "interval": 0.5,
                    "start_period": 9,
                }
            },
        ),
        (
            ("--health", "http:8080"),
            {"health_check": {"type": "http", "port": 8080}},
        ),
        (
            ("--health", "tcp:5432,retries=1,timeout=2,restart=no"),
            {
                "health_check": {
                    "type": "tcp",
                    "port": 5432,
                    "retries": 1,
                    "timeout": 2,
                    "restart": False,
                }
            },
        ),
        # only keys there are end a command
        (
            ("--health", "exec:dd if=a,of=b 'x,y',retries=2"),
            {
                "health_check": {
                    "type": "exec",
                    "command": ["dd", "if=a,of=b", "x,y"],
                    "retries": 2,
                }
            },
        ),
        (
            ("--pre-start", "sh -c 'a && b',timeout=1.5"),
            {
                "hooks": {
                    "pre_start": {
                        "command": ["sh", "-c", "a && b"],
                        "timeout": 1.5,
                    }
                }
            },
        ),
        (
            ("--ulimit", "nproc=5"),
            {"ulimits": [{"name": "nproc", "soft": 5, "hard": 5}]},
        ),
        (
            ("--ulimit", "core=0:unlimited"),
            {"ulimits": [{"name": "core", "soft": 0, "hard": -1}]},
        ),
        (("--block-io", "write-bps=2G"), {"block_io": {"write_bps": 2**31}}),
        (("--block-io", "read-bps=7"), {"block_io": {"read_bps": 7}}),
        (("--cpuset", "0-3,6"), {"cpuset": "0-3,6"}),
        (("--pids-limit", "9"), {"pids_limit": 9}),
        (("--tty", "yes"), {"tty": True}),
        (("--stdin", "yes"), {"stdin": True}),
    ],
)
def test_options_of_a_container(option, asked):
    [container] = body(*ONE, *option)["containers"]
    assert container == {"name": "main", "image": "i", **asked}
    # the same, said of one of several
    flag, value = option
    separator = ":" if flag in ("--ulimit", "--block-io") else "="
    containers = body(*TWO, flag, f"b{separator}{value}")["containers"]
    assert containers[1] == {"name": "b", "image": "i", **asked}


def test_what_containers_are_told(tmp_path):
    file = tmp_path / "data"
    file.write_bytes(b"#!/bin/sh\n\xff")
    asked = body(
        *ONE, "--user-data", str(file), "--key-name", "mine", "--no-network"
    )
    assert asked["user_data"] == "IyEvYmluL3NoCv8="
    assert (asked["key_name"], asked["network"]) == ("mine", "none")
    assert not {"user_data", "key_name", "network"} & body(*ONE).keys()
    with pytest.raises(exceptions.CommandError, match="cannot be read"):
        body(*ONE, "--user-data", str(tmp_path / "nothing"))


def test_sysctls(tmp_path):
    asked = body(*ONE, "--sysctl", "kernel.sem=1 2", "--sysctl", "a=b=c")
    assert asked["sysctls"] == {"kernel.sem": "1 2", "a": "b=c"}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("web", "'web' is not <name>=<image>"),
        ("web=i,size=3", "'size=3' in 'web=i,size=3' is none of index="),
        ("web=i,cpu=lots", "'cpu=lots' in 'web=i,cpu=lots' is not a whole"),
    ],
)
def test_what_is_no_container(value, message):
    with pytest.raises(argparse.ArgumentError) as caught:
        parsed("web", "--container", value)
    assert message in str(caught.value)


YAML = """
set:
  name: web
  flavor: small
  metadata: {team: shop, since: 2026-01-01}
  containers:
  - name: main
    image: busybox:latest
    command: [httpd, -f]
"""


def test_file(tmp_path):
    path = tmp_path / "web.yaml"
    path.write_text(YAML)
    asked = body("--file", str(path))
    assert asked == {
        "name": "web",
        "flavor": "small",
        "metadata": {"team": "shop", "since": "2026-01-01"},
        "containers": [
            {
                "name": "main",
                "image": "busybox:latest",
                "command": ["httpd", "-f"],
            }
        ],
    }
    # JSON, without the key "set", is as good
    path.write_text(json.dumps(asked))
    assert body("--file", str(path)) == asked


def test_options_win_over_file(tmp_path):
    path = tmp_path / "web.yaml"
    path.write_text(YAML)
    asked = body(
        "other", "--file", str(path), "--flavor", "big", "--property", "a=b"
    )
    assert (asked["name"], asked["flavor"]) == ("other", "big")
    assert asked["metadata"] == {
        "team": "shop",
        "since": "2026-01-01",
        "a": "b",
    }
    with pytest.raises(exceptions.CommandError, match="say it in the file"):
        body("--file", str(path), "--env", "main:A=B")


def test_standard_input(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("{name: a, flavor: b}"))
    assert body("--file", "-") == {"name": "a", "flavor": "b"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a: b: c", "is neither YAML nor JSON: mapping values are not allow"),
        (b"\xff\xfe\xff", "is neither YAML nor JSON: 'utf-8' codec can't"),
        (b"- a\n- b", "has to say what a set has"),
        (b"", "has to say what a set has"),
        (b"set: 3", "has to say what a set has"),
        (b"!!python/object:os.system {}", "could not determine a constructor"),
    ],
)
def test_bad_file(tmp_path, content, message):
    path = tmp_path / "bad.yaml"
    path.write_bytes(content)
    with pytest.raises(exceptions.CommandError) as caught:
        body("web", "--file", str(path))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
