"""From the wishes of one set to the hosts it may be on, the best first."""

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from caas.model import hints
from caas.model.server_groups import Policy
from caas.scheduler import groups, query
from caas.scheduler.filters import Filter, Refusal, Request
from caas.scheduler.groups import ServerGroup
from caas.scheduler.snapshot import Host


@dataclasses.dataclass
class Named:
    """A set that hints name.

    :ivar host_id: None: it has no host.
    :ivar waiting: it is about to get one.
    """

    project_id: str
    host_id: str | None
    waiting: bool


@dataclasses.dataclass
class Others:
    """Where other sets are, as far as requests are about them; what is
    planned is written down here.

    :ivar groups: server groups by id; of one that is gone nothing is asked.
    :ivar named: sets that hints name, by id.
    """

    groups: dict[str, ServerGroup] = dataclasses.field(default_factory=dict)
    named: dict[str, Named] = dataclasses.field(default_factory=dict)
    _turn: int = 0

    def group(self, request: Request) -> ServerGroup | None:
        if request.group_id is None:
            return None
        return self.groups.get(request.group_id)

    def seen_by(self, set_id: str, request: Request) -> Any:
        """Equal for sets to which the same is to be answered."""
        group = self.group(request)
        own = group.hosts.get(set_id) if group else None
        return request, own, self._turn

    def put(self, set_id: str, request: Request, host_id: str) -> None:
        """A set gets a host."""
        self._write(set_id, request, host_id)

    def take_away(self, set_id: str, request: Request) -> None:
        """Undo :meth:`put`."""
        self._write(set_id, request, None)

    def _write(
        self, set_id: str, request: Request, host_id: str | None
    ) -> None:
        self._turn += 1
        if set_id in self.named:
            self.named[set_id].host_id = host_id
        group = self.group(request)
        if group is None:
            return
        if host_id is None:
            group.take_away(set_id)
        else:
            group.put(set_id, host_id)


@dataclasses.dataclass(frozen=True)
class Where:
    """What is asked of the host of one set, besides resources and zone.

    :ivar filters: what it must pass.
    :ivar only: ids of those that can pass; None: any.
    :ivar near: hosts that are better the more it says; tried first.
    :ivar apart: hosts that are worse the more it says; tried last.
    :ivar begins: it is the first of sets that will have to follow it.
    """

    filters: tuple[Filter, ...] = ()
    only: frozenset[str] | None = None
    near: Mapping[str, int] = dataclasses.field(default_factory=dict)
    apart: Mapping[str, int] = dataclasses.field(default_factory=dict)
    begins: bool = False

    def accepts(self, host: Host, request: Request) -> bool:
        return all(one.passes(host, request) for one in self.filters)


def of(
    set_id: str, request: Request, others: Others, hosts: Mapping[str, Host]
) -> Where | Refusal:
    """:param hosts: all there are, by id.
    :returns: a refusal: it has to wait for another set.
    """
    wait = _waits(request, others)
    if wait is not None:
        return wait
    filters: list[Filter] = []
    only: list[Collection[str]] = []
    asked = request.hints
    if asked.host:
        filters.append(_named(asked.host))
        only.append({i for i, h in hosts.items() if h.name == asked.host})
    if request.avoid is not None:
        filters.append(_other_than(request.avoid))
    if asked.same_host:
        same = _hosts(request, asked.same_host, others)
        filters.append(_with(same, _same_reason(same)))
        only.append(same)
    if asked.different_host:
        filters.append(_without(_hosts(request, asked.different_host, others)))
    if asked.query:
        filters.append(_like(asked.query))
    near: Mapping[str, int] = {}
    apart: Mapping[str, int] = {}
    begins = False
    group = others.group(request)
    if group is not None:
        has = group.others(set_id)
        rule = groups.rule(group, has)
        if rule is not None:
            filters.append(rule)
        if group.policy in (Policy.AFFINITY, Policy.SOFT_AFFINITY):
            near, begins = has, not has
            if group.policy == Policy.AFFINITY and has:
                only.append(has)
        else:
            apart = has
    return Where(
        filters=tuple(filters),
        only=frozenset.intersection(*map(frozenset, only)) if only else None,
        near=near,
        apart=apart,
        begins=begins,
    )


def _waits(request: Request, others: Others) -> Refusal | None:
    """Where the sets are that it is to be with, or apart from, has to be
    known first: who places them may not know of this one."""
    for hint in ("same_host", "different_host"):
        for set_id in getattr(request.hints, hint):
            each = others.named.get(set_id)
            if (
                each is not None
                and each.project_id == request.project_id
                and each.waiting
                and each.host_id is None
            ):
                return Refusal(
                    f"The set {set_id}, which the hint {hint} names, has no "
                    "host yet.",
                    hope=True,
                )
    return None


def _hosts(
    request: Request, set_ids: Collection[str], others: Others
) -> set[str]:
    """Of those of the sets that are of its project."""
    return {
        each.host_id
        for set_id in set_ids
        if (each := others.named.get(set_id)) is not None
        and each.project_id == request.project_id
        and each.host_id is not None
    }


def _named(name: str) -> Filter:
    return Filter(
        lambda host, request: host.name == name,
        lambda hosts, request: (
            f"{_are(hosts)} not the host that was asked for ({name})"
        ),
    )


def _other_than(host_id: str) -> Filter:
    return Filter(
        lambda host, request: host.id != host_id,
        lambda hosts, request: f"{_are(hosts)} the one it is to leave",
    )


def _same_reason(same: Collection[str]) -> str:
    if same:
        return "without any of the sets that the hint same_host names"
    return (
        "not what the hint same_host asks for: no set that it names is of "
        "the project and has a host"
    )


def _with(host_ids: Collection[str], why: str) -> Filter:
    return Filter(
        lambda host, request: host.id in host_ids,
        lambda hosts, request: f"{_are(hosts)} {why}",
    )


def _without(host_ids: Collection[str]) -> Filter:
    return Filter(
        lambda host, request: host.id not in host_ids,
        lambda hosts, request: (
            f"{'has' if len(hosts) == 1 else 'have'} a set that the hint "
            "different_host names"
        ),
    )


def _like(text: str) -> Filter:
    tree = hints.parse(text, names=True)
    return Filter(
        lambda host, request: query.matches(tree, host),
        lambda hosts, request: f"{_are(hosts)} not as the hint query asks",
    )


def _are(hosts: Sequence[Host]) -> str:
    return "is" if len(hosts) == 1 else "are"
