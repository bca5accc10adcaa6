"""README's first command, on real Keystone, Glance, RabbitMQ and Docker."""

import pathlib
import stat

import pytest

from tests.system.conftest import Stack, run_quickstart


def snapshot(stack: Stack) -> dict[str, object]:
    """What a second run must leave as it is."""
    kept = ("settings", "secrets", "clouds.yaml", "openrc", "openrc-admin")
    return {
        **{name: (stack.path / name).read_text() for name in kept},
        "services": stack.quickstart("status").stdout,
        **{
            noun: stack.openstack(*noun.split(), cloud="caas-admin")
            for noun in (
                "catalog list",
                "user list",
                "role assignment list",
                "image list",
                "caas flavor list",
            )
        },
        "sets": {
            each["ID"] for each in stack.openstack("caas", "set", "list")
        },
    }


@pytest.fixture(scope="module")
def said(stack: Stack) -> str:
    """What the command says; there is a set at work after it."""
    return stack.quickstart().stdout


@pytest.mark.usefixtures("said")
def test_again_changes_nothing(stack: Stack) -> None:
    before = snapshot(stack)
    stack.quickstart()
    assert snapshot(stack) == before


def test_hello_serves_a_page_written_by_its_other_container(
    stack: Stack, said: str
) -> None:
    shown = stack.openstack(
        "caas", "set", "show", "hello", "--all-projects", cloud="caas-admin"
    )
    assert shown["status"] == "ACTIVE"
    business = [c for c in shown["containers"] if c["role"] == "business"]
    assert {c["name"]: c["index"] for c in business} == {
        "writer": 0,
        "web": 1,
    }
    page = stack.on_host(
        shown["host"],
        "curl",
        "--silent",
        "--fail",
        f"http://{shown['addresses'][0]['address']}/",
    )
    assert page.startswith("Hello from writer, by the volume of set ")
    assert page in said


def test_a_server_is_made_as_vms_are(stack: Stack, said: str) -> None:
    servers = stack.openstack(
        "--os-region-name", "RegionOne-caas", "server", "list"
    )
    [server] = [each for each in servers if each["Name"] == "hello-vm"]
    assert server["Status"] == "ACTIVE"
    assert server["Image"] == "quickstart:1"
    assert server["ID"] in said


def test_status_names_every_service_and_its_log(stack: Stack) -> None:
    lines = stack.quickstart("status").stdout.splitlines()
    services = {
        line.split()[0]: line.split()[-1] for line in lines if "runs" in line
    }
    assert {"keystone", "glance", "caas-api", "caas-conductor"} <= set(
        services
    )
    for name, log in services.items():
        assert pathlib.Path(log) == stack.path / "log" / f"{name}.log"
        assert pathlib.Path(log).stat().st_size, name


def test_passwords_are_kept_from_others(stack: Stack) -> None:
    private = ("secrets", "clouds.yaml", "openrc", "openrc-admin", "etc")
    for name in (*private, "openrc-viewer"):
        mode = (stack.path / name).stat().st_mode
        assert not mode & (stat.S_IRWXG | stat.S_IRWXO), name
    secrets = [
        line.split("=", 1)[1].encode()
        for line in (stack.path / "secrets").read_text().splitlines()
    ]
    for log in (stack.path / "log").iterdir():
        content = log.read_bytes()
        assert not [s for s in secrets if s in content], log
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            cmdline = (process / "cmdline").read_bytes()
        except OSError:
            continue
        assert not [s for s in secrets if s in cmdline], cmdline


def test_agents_know_no_login_of_database_or_cloud(stack: Stack) -> None:
    agents = list((stack.path / "etc").glob("caas-agent*"))
    assert agents
    secrets = dict(
        line.split("=", 1)
        for line in (stack.path / "secrets").read_text().splitlines()
    )
    # The broker's is the one they need.
    del secrets["RABBITMQ_PASSWORD"]
    for etc in agents:
        for file in etc.iterdir():
            text = file.read_text()
            assert not [n for n, s in secrets.items() if s in text], file
            assert "[database]" not in text


def test_a_reader_may_look_but_not_create(stack: Stack) -> None:
    assert isinstance(
        stack.openstack("caas", "set", "list", cloud="caas-viewer"), list
    )
    refused = stack.openstack_raw(
        "caas",
        "set",
        "create",
        "by-a-reader",
        "--flavor=c1.tiny",
        "--image=quickstart:1",
        cloud="caas-viewer",
    )
    assert refused.returncode
    assert "403" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_changed_option_is_refused_with_a_sentence(stack: Stack) -> None:
    other = (
        "mariadb"
        if stack.settings["QUICKSTART_DATABASE"] != "mariadb"
        else "sqlite"
    )
    refused = stack.quickstart("--database", other, check=False)
    assert refused.returncode
    assert "clean" in refused.stdout
    assert stack.quickstart("status", check=False).returncode == 0


def test_a_taken_port_is_named(
    stack: Stack, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second stack wants the ports of this one."""
    monkeypatch.setenv("QUICKSTART_NAME", "other")
    for name, value in stack.settings.items():
        if name.endswith("_PORT"):
            monkeypatch.setenv(name, value)
    other = run_quickstart(tmp_path / "other", check=False, timeout=60)
    assert other.returncode
    port = stack.settings["QUICKSTART_KEYSTONE_PORT"]
    assert f"Port {port}" in other.stdout
    assert "QUICKSTART_KEYSTONE_PORT" in other.stdout
    assert not (tmp_path / "other").exists()
