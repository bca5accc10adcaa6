import pytest
from cryptography import fernet

from caas import exception, pull

OLD, NEW = (fernet.Fernet.generate_key().decode() for _ in range(2))


def test_good_for_its_image_only():
    tokens = pull.Tokens([NEW], 60)
    token = tokens.issue("image-1")
    tokens.check(token, "image-1")
    with pytest.raises(exception.Forbidden, match="another image"):
        tokens.check(token, "image-2")


def test_good_for_its_time_only():
    past = fernet.Fernet(NEW.encode()).encrypt_at_time(b"image-1", 1_000_000)
    with pytest.raises(exception.Forbidden, match="no longer"):
        pull.Tokens([NEW], 60).check(past.decode(), "image-1")


@pytest.mark.parametrize("token", ["", "x", "gAAAAA", "ünï"])
def test_rubbish_is_refused(token):
    with pytest.raises(exception.Forbidden):
        pull.Tokens([NEW], 60).check(token, "image-1")


def test_keys_can_be_rotated():
    old = pull.Tokens([OLD], 60).issue("image-1")
    both = pull.Tokens([NEW, OLD], 60)
    both.check(old, "image-1")
    with pytest.raises(exception.Forbidden):
        pull.Tokens([OLD], 60).check(both.issue("image-1"), "image-1")


@pytest.mark.parametrize("keys", [[], ["short"], [NEW, ""]])
def test_useless_keys_are_named(keys):
    with pytest.raises(exception.BadRequest, match="caas-manage pull_key"):
        pull.Tokens(keys, 60)
