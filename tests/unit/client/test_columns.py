"""Values are readable in tables, and whole in JSON."""

import pytest
from caasclient.osc import columns

IMAGE = {"ref": "a:1", "id": "u", "digest": "sha512:00", "name": "a:1"}

CHECK = {
    "command": None,
    "port": None,
    "path": "/",
    "interval": 10,
    "timeout": 3,
    "retries": 3,
    "start_period": 0,
    "restart": True,
}


@pytest.mark.parametrize(
    ("kind", "value", "text"),
    [
        (columns.Plain, 3, "3"),
        (columns.Time, "2026-11-20T12:01:24.124591Z", "2026-11-20T12:01:24Z"),
        (columns.Mapping, {"b": "2", "a": "1"}, "a=1\nb=2"),
        (columns.Lines, ["a: A.", "b: B."], "a: A.\nb: B."),
        (
            columns.Checks,
            ["space: A.", "clock: B.", "space: C"],
            "clock, space",
        ),
        (columns.Words, ["sh", "-c", "a b"], "sh -c 'a b'"),
        (
            columns.Size,
            {"name": "s", "vcpus": 0.5, "memory_mb": 64, "disk_gb": 1},
            "s (0.5 vCPUs, 64 MiB, 1 GiB)",
        ),
        (
            columns.Size,
            {
                "name": "s",
                "vcpus": 2,
                "memory_mb": 64,
                "disk_gb": 1,
                "cpu_burst": True,
            },
            "s (2 vCPUs, 64 MiB, 1 GiB, CPU burst)",
        ),
        (columns.Name, IMAGE, "a:1"),
        (columns.Name, {**IMAGE, "name": ""}, "a:1"),
        (columns.Image, IMAGE, "a:1\nid u\nsha512:00"),
        (
            columns.Addresses,
            [{"address": "10.0.0.1"}, {"address": "10.0.0.2"}],
            "10.0.0.1, 10.0.0.2",
        ),
        (
            columns.ContainerNames,
            [
                {"name": "infra", "role": "infra"},
                {"name": "a", "role": "business"},
                {"name": "b", "role": "business"},
            ],
            "a, b",
        ),
        (
            columns.Containers,
            [
                {"name": "infra", "status": "running", "image": None},
                {
                    "name": "job",
                    "status": "exited",
                    "exit_code": 1,
                    "index": 2,
                    "image": IMAGE,
                    "reason": "killed",
                },
                {
                    "name": "web",
                    "status": "running",
                    "health": "unhealthy",
                    "paused": True,
                },
                {"name": "db", "status": "paused", "paused": True},
            ],
            "infra: running\n"
            "job: exited, exit code 1, image a:1, index 2 (killed)\n"
            "web: running, unhealthy, to be paused\n"
            "db: paused",
        ),
        (columns.Members, [{"name": "a", "image": IMAGE}], "a: a:1"),
        (
            columns.HealthCheck,
            {**CHECK, "type": "http", "port": 80, "path": "/x"},
            "http:80/x\nevery 10 s, within 3 s\n"
            "unhealthy after 3 failures, then restarted",
        ),
        (
            columns.HealthCheck,
            {
                **CHECK,
                "type": "exec",
                "command": ["a", "b c"],
                "restart": False,
                "start_period": 5,
            },
            "exec:a 'b c'\nevery 10 s, within 3 s\n"
            "unhealthy after 3 failures\nstart period 5 s",
        ),
        (
            columns.HealthCheck,
            {**CHECK, "type": "tcp", "port": 5432},
            "tcp:5432\nevery 10 s, within 3 s\n"
            "unhealthy after 3 failures, then restarted",
        ),
        (
            columns.Hooks,
            {
                "pre_start": None,
                "pre_stop": {"command": ["sh", "-c", "a b"], "timeout": 5},
            },
            "pre_stop: sh -c 'a b' (within 5 s)",
        ),
        (
            columns.Ulimits,
            [{"name": "nofile", "soft": 1, "hard": 2}],
            "nofile=1:2",
        ),
        (
            columns.Rates,
            {"write_iops": 5, "read_bps": 10, "read_iops": None},
            "read_bps=10\nwrite_iops=5",
        ),
        (
            columns.Ports,
            [
                {"port": 80, "protocol": "tcp", "name": "web"},
                {"port": 53, "protocol": "udp", "name": None},
            ],
            "80/tcp (web), 53/udp",
        ),
        (
            columns.Mounts,
            [
                {"path": "/a", "sub_path": "", "read_only": False},
                {"path": "/b", "sub_path": "c", "read_only": True},
            ],
            "/a\n/b from c read-only",
        ),
        (
            columns.RestartPolicy,
            {"name": "on-failure", "max_retries": 3},
            "on-failure, at most 3 times",
        ),
        (
            columns.RestartPolicy,
            {"name": "always", "max_retries": 0},
            "always",
        ),
        (columns.Usage, {"used": 1, "capacity": 2.5}, "1 / 2.5"),
    ],
)
def test_text(kind, value, text):
    assert kind(value).human_readable() == text
    assert kind(value).machine_readable() is value
    assert kind(None).human_readable() == ""
    assert kind(None).machine_readable() is None


def test_any_values_can_be_sorted():
    values = [columns.Plain(x) for x in ("b", None, 3, {"a": 1})]
    assert [str(v) for v in sorted(values)] == ["", "3", "b", "{'a': 1}"]
