"""The rules of the protocol, one by one left out.

Each is put in the place of the real code while a world runs; the simulation
is worth something only if the world then breaks.
"""

import collections
import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from typing import Any
from unittest import mock

import sqlalchemy as sa

from caas.agent.ledger import Change, Ledger
from caas.conductor import agents, observe, view, wanted, worker
from caas.model import wire
from caas.model.containers import Asked
from caas.model.sets import Set
from caas.model.states import Desired, Phase
from caas.store import placements, reports, server_groups, tables
from tests.model.common import Faults
from tests.model.world import World


class AnyVersion(Ledger):
    """Applies whatever list or change comes."""

    def assign(self, message: dict[str, Any]) -> Change:
        self.version = int(message["base"])
        return super().assign(message)

    def answer(self, report: wire.Report, reply: dict[str, Any]) -> Change:
        if reply["sets"] is not None:
            self.version = -1
        return super().answer(report, reply)


class AlwaysListed(Ledger):
    """Believes that the list of its last run is complete."""

    @property
    def listed(self) -> bool:
        return True


@contextlib.contextmanager
def no_incarnations() -> Iterator[None]:
    """Takes a report on any incarnation for one on the present one."""
    about = observe.about
    see = observe.observe

    def any_about(before: Any, one: Any, host_id: str) -> Any:
        found = about(before, one, host_id)
        if found is observe.About.PAST and before and not before.ended:
            return observe.About.PRESENT
        return found

    def any_observe(before: Any, one: Any, *args: Any) -> Any:
        one = dataclasses.replace(one, incarnation=before.incarnation)
        return see(before, one, *args)

    shrink = agents._Intake._shrink

    def any_shrink(intake: agents._Intake, seen: reports.Seen) -> None:
        # what is claimed on another host is not there to be given back
        if (seen.id, seen.incarnation) in intake._claimed:
            shrink(intake, seen)

    with (
        mock.patch.object(observe, "about", any_about),
        mock.patch.object(observe, "observe", any_observe),
        mock.patch.object(agents._Intake, "_shrink", any_shrink),
    ):
        yield


@contextlib.contextmanager
def early_release() -> Iterator[None]:
    """Frees a claim when the host begins to remove, not when it has."""
    about = observe.about

    def early(before: Any, one: Any, host_id: str) -> Any:
        if (
            before
            and before.desired == Desired.DELETED
            and one.phase == Phase.STOPPING
        ):
            return observe.About.GONE
        return about(before, one, host_id)

    with mock.patch.object(observe, "about", early):
        yield


@contextlib.contextmanager
def no_fence() -> Iterator[None]:
    """Takes in late and repeated reports."""

    def take(conn: sa.Connection, host_id: str, *args: Any) -> bool:
        conn.execute(
            tables.hosts.update()
            .where(tables.hosts.c.id == host_id)
            .values(boot=0, seq=0)
        )
        return fence(conn, host_id, *args)

    fence = reports.fence
    with mock.patch.object(reports, "fence", take):
        yield


@contextlib.contextmanager
def list_before_version(world: World) -> Iterator[None]:
    """Reads the version of a list after the list."""

    def listing(conn: sa.Connection, host_id: str) -> Any:
        entries = placements._entries(conn, host_id)
        # two transactions, and time in between
        conn.rollback()
        world.meanwhile(30)
        return placements.version_of(conn, host_id), entries

    with mock.patch.object(placements, "listing", listing):
        yield


@contextlib.contextmanager
def tell_before_claim() -> Iterator[None]:
    """Tells a host of a larger size before its claim covers it."""
    present = wanted.Writer.present

    def early(writer: wanted.Writer, item: Any) -> wire.Wanted:
        return present(writer, dataclasses.replace(item, issued=item.revision))

    with mock.patch.object(wanted.Writer, "present", early):
        yield


@contextlib.contextmanager
def stale_containers(world: World) -> Iterator[None]:
    """Tells a host of the containers that were read when it was leased."""
    lease = worker.lease
    reread = placements.reread

    def early(*args: Any) -> Any:
        found = lease(*args)
        world.meanwhile(30)
        return found

    def stale(conn: sa.Connection, known: Any, token: str) -> dict[str, Set]:
        found = reread(conn, known, token)
        return {
            i: dataclasses.replace(one, containers=known[i].item.containers)
            for i, one in found.items()
        }

    with (
        mock.patch.object(worker, "lease", early),
        mock.patch.object(placements, "reread", stale),
    ):
        yield


@contextlib.contextmanager
def any_group_version(world: World) -> Iterator[None]:
    """Writes what was planned, whatever became of the group since."""
    plan = view.View.plan

    def late(self: view.View, groups: Any) -> Any:
        found = plan(self, groups)
        world.meanwhile(30)
        return found

    with (
        mock.patch.object(view.View, "plan", late),
        mock.patch.object(server_groups, "advance", return_value=[]),
    ):
        yield


def forget_removed() -> contextlib.AbstractContextManager[Any]:
    """Puts containers back as if nothing had been asked of them."""
    asked = collections.defaultdict(Asked)
    return mock.patch.object(Set, "removed", asked)


@dataclasses.dataclass(frozen=True)
class LeftOut:
    """:ivar world: what makes the rule matter more often: one cloud in four
    or so is to come to grief without it.
    """

    ledger: type[Ledger] = Ledger
    patch: Callable[[World], contextlib.AbstractContextManager[Any]] = (
        lambda world: contextlib.nullcontext()
    )
    world: dict[str, Any] = dataclasses.field(default_factory=dict)


#: Where nothing dies; with few sets, what users do meets oftener.
_CALM = Faults(loss=0.1, slow=0, crash=0, cut=0, crash_at_commit=0)

LEFT_OUT = {
    "version check": LeftOut(
        ledger=AnyVersion, world={"faults": Faults(repeat=0.5, slow=0.6)}
    ),
    "first list": LeftOut(
        ledger=AlwaysListed,
        world={"faults": Faults(crash=0.06, disk_lost=0.6)},
    ),
    "incarnation match": LeftOut(
        patch=lambda world: no_incarnations(),
        world={"often": ("evacuate",) * 15},
    ),
    "release only when gone": LeftOut(patch=lambda world: early_release()),
    "boot and seq": LeftOut(
        patch=lambda world: no_fence(),
        world={"faults": Faults(loss=0.1, repeat=0.5, slow=0.7)},
    ),
    # hosts ask for lists while conductors are late
    "claim before growth": LeftOut(
        patch=lambda world: tell_before_claim(),
        world={
            "hosts": 1,
            "often": ("resize", "resize", "pause_one") * 8,
            "faults": dataclasses.replace(
                _CALM, loss=0.3, between=0.8, most=10
            ),
        },
    ),
    # an update is refused while there is another one, a pause is not
    "containers of the revision": LeftOut(
        patch=stale_containers,
        world={
            "hosts": 3,
            "seconds": 20,
            "rate": 5,
            "often": ("pause_one", "update") * 30,
            "faults": _CALM,
        },
    ),
    "removed as they were": LeftOut(
        patch=lambda world: forget_removed(),
        world={
            "hosts": 3,
            "often": ("pause_one", "restart_one", *("update",) * 3) * 12,
            "faults": _CALM,
        },
    ),
    "version of the group": LeftOut(
        patch=any_group_version, world={"grouped": 0.9, "faults": _CALM}
    ),
    # without deadlines, which heal much of it later
    "version before list": LeftOut(
        patch=list_before_version, world={"settle_timeout": 1e6}
    ),
}
