"""The page of the API reference that lists the routes of this API; printed by
``python -m caas.api.compute.reference``."""

import sys
from collections.abc import Iterator
from typing import Any

from caas.api.compute import nouns, version
from caas.api.compute.operation import REGISTRY, Route

_HEAD = f"""\
The Nova-compatible API
=======================

Its paths, bodies and answers are those of Nova's compute API, below
``/compute/v2.1``, from microversion {version.MIN} to {version.MAX}; a server
is a set. What that means for each thing is in the user guide, *Servers: sets
by the tools of VMs*. A row says since which microversion there is what it
names, or from which to which, the policy that is asked (none: open to
everybody), the status of the answer, and what is done. An action is asked for
by a body of one key, its name. Other paths of Nova's answer 404, other actions
400.
"""
_MADE = ".. Made by tools/generate from caas/api/compute; do not edit."
_TITLES = {
    "": "Versions",
    "flavors": "Flavors",
    "servers": "Servers",
}
_COLUMNS = ("Call", "Versions", "Policy", "Status", "What it does")


def page() -> str:
    """reStructuredText."""
    nouns.load(REGISTRY)
    by_noun: dict[str, list[Route]] = {}
    routes: list[Any] = list(REGISTRY.operations)
    for each in sorted(routes, key=_order):
        by_noun.setdefault(_noun(each), []).append(each)
    bar = "=" * 23
    lines = [_MADE, "", bar, *_HEAD.splitlines()]
    for noun, found in by_noun.items():
        title = _TITLES.get(noun, f"``/{noun}``")
        lines += ["", title, "-" * len(title), "", *_table(found)]
    return "\n".join(lines) + "\n"


def _noun(item: Route) -> str:
    first = item.path.split("/")[1]
    return "" if first in ("v2", "v2.1", "versions") else first


def _order(item: Route) -> tuple[str, str, str, object]:
    return _noun(item), item.path, item.method, item.versions[0]


def _table(routes: list[Route]) -> Iterator[str]:
    yield ".. list-table::"
    yield "   :header-rows: 1"
    yield "   :widths: 34 12 20 8 26"
    yield ""
    yield from _row(_COLUMNS)
    for each in routes:
        yield from _row(
            (
                _call(each),
                _versions(each),
                f"``{each.policy}``" if each.policy else "none",
                str(each.status),
                _summary(each),
            )
        )


def _row(cells: tuple[str, ...]) -> Iterator[str]:
    for number, cell in enumerate(cells):
        yield f"   {' ' if number else '*'} - {cell}".rstrip()


def _call(item: Route) -> str:
    path, action, name = item.path.rpartition("/action/")
    if action:
        return f"``{item.method} {path}/action``: ``{name}``"
    return f"``{item.method} {item.path}``"


def _versions(item: Route) -> str:
    first, last = item.versions
    return f"{first} to {last}" if last else f"{first}"


def _summary(item: Route) -> str:
    text = (item.handler.__doc__ or "").split("\n\n")[0]
    return " ".join(text.split())


if __name__ == "__main__":
    sys.stdout.write(page())
