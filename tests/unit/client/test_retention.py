"""Rules of retention, as they are given to the command."""

import argparse

import pytest
from caasclient.osc.retentions import rule


def test_rules():
    assert rule("repository=a/*,tag=v*,keep-last=3,older-than=7") == {
        "repository": "a/*",
        "tag": "v*",
        "keep_last": 3,
        "older_than_days": 7,
    }
    assert rule("keep-tag=a,keep-tag=b") == {"keep_tags": ["a", "b"]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is none of repository="),
        ("keep=3", "'keep=3' is none of repository="),
        ("keep-last", "is none of"),
        ("keep-last=many", "'many' in 'keep-last=many' is not a whole number"),
        ("tag=a,tag=b", "tag= is given twice"),
    ],
)
def test_what_is_none(text, said):
    with pytest.raises(argparse.ArgumentTypeError, match=said):
        rule(text)
