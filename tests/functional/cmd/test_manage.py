"""caas-manage and caas-status as an operator runs them."""

import json
import pathlib
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
from cryptography import fernet

from caas.store import migration
from tests.functional.glance import Glance

Run = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def run(tmp_path: pathlib.Path, database_url: str) -> Run:
    """Run one of our commands with a configuration of its own."""
    (tmp_path / "caas.conf").write_text(
        "[DEFAULT]\n"
        # nobody listens on port 1
        "transport_url = rabbit://guest:guest@127.0.0.1:1/\n"
        f"[database]\nconnection = {database_url}\n"
    )
    scripts = pathlib.Path(sys.executable).parent

    def run(name: str, *args: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [scripts / name, "--config-dir", tmp_path, *args],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


def test_db_sync_can_be_repeated(run: Run) -> None:
    head = migration.head()
    assert run("caas-manage", "db", "version").stdout == "none\n"
    first = run("caas-manage", "db", "sync")
    assert first.stdout == f"The database went from nothing to {head}.\n"
    again = run("caas-manage", "db", "sync")
    assert again.stdout == f"The database is at {head} already.\n"
    assert run("caas-manage", "db", "version").stdout == f"{head}\n"


def test_without_tables_it_says_what_to_do(run: Run) -> None:
    done = run("caas-manage", "host", "list")
    assert done.returncode == 1
    assert "caas-manage db sync" in done.stderr


def test_flavor_create(run: Run) -> None:
    run("caas-manage", "db", "sync")
    size = ("--vcpus", "0.5", "--memory", "256", "--disk", "1")
    done = run("caas-manage", "flavor", "create", "small", *size)
    assert done.returncode == 0
    assert done.stdout.startswith("Flavor small has the id ")
    again = run("caas-manage", "flavor", "create", "small", *size)
    assert again.returncode == 1
    assert again.stderr.endswith("There is a flavor named 'small' already.\n")


@pytest.mark.parametrize("vcpus", ["0", "-1", "many"])
def test_flavor_create_refuses_sizes_below_one(run: Run, vcpus: str) -> None:
    size = ("--vcpus", vcpus, "--memory", "256", "--disk", "1")
    done = run("caas-manage", "flavor", "create", "small", *size)
    assert done.returncode == 2
    assert "--vcpus" in done.stderr


def test_forget_an_unknown_host(run: Run) -> None:
    run("caas-manage", "db", "sync")
    done = run("caas-manage", "host", "forget", "h9")
    assert done.returncode == 1
    assert "'h9'" in done.stderr


def test_purge_says_what_went(run: Run) -> None:
    run("caas-manage", "db", "sync")
    done = run("caas-manage", "db", "purge", "--days", "1")
    assert done.stdout.splitlines() == [
        "sets: 0 removed",
        "containers: 0 removed",
        "events: 0 removed",
        "sessions: 0 removed",
        "jobs: 0 removed",
    ]


def test_pull_key_is_a_new_fernet_key(run: Run) -> None:
    keys = {run("caas-manage", "pull_key").stdout.strip() for _ in range(2)}
    assert len(keys) == 2
    for key in keys:
        fernet.Fernet(key)


def test_status_tells_what_is_not_ready(run: Run) -> None:
    done = run("caas-status", "upgrade", "check", "--json")
    checks = {
        check["check"]: check for check in json.loads(done.stdout)["checks"]
    }
    assert done.returncode == 2
    assert {name: check["result"] for name, check in checks.items()} == {
        "Database": 2,
        "Pull keys": 2,
        "Message broker": 2,
        "Images": 2,
    }
    assert "caas-manage db sync" in checks["Database"]["details"]
    assert "caas-manage pull_key" in checks["Pull keys"]["details"]
    assert "127.0.0.1:1" in checks["Message broker"]["details"]


@pytest.fixture
def glance() -> Iterator[Glance]:
    made = Glance()
    yield made
    made.stop()


def test_status_of_a_ready_controller(
    run: Run, tmp_path: pathlib.Path, glance: Glance
) -> None:
    run("caas-manage", "db", "sync")
    key = run("caas-manage", "pull_key").stdout
    (tmp_path / "more.conf").write_text(
        f"[DEFAULT]\ntransport_url = fake://\n[pull]\nkeys = {key}\n"
        f"[glance]\nauth_type = none\nendpoint_override = {glance.url}\n"
    )
    done = run("caas-status", "upgrade", "check", "--json")
    results = {
        check["check"]: check["result"]
        for check in json.loads(done.stdout)["checks"]
    }
    # fake:// cannot be asked, and this Glance has no filter, which is worth a
    # warning each
    assert results == {
        "Database": 0,
        "Pull keys": 0,
        "Message broker": 1,
        "Images": 1,
    }
    assert done.returncode == 1
