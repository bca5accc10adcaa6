"""What is remembered of Keystone's answers, and what is asked how often.

Over real HTTP and keystoneauth; the system tests have the real Keystone.
"""

import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from keystoneauth1 import fixture
from keystoneauth1.session import Session

from caas import exception
from caas.clients.logins import Login, Logins, Project

CREDENTIAL = "0123456789abcdef0123456789abcdef"


class Keystone:
    """Takes tokens ``USER`` or ``USER:PROJECT``.

    :ivar passwords: by name and domain.
    :ivar roles: projects with roles of the users, by user.
    :ivar default: default project, by user.
    :ivar asked: what was asked, in order.
    :ivar failing: status every request gets.
    """

    def __init__(self) -> None:
        self.passwords = {
            ("demo", "Default"): "secret",
            ("alice", "corp"): "secret",
            ("bob@corp", "Default"): "secret",
        }
        self.roles = {"demo": {"p1": ["member"], "p2": ["reader"]}}
        self.default = {"demo": "p1"}
        self.asked: list[str] = []
        self.failing: int | None = None
        self.lifetime_over = False
        keystone = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            wbufsize = -1

            def do_GET(self) -> None:
                keystone.answer(self, None)

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                keystone.answer(self, json.loads(self.rfile.read(length)))

            def log_message(self, *args: Any) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(
            ("127.0.0.1", 0), Handler
        )
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.01,), daemon=True
        )
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}/v3"

    def stop(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def answer(self, handler: Any, body: Any) -> None:
        status, token_id, found = self._answer(handler, body)
        text = json.dumps(found).encode()
        handler.send_response(self.failing or status)
        if token_id:
            handler.send_header("X-Subject-Token", token_id)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(text)))
        handler.end_headers()
        handler.wfile.write(text)

    def _answer(self, handler: Any, body: Any) -> tuple[int, str, Any]:
        refused = (401, "", {"error": {"code": 401, "message": "no"}})
        if body is not None:
            identity = body["auth"]["identity"]
            project = body["auth"].get("scope", {}).get("project", {})
            project_id = project.get("id", "")
            [method] = identity["methods"]
            user = ""
            if method == "password":
                given = identity["password"]["user"]
                who = (given["name"], given["domain"]["name"])
                self.asked.append("password {}@{}".format(*who))
                if self.passwords.get(who) == given["password"]:
                    user = who[0]
            elif method == "application_credential":
                self.asked.append("application_credential")
                given = identity["application_credential"]
                if given == {"id": CREDENTIAL, "secret": "secret"}:
                    user, project_id = "demo", "p2"
            else:
                self.asked.append(f"rescope {project_id}")
                user = identity["token"]["id"].partition(":")[0]
                if project_id not in self.roles.get(user, {}):
                    return refused
            if not user:
                return refused
            return self._token(user, project_id or self.default.get(user, ""))
        token = handler.headers["X-Auth-Token"]
        user, _, project_id = token.partition(":")
        if handler.path == "/v3/auth/projects":
            self.asked.append("projects")
            projects = [
                {"id": p, "name": f"name of {p}", "enabled": True}
                for p in self.roles.get(user, {})
            ]
            return 200, "", {"projects": projects}
        self.asked.append("validate")
        assert handler.headers["X-Subject-Token"] == token
        if user not in self.roles:
            return 404, "", {}
        status, _, found = self._token(user, project_id)
        return status, "", found

    def _token(self, user: str, project_id: str) -> tuple[int, str, Any]:
        found = fixture.V3Token(user_id=user, user_name=user)
        if self.lifetime_over:
            found.expires = found.issued
        if project_id:
            found.set_project_scope(
                id=project_id, name=f"name of {project_id}"
            )
            for role in self.roles[user][project_id]:
                found.add_role(name=role)
        return 201, f"{user}:{project_id}".rstrip(":"), found


@pytest.fixture
def keystone() -> Iterator[Keystone]:
    made = Keystone()
    yield made
    made.stop()


@pytest.fixture
def now() -> list[float]:
    return [100.0]


@pytest.fixture
def logins(keystone: Keystone, now: list[float]) -> Logins:
    return Logins(
        Session(),
        auth_url=keystone.url,
        ttl=300,
        failures=3,
        clock=lambda: now[0],
    )


def enter(logins: Logins, name: str = "demo", secret: str = "secret") -> Login:
    return logins.login(name, secret, "192.0.2.1")


def test_in_the_default_project(logins: Logins) -> None:
    who = enter(logins).scoped
    assert (who.user_id, who.project_id, who.project_name, who.roles) == (
        "demo",
        "p1",
        "name of p1",
        ("member",),
    )
    assert "demo:p1" not in repr(who)


def test_who_has_no_default_project(
    logins: Logins, keystone: Keystone
) -> None:
    keystone.default.clear()
    login = enter(logins)
    assert login.scoped.project_id == ""
    assert logins.projects(login) == (
        Project("p1", "name of p1"),
        Project("p2", "name of p2"),
    )
    found = logins.scope(login, "p2")
    assert found
    assert (found.project_id, found.roles) == ("p2", ("reader",))


def test_another_project(logins: Logins, keystone: Keystone) -> None:
    login = enter(logins)
    for _ in range(2):
        assert logins.scope(login, "p1") is login.scoped
        assert logins.scope(login, "p2")
        assert logins.scope(login, "p3") is None
    assert keystone.asked == [
        "password demo@Default",
        "rescope p2",
        "rescope p3",
    ]


def test_keystone_is_asked_once(
    logins: Logins, keystone: Keystone, now: list[float]
) -> None:
    first = enter(logins)
    assert enter(logins) is first
    now[0] += 300
    assert enter(logins) is not first
    assert keystone.asked == ["password demo@Default"] * 2


def test_a_wrong_password_is_asked_about_once(
    logins: Logins, keystone: Keystone, now: list[float]
) -> None:
    """So that a client with an old one does not lock its user out."""
    for _ in range(10):
        with pytest.raises(exception.LoginRefused, match="is wrong"):
            enter(logins, secret="old")
    assert keystone.asked == ["password demo@Default"]
    # and it does not stand in the way of the right one
    assert enter(logins)
    now[0] += 300
    keystone.passwords["demo", "Default"] = "old"
    assert enter(logins, secret="old")


def test_who_guesses_is_stopped(
    logins: Logins, keystone: Keystone, now: list[float]
) -> None:
    good = enter(logins)
    for guess in "abc":
        with pytest.raises(exception.LoginRefused):
            enter(logins, secret=guess)
    with pytest.raises(exception.TooManyRequests, match="300 seconds") as info:
        enter(logins, secret="d")
    assert info.value.seconds == 300
    assert len(keystone.asked) == 4
    # who is in stays in, others are not concerned
    assert enter(logins) is good
    assert enter(logins, "alice@corp")
    assert logins.login("demo", "secret", "192.0.2.2")
    now[0] += 300
    with pytest.raises(exception.LoginRefused):
        enter(logins, secret="d")


@pytest.mark.parametrize(
    ("name", "user", "asked"),
    [
        ("alice@corp", "alice", ["alice@corp"]),
        ("bob@corp", "bob@corp", ["bob@corp", "bob@corp@Default"]),
        ("demo@Default", "demo", ["demo@Default"]),
    ],
)
def test_domains(
    logins: Logins,
    keystone: Keystone,
    name: str,
    user: str,
    asked: list[str],
) -> None:
    assert enter(logins, name).scoped.user_id == user
    assert keystone.asked == [f"password {text}" for text in asked]


def test_application_credential(logins: Logins, keystone: Keystone) -> None:
    """It is for one project, and stays there."""
    login = enter(logins, CREDENTIAL)
    assert login.scoped.project_id == "p2"
    assert logins.projects(login) == (Project("p2", "name of p2"),)
    assert logins.scope(login, "p1") is None
    with pytest.raises(exception.LoginRefused):
        enter(logins, CREDENTIAL, "wrong")
    assert keystone.asked == ["application_credential"] * 2


def test_token(logins: Logins, keystone: Keystone) -> None:
    login = enter(logins, "token", "demo:p2")
    assert (login.scoped.token, login.scoped.project_id) == ("demo:p2", "p2")
    assert logins.scope(login, "p1") is None
    unscoped = enter(logins, "token", "demo")
    assert logins.scope(unscoped, "p1")
    for bad in ("nobody", "é", "a\nb"):
        with pytest.raises(exception.LoginRefused):
            enter(logins, "token", bad)
    assert keystone.asked == ["validate", "validate", "rescope p1", "validate"]


@pytest.mark.parametrize(
    ("name", "secret"), [("", "x"), ("demo", ""), ("demo", "x" * 5000)]
)
def test_what_is_nobody(
    logins: Logins, keystone: Keystone, name: str, secret: str
) -> None:
    with pytest.raises(exception.LoginRefused):
        enter(logins, name, secret)
    assert keystone.asked == []


def test_keystone_is_away(logins: Logins, keystone: Keystone) -> None:
    """That is no answer: nothing is remembered, nothing counted."""
    keystone.failing = 503
    for _ in range(5):
        with pytest.raises(exception.Unavailable):
            enter(logins)
    with pytest.raises(exception.Unavailable):
        enter(logins, "token", "demo:p1")
    keystone.failing = None
    login = enter(logins)
    keystone.failing = 500
    with pytest.raises(exception.Unavailable):
        logins.scope(login, "p2")
    with pytest.raises(exception.Unavailable):
        logins.projects(login)


def test_the_login_was_revoked(logins: Logins, keystone: Keystone) -> None:
    login = enter(logins)
    keystone.failing = 401
    with pytest.raises(exception.LoginRefused, match="log in again"):
        logins.projects(login)
    keystone.failing = None
    assert enter(logins) is not login


def test_a_token_that_has_expired_is_not_kept(
    logins: Logins, keystone: Keystone
) -> None:
    keystone.lifetime_over = True
    with pytest.raises(exception.Unavailable, match="expired"):
        enter(logins)
    keystone.lifetime_over = False
    assert enter(logins)


def test_many_at_once_are_one(logins: Logins, keystone: Keystone) -> None:
    threads = [
        threading.Thread(target=enter, args=(logins,)) for _ in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert keystone.asked == ["password demo@Default"]
