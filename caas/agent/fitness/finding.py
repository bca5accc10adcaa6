"""What a check found."""

import dataclasses
import enum
from collections.abc import Collection, Iterable


class Level(enum.StrEnum):
    OK = "ok"
    WARNING = "warning"
    UNFIT = "unfit"


@dataclasses.dataclass(frozen=True)
class Finding:
    """:ivar name: of the check.
    :ivar message: a sentence; what is wrong and what would be right.
    """

    name: str
    level: Level
    message: str


def ok(name: str, message: str) -> Finding:
    return Finding(name, Level.OK, message)


def warning(name: str, message: str) -> Finding:
    return Finding(name, Level.WARNING, message)


def unfit(name: str, message: str) -> Finding:
    return Finding(name, Level.UNFIT, message)


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What a host tells of itself: sentences, each after the name of its
    check and a colon.

    :ivar unfit: any of them keeps new sets away.
    """

    unfit: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def verdict(findings: Iterable[Finding]) -> Verdict:
    found = list(findings)

    def told(level: Level) -> tuple[str, ...]:
        return tuple(
            f"{f.name}: {f.message}" for f in found if f.level == level
        )

    return Verdict(told(Level.UNFIT), told(Level.WARNING))


def tolerated(
    findings: Iterable[Finding], names: Collection[str]
) -> list[Finding]:
    """What an operator chose to live with is a warning."""
    return [
        warning(f.name, f"{f.message} ([agent] tolerate has it.)")
        if f.level == Level.UNFIT and f.name in names
        else f
        for f in findings
    ]
