import dataclasses

import pytest
from cryptography.fernet import Fernet

from caas import exception, pull
from caas.api.registry.bearers import Bearer, Bearers
from caas.clients.logins import Scoped

KEYS = [Fernet.generate_key().decode()]
WHO = Scoped(
    token="keystone's",
    expires=10_000.0,
    user_id="u1",
    user_name="demo",
    user_domain_id="default",
    project_id="p1",
    project_name="Demo",
    project_domain_id="default",
    roles=("member", "reader"),
)
BEARER = Bearer(
    WHO, {"demo/app": frozenset({"pull", "push"}), "": frozenset()}
)


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_what_is_in_comes_out() -> None:
    bearers = Bearers(KEYS, 600)
    who = dataclasses.replace(WHO, expires=1e11)
    token, left = bearers.issue(Bearer(who, BEARER.access))
    assert left == 600
    assert bearers.read(token) == Bearer(who, BEARER.access)
    assert "keystone" not in token


def test_it_expires() -> None:
    clock = Clock()
    bearers = Bearers(KEYS, 600, clock)
    token, _ = bearers.issue(BEARER)
    clock.now += 599
    assert bearers.read(token)
    clock.now += 1
    with pytest.raises(exception.LoginRefused, match="expired"):
        bearers.read(token)


def test_it_is_no_longer_good_than_keystones() -> None:
    clock = Clock()
    clock.now = WHO.expires - 30
    bearers = Bearers(KEYS, 600, clock)
    token, left = bearers.issue(BEARER)
    assert left == 30
    clock.now += 30
    with pytest.raises(exception.LoginRefused):
        bearers.read(token)


def test_others_are_none() -> None:
    bearers = Bearers(KEYS, 600)
    other = Bearers([Fernet.generate_key().decode()], 600)
    issued = pull.Tokens(KEYS, 600).issue("demo/app", "sha256:" + "0" * 64)
    for token in ("", "x", "\x00é", other.issue(BEARER)[0], issued):
        assert bearers.read(token) is None


def test_a_login_is_no_leave_of_a_host() -> None:
    token, _ = Bearers(KEYS, 600).issue(BEARER)
    with pytest.raises(exception.Forbidden):
        pull.Tokens(KEYS, 600).read(token)
