"""What is made of Keystone's answers; system tests have the real one."""

from typing import Any

import pytest
from keystoneauth1 import exceptions as ksa

from caas import exception
from caas.clients.keystone import TTL, Identity, Project, User


class Session:
    """Answers by path, as Keystone does."""

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {
            "/users/u1": {"user": {"enabled": True, "domain_id": "d1"}},
            "/domains/d1": {"domain": {"enabled": True}},
            "/projects/p1": {"project": {"enabled": True, "domain_id": "d1"}},
            "/role_assignments": {"role_assignments": []},
        }
        self.asked: list[str] = []

    def get(self, path: str, **_how: Any) -> Any:
        self.asked.append(path)
        found = self.answers.get(path.partition("?")[0])
        if found is None:
            raise ksa.NotFound
        if isinstance(found, Exception):
            raise found

        class Answer:
            @staticmethod
            def json() -> Any:
                return found

        return Answer

    def assign(self, role: str, domain: str | None = None, **scope: Any):
        full: dict[str, Any] = {"name": role}
        if domain:
            full["domain"] = {"id": domain}
        self.answers["/role_assignments"]["role_assignments"].append(
            {"role": full, "scope": scope}
        )


@pytest.fixture
def session() -> Session:
    return Session()


@pytest.fixture
def now() -> list[float]:
    return [100.0]


@pytest.fixture
def identity(session: Session, now: list[float]) -> Identity:
    return Identity(session, clock=lambda: now[0])  # type: ignore[arg-type]


def _project(project_id: str) -> dict[str, Any]:
    return {"id": project_id, "domain": {"id": "d1"}}


def test_roles(session: Session, identity: Identity) -> None:
    """Those in projects, each once, and none of a domain's own."""
    session.assign("reader", project=_project("p1"))
    session.assign("member", project=_project("p1"))
    session.assign("member", project=_project("p1"))
    session.assign("reader", project=_project("p2"))
    session.assign("member", "d1", project=_project("p2"))
    session.assign("admin", domain={"id": "d1"})
    session.assign("admin", system={"all": True})
    assert identity.user("u1") == User(
        "u1",
        "d1",
        {
            "p1": Project("d1", ("member", "reader")),
            "p2": Project("d1", ("reader",)),
        },
    )


@pytest.mark.parametrize("what", ["/users/u1", "/domains/d1"])
def test_disabled_or_gone(
    session: Session, identity: Identity, now: list[float], what: str
) -> None:
    (noun,) = session.answers[what]
    session.answers[what][noun]["enabled"] = False
    assert identity.user("u1") is None
    now[0] += TTL
    del session.answers[what]
    assert identity.user("u1") is None


@pytest.mark.parametrize("what", ["/projects/p1", "/domains/d1"])
def test_a_project(session: Session, identity: Identity, what: str) -> None:
    assert not identity.open("p2")
    (noun,) = session.answers[what]
    session.answers[what][noun]["enabled"] = False
    assert not identity.open("p1")


def test_an_answer_is_good_for_a_while(
    session: Session, identity: Identity, now: list[float]
) -> None:
    assert identity.open("p1")
    session.answers["/projects/p1"]["project"]["enabled"] = False
    now[0] += TTL - 1
    assert identity.open("p1")
    now[0] += 1
    assert not identity.open("p1")
    assert session.asked.count("/projects/p1") == 2


def test_no_answer_lets_nobody_in(
    session: Session, identity: Identity
) -> None:
    session.answers["/users/u1"] = ksa.ConnectFailure("away")
    with pytest.raises(exception.Unavailable, match="Keystone"):
        identity.user("u1")
