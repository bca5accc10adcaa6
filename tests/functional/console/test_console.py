"""caas-console between a client of the SDK and an agent's real door."""

import asyncio
import contextlib
import dataclasses
import json
import pathlib
import socket
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from caasclient.sdk.streams import STDOUT, Data, Stream, StreamError
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from caas import certificates
from caas.agent.streams import server as agent_server
from caas.agent.streams.link import Link, Refused
from caas.clients import agents
from caas.console import link, relay, server
from caas.core.deps import Deps, NoImages
from caas.model.streams import Ask, Channel
from caas.store.engine import Store, utcnow
from caas.store.tables import events, hosts, sessions
from tests.functional.service import Service

HOST = "h1"
STATS = {
    "read_at": "2026-11-25T12:00:00+00:00",
    "set": {"usage": None, "network": None},
    "containers": [],
}
LIMITS = relay.Limits(idle=60, total=60, recording=1 << 20)


class Agent:
    """An agent's door with verbs of a test behind it."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.asked: list[Ask] = []
        self.gone = threading.Event()
        self.sent = 0
        verbs: dict[str, Callable[[Link], Any]] = {
            "exec": self._echo,
            "logs": self._flood,
            "attach": self._wait,
            "tail": self._refuse,
            "stats": self._stats,
        }
        self._server = agent_server.StreamServer(
            agent_server.Settings(
                listen="127.0.0.1",
                port=0,
                tls=agent_server.tls(
                    str(folder / "ca.crt"),
                    str(folder / f"host-{HOST}.crt"),
                    str(folder / f"host-{HOST}.key"),
                ),
                proxy_name="caas-console",
            ),
            verbs,
        )
        self.address = f"127.0.0.1:{self._server.start()}"
        self.stop = self._server.stop

    async def _echo(self, link: Link) -> None:
        self.asked.append(link.ask)
        await link.tell("started", {})
        async for message in link.messages():
            if isinstance(message, bytes):
                await link.send(Channel.STDOUT, message)
            elif message == ("eof", True):
                await link.tell("exit", {"exit_code": 7})
                return
            else:
                text = json.dumps(message).encode()
                await link.send(Channel.STDERR, text)
        self.gone.set()

    async def _flood(self, link: Link) -> None:
        await link.tell("started", {})
        for _ in range(4096):
            await link.send(Channel.STDOUT, bytes(1 << 15))
            self.sent += 1 << 15
        await link.tell("exit", {})

    async def _wait(self, link: Link) -> None:
        await link.tell("started", {})
        await link.gone()
        self.gone.set()

    async def _refuse(self, link: Link) -> None:
        raise Refused(409, "There is no such file.")

    async def _stats(self, link: Link) -> None:
        await link.tell("result", STATS)


class Users:
    def user_of(self, token: str) -> str | None:
        return token.split(":")[0] if token != "bad" else None


@dataclasses.dataclass
class Whole:
    """API, console and agent."""

    service: Service
    agent: Agent
    links: link.Links
    settings: agents.Settings
    set_id: str = ""
    loop: asyncio.AbstractEventLoop | None = None

    @contextlib.contextmanager
    def console(
        self, limits: relay.Limits = LIMITS, **settings: Any
    ) -> Iterator[None]:
        """Run one, and tell the API where it is."""
        deps = Deps(
            store=Store(self.service.conf),
            notify=lambda _ctx, _ids: None,
            images=NoImages(),
            quota_defaults={},
        )
        made = server.Console(
            server.Settings(
                name="console-1", listen="127.0.0.1", port=0, **settings
            ),
            deps,
            Users(),
            relay.Relay(deps, self.links, limits),
        )
        port: list[int] = []
        ready = threading.Event()
        stop: list[Callable[[], None]] = []

        async def run() -> None:
            ending = asyncio.Event()
            loop = asyncio.get_running_loop()
            stop.append(lambda: loop.call_soon_threadsafe(ending.set))
            started: asyncio.Future[int] = loop.create_future()
            serving = asyncio.create_task(made.run(ending, started))
            port.append(await started)
            ready.set()
            await serving

        thread = threading.Thread(target=asyncio.run, args=(run(),))
        thread.start()
        assert ready.wait(10)
        self.service.reconfigure(
            console={"url": f"ws://127.0.0.1:{port[0]}"},
        )
        try:
            yield
        finally:
            stop[0]()
            thread.join(10)
            assert not thread.is_alive()

    def ask(
        self, verb: str = "exec", token: str = "u1:p1:member", **body: Any
    ) -> dict[str, Any]:
        if verb == "exec":
            body.setdefault("command", ["sh"])
        answer = self.service.request(
            "POST",
            f"/v1/sets/{self.set_id}/containers/app/{verb}",
            {"session": body},
            token=token,
        )
        assert answer.status_int == 201, answer.text
        session: dict[str, Any] = answer.json["session"]
        return session

    def open(
        self, verb: str = "exec", token: str = "u1:p1:member", **body: Any
    ) -> Stream:
        return Stream.open(self.ask(verb, token, **body), token, None)

    def session(self, session_id: str) -> dict[str, Any]:
        answer = self.service.request("GET", f"/v1/sessions/{session_id}")
        session: dict[str, Any] = answer.json["session"]
        return session

    def ended(self, session_id: str) -> dict[str, Any]:
        until = time.monotonic() + 10
        while time.monotonic() < until:
            found = self.session(session_id)
            if found["status"] == "ENDED":
                return found
            time.sleep(0.02)
        raise AssertionError("the session has not ended")

    def refusals(self) -> list[str]:
        with self.service.store.reader() as conn:
            rows = conn.execute(
                events.select().where(events.c.action == "session.refused")
            )
            return [row.reason for row in rows]


@pytest.fixture
def whole(
    tmp_path: pathlib.Path,
    migrated_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Whole]:
    folder = tmp_path / "certificates"
    certificates.authority(folder)
    certificates.issue(folder, certificates.HOST, HOST)
    certificates.issue(folder, certificates.PROXY, "caas-console")
    settings = agents.Settings(
        *(str(folder / f"{n}") for n in ("ca.crt", "caas-console.crt")),
        str(folder / "caas-console.key"),
        timeout=5,
        answer_timeout=5,
    )
    service = Service(tmp_path, migrated_url, monkeypatch)
    agent = Agent(folder)
    made = Whole(service, agent, link.Links(settings), settings)
    service.reconfigure(
        proxy={
            "ca_file": settings.ca_file,
            "cert_file": settings.cert_file,
            "key_file": settings.key_file,
        }
    )
    service.image("app:1")
    service.flavor()
    [one] = service.create()
    made.set_id = one["id"]
    service.place(one["id"])
    with service.store.writer() as conn:
        conn.execute(hosts.update().values(facts={"streams": agent.address}))
    yield made
    agent.stop()
    service.stop()


def test_bytes_pass_unchanged_both_ways(whole: Whole) -> None:
    every = bytes(range(256)) * 1000 + b"\xf0\x9f\x98"
    with whole.console(), whole.open(stdin=True, env={"A": "secret"}) as s:
        s.send(every)
        s.resize(100, 50)
        s.signal("SIGINT")
        s.end_input()
        seen = list(s)
        out = b"".join(
            each.data
            for each in seen
            if isinstance(each, Data) and each.channel == STDOUT
        )
        err = [each.data for each in seen if each.channel != STDOUT]  # type: ignore[union-attr]
        assert out == every
        assert err == [
            b'["resize", {"width": 100, "height": 50}]',
            b'["signal", "INT"]',
        ]
        assert s.exit_code == 7
        found = whole.ended(s.session_id)
    assert (found["result"], found["exit_code"]) == ("success", 7)
    assert found["client"] == "127.0.0.1"
    [asked] = whole.agent.asked
    assert asked.arguments["env"] == {"A": "secret"}
    assert asked.container == found["container_id"]
    # what may be secret is not kept
    with whole.service.store.reader() as conn:
        [row] = conn.execute(sessions.select()).all()
        kept = conn.execute(events.select()).all()
    assert "secret" not in str(row._mapping)
    assert "secret" not in str(kept)


def test_what_the_host_refuses_reaches_the_user(whole: Whole) -> None:
    with whole.console():
        session = whole.ask("tail", path="/x")
        with pytest.raises(StreamError, match="no such file") as caught:
            Stream.open(session, "u1", None)
        assert caught.value.code == 409
        found = whole.ended(session["id"])
    assert found["result"] == "error"
    assert found["message"] == "There is no such file."


def _refused(session: dict[str, Any], token: str) -> int:
    with pytest.raises(StreamError) as caught:
        Stream.open(session, token, None)
    assert caught.value.code is not None
    return caught.value.code


def test_a_token_is_good_once(whole: Whole) -> None:
    with whole.console():
        session = whole.ask()
        with Stream.open(session, "u1", None):
            assert _refused(session, "u1") == 403
        whole.ended(session["id"])
        assert _refused(session, "u1") == 403
    assert whole.refusals() == ["A token was refused: it was used before."] * 2


def test_a_token_is_good_for_its_session_and_user_only(whole: Whole) -> None:
    with whole.console():
        mine, other = whole.ask(), whole.ask("attach")
        assert _refused({**mine, "token": other["token"]}, "u1") == 403
        assert _refused({**mine, "token": "guess"}, "u1") == 403
        assert _refused(mine, "u2") == 403
        assert _refused(mine, "bad") == 401
        nowhere = mine["url"][:-4] + "0000"
        assert _refused({**mine, "url": nowhere}, "u1") == 403
        # none of these has used it up
        Stream.open(mine, "u1", None).close()
    assert sorted(whole.refusals()) == [
        "A token was refused: it is the token of another session, or none.",
        "A token was refused: it is the token of another session, or none.",
        "A token was refused: it was given to another user.",
    ]


def test_a_token_expires(whole: Whole) -> None:
    with whole.console():
        session = whole.ask()
        with whole.service.store.writer() as conn:
            conn.execute(sessions.update().values(expires_at=utcnow()))
        assert _refused(session, "u1") == 403
        assert whole.session(session["id"])["status"] == "EXPIRED"


def test_pages_of_other_origins_are_refused(whole: Whole) -> None:
    with whole.console(origins=["https://panel.example"]):
        session = whole.ask()

        def come(origin: str) -> None:
            with connect(
                session["url"],
                subprotocols=[
                    "caas-stream-v1",  # type: ignore[list-item]
                    f"caas-token.{session['token']}",  # type: ignore[list-item]
                ],
                origin=origin,  # type: ignore[arg-type]
                additional_headers={"X-Auth-Token": "u1"},
            ):
                pass

        with pytest.raises(InvalidStatus) as caught:
            come("https://evil.example")
        assert caught.value.response.status_code == 403
        come("https://panel.example")


def test_nothing_but_sessions_is_there(whole: Whole) -> None:
    with whole.console():
        url = whole.ask()["url"].split("/v1")[0]
        with (
            pytest.raises(InvalidStatus) as caught,
            connect(
                url + "/v1/other",
                subprotocols=["caas-stream-v1"],  # type: ignore[list-item]
            ),
        ):
            pass
        assert caught.value.response.status_code == 404


def test_more_sessions_than_allowed_are_refused(whole: Whole) -> None:
    with whole.console(max_sessions=1), whole.open():
        assert _refused(whole.ask(), "u1") == 503


def test_who_comes_and_goes_at_once_leaves_nothing(
    whole: Whole, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a word after the request, not even a farewell."""
    monkeypatch.setattr(server, "HANDSHAKE", 0.2)
    with whole.console(max_sessions=2):
        for _ in range(3):
            session = whole.ask()
            host, _, path = session["url"].removeprefix("ws://").partition("/")
            name, _, port = host.partition(":")
            with socket.create_connection((name, int(port)), 5) as connection:
                connection.sendall(
                    f"GET /{path} HTTP/1.1\r\nHost: {host}\r\n"
                    "Upgrade: websocket\r\nConnection: Upgrade\r\n"
                    "Sec-WebSocket-Version: 13\r\n"
                    "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
                    "Sec-WebSocket-Protocol: caas-stream-v1, "
                    f"caas-token.{session['token']}\r\n"
                    "X-Auth-Token: u1\r\n\r\n".encode()
                )
                # a reset, and no answer is looked at
                connection.setsockopt(
                    socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0" + bytes(4)
                )
            until = time.monotonic() + 10
            while whole.session(session["id"])["status"] not in (
                "PENDING",
                "ENDED",
            ):
                assert time.monotonic() < until
                time.sleep(0.02)


def test_a_silent_shell_ends(whole: Whole) -> None:
    limits = dataclasses.replace(LIMITS, idle=0.2)
    with whole.console(limits), whole.open() as stream:
        with pytest.raises(StreamError, match=r"moved for 0\.2 s"):
            list(stream)
        assert whole.agent.gone.wait(5)
        assert "moved" in whole.ended(stream.session_id)["message"]


def test_any_session_ends(whole: Whole) -> None:
    limits = dataclasses.replace(LIMITS, total=0.2)
    with whole.console(limits), whole.open("attach") as stream:
        with pytest.raises(StreamError, match=r"lasts 0\.2 s"):
            list(stream)
        assert whole.agent.gone.wait(5)


def test_the_agent_learns_that_the_client_is_gone(whole: Whole) -> None:
    with whole.console():
        stream = whole.open()
        stream.close()
        assert whole.agent.gone.wait(5)
        assert whole.ended(stream.session_id)["result"] == "success"


def test_the_client_learns_that_the_agent_is_gone(whole: Whole) -> None:
    with whole.console(), whole.open() as stream:
        began = time.monotonic()
        threading.Thread(target=whole.agent.stop).start()
        with pytest.raises(StreamError):
            list(stream)
        assert time.monotonic() - began < 5
        assert whole.ended(stream.session_id)["result"] == "error"


def test_a_console_that_stops_says_so(whole: Whole) -> None:
    with contextlib.ExitStack() as stack:
        with whole.console():
            stream = stack.enter_context(whole.open())
        with pytest.raises(StreamError):
            list(stream)
    assert whole.ended(stream.session_id)["result"] == "error"


def test_what_a_killed_console_left_is_ended(whole: Whole) -> None:
    with whole.console():
        session = whole.ask()
        with whole.service.store.writer() as conn:
            conn.execute(
                sessions.update().values(
                    started_at=utcnow(), proxy="console-1"
                )
            )
    with whole.console():
        found = whole.ended(session["id"])
    assert found["message"] == "The proxy that served it ended."


def test_a_slow_reader_stops_the_writer(whole: Whole) -> None:
    with whole.console(), whole.open("logs") as stream:
        sent, before = -1, -2
        while sent != before:
            before = whole.agent.sent
            threading.Event().wait(0.5)
            sent = whole.agent.sent
        # of 128 MiB no more is on its way than buffers hold
        assert sent < 32 << 20
        assert len(stream.read()) == 4096 << 15


def test_a_session_is_recorded_and_can_be_replayed(whole: Whole) -> None:
    with whole.console():
        with whole.open(record=True, reason="INC-7", width=100) as stream:
            stream.send("ünï".encode()[:2])
            stream.send("ünï".encode()[2:])
            stream.resize(120, 40)
            stream.end_input()
            list(stream)
        whole.ended(stream.session_id)
    answer = whole.service.request(
        "GET", f"/v1/sessions/{stream.session_id}/recording"
    )
    recording = answer.json["recording"]
    assert recording["next"] is None
    lines = [json.loads(x) for x in recording["asciicast"].splitlines()]
    assert lines[0]["version"] == 2
    assert lines[0]["width"] == 100
    assert lines[0]["caas"]["user"] == "u1"
    assert lines[0]["caas"]["reason"] == "INC-7"
    shown = [line for line in lines[1:] if line[1] == "o"]
    text = "".join(line[2] for line in shown)
    assert text.startswith("ünï")
    assert [line[2] for line in lines[1:] if line[1] == "r"] == ["120x40"]


def test_a_full_recording_ends_the_session(whole: Whole) -> None:
    limits = dataclasses.replace(LIMITS, recording=10_000)
    with whole.console(limits), whole.open(record=True) as stream:
        for _ in range(20):
            stream.send(b"x" * 1000)
        with pytest.raises(StreamError, match="is full"):
            list(stream)


def test_policy_may_want_a_recording_and_a_reason(whole: Whole) -> None:
    policy = whole.service.conf.oslo_policy.policy_file
    pathlib.Path(policy).write_text(
        '"caas:sessions:must:record": "role:member"\n'
        '"caas:sessions:must:reason": "role:member"\n'
    )
    path = f"/v1/sets/{whole.set_id}/containers/app/exec"
    body: dict[str, Any] = {"session": {"command": ["sh"]}}
    answer = whole.service.request("POST", path, body, token="u1:p1:member")
    assert answer.status_int == 400
    assert "reason" in answer.json["error"]["message"]
    body["session"]["reason"] = "INC-7"
    answer = whole.service.request("POST", path, body, token="u1:p1:member")
    assert answer.json["session"]["recorded"] is True
    answer = whole.service.request("POST", path, body, token="u1:p9:admin")
    assert answer.json["session"]["recorded"] is True


def test_a_look_asks_the_host(whole: Whole) -> None:
    path = f"/v1/sets/{whole.set_id}/stats"
    answer = whole.service.request("GET", path)
    assert answer.json == {"stats": STATS}
    whole.agent.stop()
    answer = whole.service.request("GET", path)
    assert answer.status_int == 503
    assert "cannot be reached" in answer.json["error"]["message"]


def test_nobody_enters_the_infra_container(whole: Whole) -> None:
    path = f"/v1/sets/{whole.set_id}/containers/infra/exec"
    body = {"session": {"command": ["sh"]}}
    answer = whole.service.request("POST", path, body)
    assert answer.status_int == 403
    answer = whole.service.request("GET", "/v1/events?result=error")
    [event] = answer.json["events"] or [None]
    assert event["action"] == "container.exec"
    assert event["container"] == "infra"


def _terminal(whole: Whole) -> tuple[str, str, str]:
    """Address of the page, and of the websocket, and the token."""
    answer = whole.service.request(
        "POST",
        f"/compute/v2.1/servers/{whole.set_id}/remote-consoles",
        {"remote_console": {"protocol": "vnc", "type": "novnc"}},
        token="u1:p1:member",
        headers={"OpenStack-API-Version": "compute 2.96"},
    )
    assert answer.status_int == 200, answer.text
    url = answer.json["remote_console"]["url"]
    page, _, secret = url.partition("#")
    ident, _, token = secret.partition(":")
    base = page.removesuffix("/terminal").replace("http", "ws", 1)
    return page, f"{base}/v1/sessions/{ident}", token


def test_a_terminal_in_a_browser(whole: Whole) -> None:
    """Its token is enough, once; a page of the console itself may use it."""
    with whole.console():
        page, url, token = _terminal(whole)
        with urllib.request.urlopen(page + "?title=x") as answer:
            text, headers = answer.read().decode(), answer.headers
        assert headers["Content-Type"] == "text/html; charset=utf-8"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'sha256-")
        # nothing is fetched from elsewhere, and no address stands in it
        assert "http:" not in text.replace("https:", "")
        assert " src=" not in text
        assert token not in text
        how: dict[str, Any] = {
            "origin": page.removesuffix("/terminal"),
            "subprotocols": [
                Subprotocol("caas-stream-v1"),
                Subprotocol(f"caas-token.{token}"),
            ],
        }
        with connect(url, **how) as socket:
            assert json.loads(socket.recv()) == {"started": {}}
            socket.send(b"\0hello")
            assert socket.recv() == b"\1hello"
            socket.send('{"eof": true}')
            assert json.loads(socket.recv()) == {"exit": {"exit_code": 7}}
        [asked] = whole.agent.asked
        assert asked.arguments["tty"] is True
        assert asked.arguments["command"][:2] == ["/bin/sh", "-c"]
        for wrong in (how, {**how, "origin": "https://elsewhere.example.org"}):
            with pytest.raises(InvalidStatus) as caught:
                connect(url, **wrong)
            assert caught.value.response.status_code == 403


def test_other_sessions_need_their_user(whole: Whole) -> None:
    """A token alone, with none of Keystone, opens only terminals."""
    with whole.console():
        session = whole.ask()
        _page, url, _token = _terminal(whole)
        for address, token in (
            (session["url"], session["token"]),
            (url, session["token"]),
            (url, "x"),
        ):
            with pytest.raises(InvalidStatus) as caught:
                connect(
                    address,
                    subprotocols=[
                        Subprotocol("caas-stream-v1"),
                        Subprotocol(f"caas-token.{token}"),
                    ],
                )
            # they come as nobody, and it is somebody's
            assert caught.value.response.status_code == 403
        assert whole.session(session["id"])["status"] == "PENDING"
        assert "it was given to another user." in whole.refusals()[0]
