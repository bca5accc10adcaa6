"""What is known of Tempest is told in a way that devstack/tempest reads."""

import importlib.util
import pathlib
import re
from types import ModuleType
from typing import Any

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
DOCUMENT = ROOT / "doc/source/contributor/tempest.rst"


@pytest.fixture(scope="module")
def module() -> ModuleType:
    path = ROOT / "devstack/lib/tempest_known.py"
    spec = importlib.util.spec_from_file_location("tempest_known", path)
    assert spec is not None
    assert spec.loader is not None
    found = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(found)
    return found


def test_all_of_the_document_is_read(module: Any) -> None:
    terms = re.findall(r"^``(\w+\.[\w.]+)``$", DOCUMENT.read_text(), re.M)
    assert len(terms) > 50
    assert sorted(module.known(DOCUMENT)) == sorted(terms)


@pytest.mark.parametrize(
    ("happened", "expected", "said"),
    [
        ({"a.T.one": "passes"}, {}, []),
        ({"a.T.one": "Fails"}, {"a.T.one": "Fails"}, []),
        ({"a.T.one": "Fails"}, {"a.T": "Fails"}, []),
        ({"a.T": "Fails"}, {"a.T": "Fails"}, []),
        ({"a.T.one": "passes"}, {"b.T": "Fails"}, []),
        ({"a.T.one": "Fails"}, {}, ["a.T.one fails, known: passes. why"]),
        (
            {"a.T.one": "passes"},
            {"a.T": "Fails"},
            ["a.T.one passes, known: Fails. why"],
        ),
        (
            {"a.T.one": "Skipped"},
            {"a.T.one": "Fails"},
            ["a.T.one skipped, known: Fails. why"],
        ),
        (
            {"a.T.one": "passes"},
            {"a.T.two": "Fails"},
            ["a.T.two was not there."],
        ),
    ],
    ids=range(9),
)
def test_differences(
    module: Any,
    happened: dict[str, str],
    expected: dict[str, str],
    said: list[str],
) -> None:
    found = {name: (word, "why") for name, word in happened.items()}
    assert module.differences(found, expected) == said
