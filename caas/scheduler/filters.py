"""Which hosts can take a set at all, and how to say why the others cannot."""

import dataclasses
from collections.abc import Callable, Sequence

from caas.model.hints import NONE, Hints
from caas.model.spec import Resources
from caas.scheduler.snapshot import Host


@dataclasses.dataclass(frozen=True)
class Request:
    """What one set asks of a host.  Sets with equal requests are planned
    alike.

    :ivar zone: the host must be in it; None for any.
    :ivar hints: what else was asked of where it is to be.
    :ivar group_id: its server group.
    :ivar project_id: of the sets that the hints name.
    :ivar avoid: id of the host it is to leave.
    """

    resources: Resources
    zone: str | None = None
    hints: Hints = NONE
    group_id: str | None = None
    project_id: str = ""
    avoid: str | None = None

    @property
    def bound(self) -> bool:
        """Whether it depends on where other sets are, or on a host's name or
        figures, too."""
        return (
            self.group_id is not None
            or self.hints != NONE
            or self.avoid is not None
        )

    @property
    def plain(self) -> "Request":
        """The same without what :attr:`bound` is about."""
        return Request(self.resources, self.zone)


@dataclasses.dataclass(frozen=True)
class Filter:
    """:ivar passes: whether the host can take the set.
    :ivar explain: why those that do not pass cannot; follows their number.
    """

    passes: Callable[[Host, Request], bool]
    explain: Callable[[Sequence[Host], Request], str]


def _is(hosts: Sequence[Host], what: str) -> str:
    return f"{'is' if len(hosts) == 1 else 'are'} {what}"


def _lack(
    hosts: Sequence[Host], what: str, asked: float, free: float, unit: str
) -> str:
    verb = "lacks" if len(hosts) == 1 else "lack"
    return (
        f"{verb} {what} (asked {asked:g} {unit}, "
        f"most free {max(free, 0):g} {unit})"
    )


def _checks(hosts: Sequence[Host]) -> str:
    """What they do not pass.  Not which hosts: that is for operators."""
    names = {name for host in hosts for name in host.unfit.split(", ")}
    return ", ".join(sorted(names))


UP = Filter(
    lambda host, request: host.up,
    lambda hosts, request: _is(hosts, "down"),
)

#: In the order in which they are tried, with what the wishes of a set add
#: between both; a host is counted by the first it does not pass.
FIRST = (
    Filter(
        lambda host, request: host.enabled,
        lambda hosts, request: _is(hosts, "disabled"),
    ),
    UP,
    Filter(
        lambda host, request: not host.unfit,
        lambda hosts, request: _is(hosts, f"unfit ({_checks(hosts)})"),
    ),
    Filter(
        lambda host, request: request.zone in (None, host.zone),
        lambda hosts, request: _is(hosts, f"not in zone {request.zone}"),
    ),
)

ROOM = (
    Filter(
        lambda host, request: (
            host.free_millicpus >= request.resources.millicpus
        ),
        lambda hosts, request: _lack(
            hosts,
            "CPU",
            request.resources.millicpus / 1000,
            max(h.free_millicpus for h in hosts) / 1000,
            "vCPU",
        ),
    ),
    Filter(
        lambda host, request: (
            host.free_memory_mb >= request.resources.memory_mb
        ),
        lambda hosts, request: _lack(
            hosts,
            "memory",
            request.resources.memory_mb,
            max(h.free_memory_mb for h in hosts),
            "MiB",
        ),
    ),
    Filter(
        lambda host, request: host.free_disk_gb >= request.resources.disk_gb,
        lambda hosts, request: _lack(
            hosts,
            "disk",
            request.resources.disk_gb,
            max(h.free_disk_gb for h in hosts),
            "GiB",
        ),
    ),
)

FILTERS = FIRST + ROOM


def passes(host: Host, request: Request) -> bool:
    """Whether the host can take the set."""
    for one in FILTERS:  # noqa: SIM110 - all() takes twice the time
        if not one.passes(host, request):
            return False
    return True


@dataclasses.dataclass(frozen=True)
class Refusal:
    """:ivar reason: why no host can take the set, as a sentence.
    :ivar hope: a host could if it were not down, which may be over soon.
    """

    reason: str
    hope: bool = False


def explain(
    hosts: Sequence[Host], request: Request, more: Sequence[Filter] = ()
) -> Refusal:
    """Why none of ``hosts`` can take the set.

    :param more: filters that its own wishes make.
    """
    if not hosts:
        return Refusal("No host can take this set: there are no hosts yet.")
    left = list(hosts)
    parts = []
    hope = False
    every = (*FIRST, *more, *ROOM)
    for one in every:
        able: list[Host] = []
        refused: list[Host] = []
        for host in left:
            (able if one.passes(host, request) else refused).append(host)
        left = able
        if refused:
            parts.append(f"{len(refused)} {one.explain(refused, request)}")
        if one is UP:
            hope = any(
                all(f.passes(h, request) for f in every if f is not UP)
                for h in refused
            )
    looked = "1 host" if len(hosts) == 1 else f"{len(hosts)} hosts"
    return Refusal(
        f"No host can take this set: {looked} looked at; {', '.join(parts)}.",
        hope,
    )
