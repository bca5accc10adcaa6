"""The table of actions in the guide is what the code can write."""

import ast
import pathlib
import re

import caas
from caas.core.sets import FREEZING, THAWING
from caas.model.states import Move
from caas.model.streams import Look, Verb
from caas.store.history import CHANGES

ROOT = pathlib.Path(caas.__file__).parent
GUIDE = ROOT.parent / "doc" / "source" / "admin" / "events.rst"

#: Where events are written, or what agents tell of is.
WRITERS = ("agent", "conductor", "console", "core")
NOUNS = (
    "set|container|host|image|namespace|flavor|quota|keypair|session|ssh|job"
    "|server-group|aggregate"
)
ACTION = re.compile(rf"({NOUNS})\.[a-z]+(-[a-z]+)*")

#: Actions that are put together of a noun and a word, by how that is written.
MADE = {
    "set.{}": {
        f"set.{word}"
        for word in (
            *(*CHANGES, *FREEZING.values(), *THAWING.values()),
            *(each.value for each in Move),
        )
    },
    "container.{}": {f"container.{verb}" for verb in (*Verb, *Look)},
    # sessions; of a set as a whole there are only logs
    "{}.{}": {*(f"container.{verb}" for verb in Verb), f"set.{Verb.LOGS}"},
}


def _written() -> set[str]:
    found: set[str] = set()
    for writer in WRITERS:
        for path in (ROOT / writer).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.JoinedStr):
                    found |= MADE.get(_form(node), set())
                elif isinstance(node, ast.Constant):
                    text = str(node.value)
                    found |= {text} if ACTION.fullmatch(text) else set()
    return found


def _form(node: ast.JoinedStr) -> str:
    """``f"set.{x}"`` as ``set.{}``."""
    return "".join(
        str(part.value) if isinstance(part, ast.Constant) else "{}"
        for part in node.values
    )


def test_the_table_of_actions_is_complete() -> None:
    table = GUIDE.read_text().split(".. _actions:")[1]
    rows = re.findall(r"^   \* - (.+?)^     - ", table, re.M | re.S)
    told = [a for row in rows for a in re.findall(r"``(.+?)``", row)]
    assert len(told) == len(set(told))
    assert set(told) == _written()
