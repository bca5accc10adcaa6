"""Terminals in a browser, and what their tokens are good for."""

import datetime
from typing import Any

import pytest

from caas.store.engine import utcnow
from caas.store.tables import hosts, sessions, sets
from tests.functional.compute.driver import ADMIN, Compute


@pytest.fixture
def server(compute: Compute) -> str:
    ident = compute.create()
    compute.service.place(ident)
    return ident


def ask(
    compute: Compute, server: str, protocol: str, kind: str, **how: Any
) -> Any:
    body = {"remote_console": {"protocol": protocol, "type": kind}}
    path = f"/servers/{server}/remote-consoles"
    return compute.ask("POST", path, body, **how)


KINDS = [("vnc", "novnc"), ("serial", "serial"), ("spice", "spice-html5")]


@pytest.mark.parametrize(("protocol", "kind"), KINDS)
def test_each_kind_is_the_terminal(
    compute: Compute, server: str, protocol: str, kind: str
) -> None:
    answer = ask(compute, server, protocol, kind)
    console = answer.json["remote_console"]
    url = console.pop("url")
    assert console == {"protocol": protocol, "type": kind}
    page, _, secret = url.partition("#")
    assert page == "http://127.0.0.1:9519/terminal"
    ident, _, token = secret.partition(":")
    native = compute.service.request("GET", f"/v1/sessions/{ident}").json
    session = native["session"]
    assert (session["verb"], session["set_id"]) == ("exec", server)
    assert session["arguments"]["tty"] is True
    assert token not in str(native)


def test_a_look_inside_is_no_action(compute: Compute, server: str) -> None:
    ask(compute, server, *KINDS[0])
    native = compute.service.request("GET", f"/v1/events?object_id={server}")
    actions = [each["action"] for each in native.json["events"]]
    assert actions == ["container.exec", "set.create"]
    found = compute.ok("GET", f"/servers/{server}/os-instance-actions")
    assert [a["action"] for a in found["instanceActions"]] == ["create"]


@pytest.mark.parametrize(
    ("action", "kind"),
    [
        ("os-getVNCConsole", "novnc"),
        ("os-getSPICEConsole", "spice-html5"),
        ("os-getSerialConsole", "serial"),
    ],
)
def test_old_clients(
    compute: Compute, server: str, action: str, kind: str
) -> None:
    answer = compute.act(server, action, {"type": kind}, version="2.5")
    assert answer.json["console"]["type"] == kind
    assert "/terminal#" in answer.json["console"]["url"]
    answer = compute.act(server, action, {"type": "nothing"}, version="2.5")
    assert answer.status_int == 400
    answer = compute.act(server, action, {"type": kind}, version="2.6")
    assert answer.status_int == 400


@pytest.mark.parametrize(
    ("protocol", "kind"),
    [
        ("vnc", "serial"),
        ("vnc", "xvpvnc"),
        ("rdp", "rdp-html5"),
        ("mks", "webmks"),
        ("x", "novnc"),
    ],
)
def test_kinds_that_are_refused(
    compute: Compute, server: str, protocol: str, kind: str
) -> None:
    assert ask(compute, server, protocol, kind).status_int == 400


def test_servers_that_do_not_run(compute: Compute) -> None:
    server = compute.create()
    answer = ask(compute, server, "vnc", "novnc")
    assert answer.status_int == 409
    assert "is not ready" in answer.text


def test_tokens(compute: Compute, server: str) -> None:
    """Operators see what one that was not used is good for."""
    console = ask(compute, server, "vnc", "novnc").json["remote_console"]
    ident, _, token = console["url"].partition("#")[2].partition(":")
    path = f"/os-console-auth-tokens/{token}"
    shown = compute.ok("GET", path, token=ADMIN)["console"]
    assert shown == {
        "instance_uuid": server,
        "host": "192.0.2.7",
        "port": 9518,
        "internal_access_path": None,
    }
    compute.refused(403, "GET", path)
    compute.refused(401, "GET", path, token=ADMIN, version="2.30")
    other = "/os-console-auth-tokens/nothing"
    assert compute.refused(404, "GET", other, token=ADMIN) == "Token not found"
    with compute.service.store.writer() as conn:
        conn.execute(
            sessions.update()
            .where(sessions.c.id == ident)
            .values(expires_at=utcnow() - datetime.timedelta(seconds=1))
        )
    compute.refused(404, "GET", path, token=ADMIN)


def test_policy_may_want_a_record(compute: Compute, server: str) -> None:
    folder = compute.service.conf.oslo_policy.policy_file
    with open(folder, "w") as file:
        file.write('"caas:sessions:must:record": "role:member"\n')
    compute.service.reconfigure()
    console = ask(compute, server, "vnc", "novnc").json["remote_console"]
    ident = console["url"].partition("#")[2].partition(":")[0]
    native = compute.service.request("GET", f"/v1/sessions/{ident}").json
    assert native["session"]["recorded"] is True


def test_diagnostics_when_nobody_answers(
    compute: Compute, server: str
) -> None:
    """It is the host that is said to be away, whatever is asked of it."""
    path = f"/servers/{server}/diagnostics"
    ago = utcnow() - datetime.timedelta(hours=1)
    with compute.service.store.writer() as conn:
        conn.execute(hosts.update().values(last_seen=ago))
    gone = f"The host of instance {server} has not reported since"
    assert compute.refused(503, "GET", path).startswith(gone)
    compute.do(server, "os-stop")
    assert compute.refused(503, "GET", path).startswith(gone)
    with compute.service.store.writer() as conn:
        conn.execute(
            sets.update().values(
                phase="stopped", seen_revision=sets.c.revision
            )
        )
    assert compute.refused(409, "GET", path) == (
        f"Cannot 'get_diagnostics' instance {server} while it is in power "
        "state shutdown"
    )
    new = compute.create()
    said = compute.refused(409, "GET", f"/servers/{new}/diagnostics")
    assert said == f"Instance {new} is not ready"


@pytest.mark.parametrize(
    ("length", "shown"),
    [
        (None, "one\ntwo\nthree\n"),
        (-1, "one\ntwo\nthree\n"),
        (2, "two\nthree"),
        ("2", "two\nthree"),
        (9, "one\ntwo\nthree"),
        (0, ""),
    ],
)
def test_output(
    compute: Compute,
    server: str,
    monkeypatch: pytest.MonkeyPatch,
    length: int | str | None,
    shown: str,
) -> None:
    """As many lines as are asked for, by the count of who splits them."""
    monkeypatch.setattr(
        "caas.core.deps.NoAgents.read",
        lambda *args: b"one\ntwo\n\0three\n",
    )
    asked = {} if length is None else {"length": length}
    answer = compute.act(server, "os-getConsoleOutput", asked)
    assert answer.json == {"output": shown}
