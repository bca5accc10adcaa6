"""Bodies that are not what they should be."""

import pytest
import webob

from caas import exception
from caas.api import body, errors


def _read(raw: bytes, content_type: str = "application/json") -> object:
    request = webob.Request.blank("/", method="POST", body=raw)
    request.headers["Content-Type"] = content_type
    return body.read(request)


def test_json_is_read() -> None:
    assert _read('{"a": ["ü", 1, 1.5, null, "\\u00fc"]}'.encode()) == {
        "a": ["ü", 1, 1.5, None, "ü"]
    }
    assert _read(b"[]", "application/json; charset=utf-8") == []
    assert _read(b"") is None


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b'{\n "a": }', "Expecting value at line 2, column 7"),
        (b"{} {}", "Extra data at line 1, column 4"),
        (b'"\xff"', "not valid UTF-8 at byte 1"),
        (b'{"a": 1, "a": 2}', "the same key twice"),
        (b'{"a": NaN}', "NaN, which is not JSON"),
        (b'{"a": -Infinity}', "-Infinity, which is not JSON"),
        (b'{"a": "\\u0000"}', "NUL"),
        (b'{"\\u0000": 1}', "NUL"),
        (b'["\\ud800"]', "half a surrogate pair"),
        (b"[" * 50 + b"]" * 50, "nested too deeply"),
        (b"[" * 100_000, "nested too deeply"),
        (b'{"a":' * 50_000, "nested too deeply"),
        (b"1" * 5000, "too many digits"),
        (b'"a\nb"', "Invalid control character"),
    ],
)
def test_it_says_what_is_wrong(raw: bytes, words: str) -> None:
    with pytest.raises(exception.BadRequest, match=words):
        _read(raw)


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/xml"])
def test_only_json(content_type: str) -> None:
    with pytest.raises(errors.UnsupportedMediaType):
        _read(b"{}", content_type)
