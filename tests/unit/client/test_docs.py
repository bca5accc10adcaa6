"""The commands the guides show are commands there are."""

import importlib.metadata
import pathlib
import re
import shlex

import pytest

ROOT = pathlib.Path(__file__).parents[3]
COMMANDS = {
    each.name.replace("_", " "): each
    for each in importlib.metadata.entry_points(group="openstack.caas.v1")
}


PAGES = [
    *sorted(ROOT.glob("doc/source/**/*.rst")),
    ROOT / "README.rst",
    ROOT / "client/README.rst",
]


def shown(path):
    """The commands in the console blocks of a page."""
    text = path.read_text().replace("\\\n", " ")
    for line in re.findall(r"^ +[$#] (.*openstack caas .*)$", text, re.M):
        words = shlex.split(line, comments=True)
        yield words[words.index("caas") :]


def named(argv):
    """The command, which has three words or four."""
    longer = " ".join(argv[:4])
    return longer if longer in COMMANDS else " ".join(argv[:3])


@pytest.mark.parametrize(
    "argv", [argv for page in PAGES for argv in shown(page)], ids=" ".join
)
def test_shown_command(argv):
    if argv == ["caas", "--help"]:
        return
    name = named(argv)
    command = COMMANDS[name].load()(None, None)
    command.get_parser("openstack").parse_args(argv[len(name.split()) :])


def test_every_command_is_shown():
    guides = sorted(ROOT.glob("doc/source/user/*.rst"))
    found = {named(argv) for page in guides for argv in shown(page)}
    assert found >= set(COMMANDS)
