"""Notifications and audit with real processes and a real RabbitMQ."""

import configparser
import datetime
import json
import pathlib
import re
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import oslo_messaging
import pytest
from oslo_config import cfg

from caas import rpc
from caas.store import tables
from caas.store.engine import Store, utcnow
from tests.listener import Listener
from tests.system.cloud import Cloud, wait_for
from tests.system.conftest import Stack

CONFIG = """
[DEFAULT]
host = {name}
# alone: on the broker of the stack, conductors of both would share the work
transport_url = fake://
control_exchange = {name}
[database]
connection = {database}
[oslo_messaging_notifications]
driver = messagingv2
topics = {name}
transport_url = {transport}
[pull]
keys = gBYMnXJkjpjzAm13iAt9USQ5vQYQhEnMmpgQDVvkdC0=
"""

Run = Callable[..., "subprocess.Popen[bytes]"]


@pytest.fixture
def name() -> str:
    """Of all that is ours alone on the broker."""
    return f"test-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def transport_url(stack: Stack) -> str:
    """The broker of the stack."""
    parser = configparser.ConfigParser()
    parser.read(stack.path / "etc" / "caas-api" / "caas.conf")
    return parser["DEFAULT"]["transport_url"]


@pytest.fixture
def run(
    tmp_path: pathlib.Path, name: str, transport_url: str, store: Store
) -> Iterator[Run]:
    """Starts one of our programs on these tables, telling the broker."""
    (tmp_path / "caas.conf").write_text(
        CONFIG.format(
            name=name,
            transport=transport_url,
            database=store.engine.url,
        )
    )
    processes = []

    def run(program: str, *args: str) -> "subprocess.Popen[bytes]":
        with (tmp_path / "log").open("ab") as log:
            process = subprocess.Popen(
                [
                    pathlib.Path(sys.executable).parent / program,
                    "--config-dir",
                    tmp_path,
                    *args,
                ],
                stdout=log,
                stderr=log,
            )
        processes.append(process)
        return process

    yield run
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture
def told(name: str, transport_url: str) -> Iterator[Listener]:
    conf = cfg.CONF
    conf.clear()
    conf([], default_config_files=[], default_config_dirs=[])
    rpc.set_defaults(conf)
    conf.set_override("control_exchange", name)
    transport = oslo_messaging.get_notification_transport(
        conf, url=transport_url
    )
    listener = Listener(transport, name)
    yield listener
    listener.stop()
    transport.cleanup()
    conf.clear_override("control_exchange")
    conf.clear()


def test_programs_tell_of_their_events(
    run: Run,
    told: Listener,
    name: str,
    tmp_path: pathlib.Path,
    store: Store,
) -> None:
    size = ("--vcpus", "1", "--memory", "64", "--disk", "1")
    made = run("caas-manage", "flavor", "create", "small", *size)
    assert made.wait(60) == 0, (tmp_path / "log").read_text()
    priority, publisher, payload, _ = told.wait("caas.flavor.create.success")
    assert (priority, publisher) == ("INFO", f"caas-manage.{name}")
    assert payload["details"] == {"name": "small"}

    # a host that fell silent while no conductor ran
    ago = utcnow() - datetime.timedelta(minutes=5)
    with store.writer() as conn:
        conn.execute(
            tables.hosts.insert().values(
                id=str(uuid.uuid4()),
                name="node-1",
                zone="az1",
                facts={"labels": {"room": "r2"}},
                last_seen=ago,
                created_at=ago,
                updated_at=ago,
            )
        )
    run("caas-conductor")
    priority, publisher, payload, _ = told.wait(
        "caas.host.down.error", timeout=60
    )
    assert (priority, publisher) == ("ERROR", f"caas-conductor.{name}")
    assert (payload["host"], payload["zone"]) == ("node-1", "az1")
    assert payload["labels"] == {"room": "r2"}


def _told(stack: Stack, service: str, kind: str) -> list[dict[str, Any]]:
    """Notifications of a kind in the log of a service of the stack."""
    log = (stack.path / "log" / f"{service}.log").read_text(errors="replace")
    lines = re.findall(
        rf"oslo\.messaging\.notification\.{re.escape(kind)} "
        r"\[.*?\] (\{.*\})",
        log,
    )
    return [json.loads(line)["payload"] for line in lines]


def test_the_stack_tells_of_a_set_and_of_who_asked(
    stack: Stack, cloud: Cloud
) -> None:
    secret = uuid.uuid4().hex
    with cloud.sets(
        containers=[
            {
                "name": "app",
                "image": "quickstart:1",
                "command": ["sleep", "3600"],
                "env": {"SECRET": secret},
            }
        ]
    ) as [made]:
        set_id = made["id"]

    def about(service: str, kind: str) -> Callable[[], Any]:
        return lambda: [
            p for p in _told(stack, service, kind) if p["object_id"] == set_id
        ]

    [asked] = wait_for(
        "its creation", about("caas-api", "caas.set.create.accepted")
    )
    assert asked["set"]["name"] == made["name"]
    [done] = wait_for(
        "its start", about("caas-conductor", "caas.set.create.success")
    )
    assert done["request_id"] == asked["request_id"]
    assert done["host"]
    [audited] = wait_for(
        "its audit",
        lambda: [
            p
            for p in _told(stack, "caas-api", "audit.http.response")
            if p["initiator"].get("request_id") == asked["request_id"]
        ],
    )
    assert audited["outcome"] == "success"
    assert audited["action"] == "create"
    assert audited["target"]["typeURI"] == "service/compute/caas/sets"
    assert audited["initiator"]["id"] == asked["user_id"]
    # the driver of the log masks it once more
    assert audited["initiator"]["credential"]["token"] in ("xxxxxxxx", "***")
    for service in ("caas-api", "caas-conductor"):
        log = stack.path / "log" / f"{service}.log"
        assert secret not in log.read_text(errors="replace")
