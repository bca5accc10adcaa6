import json

import pytest
from cryptography import fernet

from caas import exception, pull

OLD, NEW = (fernet.Fernet.generate_key().decode() for _ in range(2))
DIGEST = "sha256:" + "a" * 64
LEAVE = pull.Leave("web/app", DIGEST)


def test_says_what_it_is_for():
    tokens = pull.Tokens([NEW], 60)
    assert tokens.read(tokens.issue("web/app", DIGEST)) == LEAVE


@pytest.mark.parametrize("base", [None, pull.Base("web/base", DIGEST)])
def test_leave_to_push(base):
    tokens = pull.Tokens([NEW], 60)
    token = tokens.issue_push(
        "web/app", "2", base=base, user_id="u", project_id="p"
    )
    leave = tokens.read(token)
    assert leave == pull.Leave(
        "web/app", tag="2", base=base, user_id="u", project_id="p"
    )
    assert leave.push
    assert not LEAVE.push


def test_good_for_its_time_only():
    past = fernet.Fernet(NEW.encode()).encrypt_at_time(
        fernet.Fernet(NEW.encode()).decrypt(
            pull.Tokens([NEW], 60).issue("web/app", DIGEST)
        ),
        1_000_000,
    )
    with pytest.raises(exception.Forbidden, match="no longer"):
        pull.Tokens([NEW], 60).read(past.decode())


@pytest.mark.parametrize("token", ["", "x", "gAAAAA", "ünï"])
def test_rubbish_is_refused(token):
    with pytest.raises(exception.Forbidden):
        pull.Tokens([NEW], 60).read(token)


@pytest.mark.parametrize(
    "held",
    [
        "image-1",
        json.dumps("pull"),
        json.dumps({"repository": "web/app", "digest": DIGEST}),
        json.dumps({"kind": "x", "repository": "a/b", "digest": DIGEST}),
        json.dumps({"kind": "pull", "digest": DIGEST}),
        json.dumps({"kind": "push", "repository": "a/b", "digest": DIGEST}),
        json.dumps({"kind": "push", "repository": "a/b", "tag": ""}),
    ],
)
def test_other_tokens_of_the_same_keys_are_refused(held):
    token = fernet.Fernet(NEW.encode()).encrypt(held.encode()).decode()
    with pytest.raises(exception.Forbidden):
        pull.Tokens([NEW], 60).read(token)


def test_keys_can_be_rotated():
    old = pull.Tokens([OLD], 60).issue("web/app", DIGEST)
    both = pull.Tokens([NEW, OLD], 60)
    assert both.read(old) == LEAVE
    with pytest.raises(exception.Forbidden):
        pull.Tokens([OLD], 60).read(both.issue("web/app", DIGEST))


@pytest.mark.parametrize("keys", [[], ["short"], [NEW, ""]])
def test_useless_keys_are_named(keys):
    with pytest.raises(exception.BadRequest, match="caas-manage pull_key"):
        pull.Tokens(keys, 60)
