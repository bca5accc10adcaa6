"""Extra specs of flavors: what else operators say of them, in pairs.

Those of the namespace ``caas:`` mean something here and are checked; all
others are kept for whoever reads them.
"""

import json
from collections.abc import Callable

#: Of what means something here.
NAMESPACE = "caas:"

#: CPU time is not capped, as ``cpu_burst`` of the flavor says otherwise.
CPU_BURST = "caas:cpu_burst"
#: What sets of this flavor are made of, as JSON.
TEMPLATE = "caas:template"

#: Characters of a value, and of one that is a template.
LONGEST = 255
LONGEST_TEMPLATE = 1 << 16

_TRUE = frozenset({"true", "yes", "on", "1"})
_FALSE = frozenset({"false", "no", "off", "0"})


def truth(value: str) -> bool | None:
    """What a word means; None if it is neither."""
    word = value.strip().lower()
    return True if word in _TRUE else False if word in _FALSE else None


def burst(specs: dict[str, str], otherwise: bool) -> bool:
    """What they say of CPU time, if anything."""
    said = truth(specs.get(CPU_BURST, ""))
    return otherwise if said is None else said


def _boolean(value: str) -> str:
    return "" if truth(value) is not None else "is neither true nor false"


def _object(value: str) -> str:
    try:
        found = json.loads(value)
    except (ValueError, RecursionError):
        return "is no JSON"
    return "" if isinstance(found, dict) else "is no JSON object"


_CHECKS: dict[str, Callable[[str], str]] = {
    CPU_BURST: _boolean,
    TEMPLATE: _object,
}


def problem(name: str, value: str) -> str:
    """What is wrong with a pair, as a sentence; "" for nothing."""
    longest = LONGEST_TEMPLATE if name == TEMPLATE else LONGEST
    if len(value) > longest:
        return (
            f"The value of the extra spec {name!r} has {len(value)} "
            f"characters; {longest} are the most."
        )
    if not name.startswith(NAMESPACE):
        return ""
    check = _CHECKS.get(name)
    if check is None:
        return (
            f"There is no extra spec {name!r}; of the namespace "
            f"{NAMESPACE!r} there are {', '.join(sorted(_CHECKS))}."
        )
    wrong = check(value)
    return f"The extra spec {name!r} {wrong}." if wrong else ""
