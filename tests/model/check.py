"""The rules that must hold, whatever happens."""

import datetime
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from caas.model import wire
from caas.model.containers import BUSINESS
from caas.model.content import Content, Member
from caas.model.quotas import RESOURCES
from caas.model.server_groups import Policy
from caas.model.sets import Set
from caas.model.states import Desired, Phase, Placement, Shelved
from caas.store import history, sets, tables
from tests.model.common import BAD, FULL, GROUPS, RECLAIM, Broken, Part

if TYPE_CHECKING:
    from tests.model.world import World

_CLAIMS = (
    "SELECT hosts.name, set_id, incarnation, claims.memory_mb, "
    "claims.millicpus FROM claims "
    "JOIN hosts ON hosts.id = host_id"
)
_GROUPED = (
    "SELECT policy, COUNT(*) FROM sets "
    "JOIN server_groups ON server_groups.id = group_id "
    "WHERE host_id IS NOT NULL AND deleted_at IS NULL "
    "AND desired != 'deleted' GROUP BY policy, host_id"
)
_HOSTS = "SELECT name, used_sets, used_memory_mb, used_millicpus FROM hosts"
_SEEN = (
    "SELECT id, address, seen_incarnation, phase_reason FROM sets "
    "WHERE phase_reason != ''"
)


def always(world: "World") -> None:
    """At any moment."""
    if world.written():
        world.claimed = _claimed(world)
        _grouped(world)
        _seen_forwards(world)
    for host in world.hosts.values():
        for (set_id, incarnation), entry in host.engine.items():
            claim = world.claimed.get((host.name, set_id, incarnation))
            more = claim is not None and entry.memory_mb > claim
            if more and entry.running:
                raise Broken(
                    f"{host.name} gave {set_id}.{incarnation} "
                    f"{entry.memory_mb} MiB, but {claim} are claimed"
                )
            if claim is None:
                raise Broken(
                    f"{host.name} still has {set_id}.{incarnation}, but its "
                    "claim was freed"
                )


def _claimed(world: "World") -> dict[tuple[str, str, int], int]:
    """Memory that is claimed, by host, set and incarnation.

    No host is over capacity, and what is used of each is what is claimed.
    """
    claims = {}
    sums: dict[str, tuple[int, int, int]] = {}
    for name, set_id, incarnation, memory, cpus in world.read(_CLAIMS):
        claims[name, set_id, incarnation] = memory
        n, of_memory, of_cpus = sums.get(name, (0, 0, 0))
        sums[name] = (n + 1, of_memory + memory, of_cpus + cpus)
    for name, *used in world.read(_HOSTS):
        expected = sums.get(name, (0, 0, 0))
        _n, memory, cpus = expected
        if memory > FULL.memory_mb or cpus > FULL.millicpus:
            raise Broken(f"{name} is over capacity: {memory}, {cpus}")
        if tuple(used) != expected:
            raise Broken(f"{name}: used {used}, claimed {expected}")
    return claims


def _grouped(world: "World") -> None:
    """The sets of a server group are where its policy wants them."""
    found: dict[str, list[int]] = {}
    for policy, count in world.read(_GROUPED):
        found.setdefault(policy, []).append(count)
    for policy, counts in found.items():
        most = GROUPS[Policy(policy)]
        if (len(counts) > 1) if most is None else (max(counts) > most):
            raise Broken(f"{policy}: {counts} sets on each host")


def _seen_forwards(world: "World") -> None:
    """What is seen of a set becomes newer, and its address stays."""
    for set_id, address, incarnation, reason in world.read(_SEEN):
        key = (set_id, incarnation)
        moment = int(reason)
        if moment < world.moment_of.setdefault(key, moment):
            raise Broken(f"the status of {key} went backwards")
        world.moment_of[key] = moment
        if address != world.address_of.setdefault(set_id, address):
            raise Broken(f"the address of {set_id} changed")


def told(world: "World", sets: Iterable[dict[str, Any]]) -> None:
    """What a host is told is what its revision is made of."""
    for data in sets:
        wanted = wire.Wanted.from_dict(data)
        if wanted.desired == Desired.DELETED:
            continue
        content = _content(world, wanted.id, wanted.revision)
        members = tuple(Member(c.id, c.spec) for c in wanted.containers)
        if (wanted.resources, members) != (content.resources, content.members):
            raise Broken(
                f"a host is told of {members}, {wanted.resources} as revision "
                f"{wanted.revision} of {wanted.id}, which is {content}"
            )


def _content(world: "World", set_id: str, revision: int) -> Content:
    key = (set_id, revision)
    if key not in world.content_of:
        with world.store.reader() as conn:
            world.content_of[key] = next(
                entry.content
                for entry in history.list_(conn, set_id)
                if entry.revision <= revision
            )
    return world.content_of[key]


def removal(world: "World", host: str, key: tuple[str, int]) -> None:
    """When a host removes an incarnation of a set."""
    t = tables.sets
    for row in world.rows(sa.select(t).where(t.c.id == key[0])):
        if (
            row.incarnation == key[1]
            and row.host_id is not None
            and row.desired != Desired.DELETED
        ):
            raise Broken(f"{host} killed {key}, which is wanted")


def at_the_end(world: "World") -> None:
    """When nothing is left to do."""
    rows = world.rows(sa.select(tables.sets))
    for row in rows:
        _settled(row, f"set {row.id}, wanted {row.desired}")
    kept = [row for row in rows if row.deleted_at is None]
    placed = {(row.id, row.incarnation): row for row in kept if row.host_id}
    bad = {c.set_id for c in _members(world) if c.image_id == BAD}
    for row in placed.values():
        _seen(row, row.id in bad, f"set {row.id}, wanted {row.desired}")
    _same(
        "claims",
        (
            (claim.set_id, claim.incarnation, claim.memory_mb)
            for claim in world.rows(sa.select(tables.claims))
            if not _fails(placed, (claim.set_id, claim.incarnation))
        ),
        (
            (*key, 0 if row.shelved else row.memory_mb)
            for key, row in placed.items()
            if row.phase != Phase.FAILED
        ),
    )
    engines = [k for host in world.hosts.values() for k in host.engine]
    if len(engines) != len(set(engines)):
        raise Broken(f"doubled: {engines}")
    entries = {k: e for h in world.hosts.values() for k, e in h.engine.items()}
    _same(
        "running sets",
        ((key, e.epoch) for key, e in entries.items() if e.running),
        (
            (key, row.restart_epoch)
            for key, row in placed.items()
            if row.desired == Desired.RUNNING
        ),
    )
    _same(
        "sizes of running sets",
        ((k, e.memory_mb) for k, e in entries.items() if e.running),
        (
            (key, row.memory_mb)
            for key, row in placed.items()
            if row.desired == Desired.RUNNING
        ),
    )
    _same(
        "containers of running sets",
        (
            (i, part)
            for e in entries.values()
            if e.running
            for i, part in e.parts.items()
        ),
        (
            (c.id, Part(c.name, c.image_id, c.restart_epoch, c.paused))
            for c in _members(world)
            if any(
                c.set_id == row.id and row.desired == Desired.RUNNING
                for row in placed.values()
            )
        ),
    )
    _same(
        "what containers are told",
        (
            (key, metadata)
            for host in world.hosts.values()
            for key, metadata in host.told().items()
        ),
        (
            (key, str(row._mapping["metadata"] or {}))
            for key, row in placed.items()
        ),
    )
    if strays := entries.keys() - placed.keys():
        raise Broken(f"left on hosts: {strays}")
    _same(
        "addresses",
        (
            (row.set_id, row.address)
            for row in world.rows(sa.select(tables.addresses))
        ),
        ((row.id, row.address) for row in kept if row.address),
    )
    _same(
        "what is asked of containers",
        (
            (c.id, c.restart_epoch, c.paused)
            for c in _members(world)
            if c.id in world.asked
        ),
        (
            (c.id, world.asked[c.id].restart_epoch, world.asked[c.id].paused)
            for c in _members(world)
            if c.id in world.asked
        ),
    )
    _books(world, [row for row in kept if row.binned_at is None])
    # a sweep is due each 12.5 s
    old = world.utc() - datetime.timedelta(seconds=RECLAIM + 15)
    if left := [
        row.id for row in kept if row.binned_at and row.binned_at < old
    ]:
        raise Broken(f"still in the recycle bin: {left}")
    for row in kept:
        _history(world, row.id)


def _fails(placed: dict[Any, Any], key: tuple[str, int]) -> bool:
    """Of one that cannot run more may be claimed: it had that once."""
    return key in placed and placed[key].phase == Phase.FAILED


def _members(world: "World") -> list[Any]:
    """Business containers of all sets there are."""
    t = tables.containers
    return world.rows(
        sa.select(t).where(t.c.role == BUSINESS, t.c.deleted_at.is_(None))
    )


def _settled(row: Any, what: str) -> None:
    """What is known of a set agrees with itself."""
    if row.issued != row.revision:
        raise Broken(f"{what}: revision {row.revision} was not issued")
    if row.to_tell:
        raise Broken(f"{what}: its host was not told")
    if row.deleted_at is not None:
        return
    if row.desired == Desired.DELETED:
        raise Broken(f"{what}: still there")
    refused = row.placement == Placement.FAILED and row.placement_reason
    if row.move:
        raise Broken(f"{what}: still on its way ({row.move})")
    if row.shelved == Shelved.RETURNING:
        raise Broken(f"{what}: still returning")
    if row.change_revision and row.host_id is not None:
        raise Broken(f"{what}: still being changed")
    if row.host_id is None and row.desired == Desired.RUNNING and not refused:
        raise Broken(f"{what}: neither placed nor refused")


def _seen(row: Any, bad: bool, what: str) -> None:
    """The host of a set has reported that it is as it should be.

    :param bad: it has a container that does not run.
    """
    expected = Phase.STOPPED
    if row.desired == Desired.RUNNING:
        expected = Phase.FAILED if bad else Phase.RUNNING
    if (row.phase, row.seen_incarnation, row.seen_revision) != (
        expected,
        row.incarnation,
        row.revision,
    ):
        raise Broken(
            f"{what}: seen {row.phase} at {row.seen_incarnation}."
            f"{row.seen_revision}, not {row.incarnation}.{row.revision}"
        )
    if row.deadline is not None:
        raise Broken(f"{what}: settled, but with a deadline")


def _same(what: str, found: Iterable[Any], expected: Iterable[Any]) -> None:
    if odd := set(found) ^ set(expected):
        raise Broken(f"{what}, found or expected only: {odd}")


def _books(world: "World", kept: list[Any]) -> None:
    """Everything was counted once.

    :param kept: sets that count.
    """
    with world.store.reader() as conn:
        items = [sets.get(conn, row.id) for row in kept]
    used = {
        row.resource: row.used
        for row in world.rows(sa.select(tables.quota_usages))
    }
    expected = dict.fromkeys(RESOURCES, 0) | {
        "sets": len(kept),
        "server_groups": len(GROUPS),
        **{
            name: sum(held[name] for held in map(_held, items))
            for name in ("containers", "millicpus", "memory_mb", "disk_gb")
        },
    }
    if used and used != expected:
        raise Broken(f"quota used {used}, expected {expected}")
    e = tables.events
    ends = world.rows(
        sa.select(e.c.object_id, sa.func.count())
        .where(e.c.action == "set.delete", e.c.result == "success")
        .group_by(e.c.object_id)
    )
    if any(row[1] != 1 for row in ends):
        raise Broken(f"ended more than once: {ends}")


def _held(item: Set | None) -> dict[str, int]:
    """What of the quota a set takes: the larger of what it is made of and
    what it was made of, until a host has done it."""
    assert item is not None
    held = item.content.held()
    if item.change_revision:
        before = item.before.held()
        held = {name: max(n, before[name]) for name, n in held.items()}
    return held


def _history(world: "World", set_id: str) -> None:
    """The history of a set leads to what it is made of."""
    with world.store.reader() as conn:
        item = sets.get(conn, set_id)
        entries = history.list_(conn, set_id)
    assert item is not None
    content = None
    failed = 0
    for entry in reversed(entries):
        if entry.failure:
            failed += 1
        elif entry.action != "take-back":
            content = entry.content
        elif entry.content == content:
            failed -= 1
        else:
            raise Broken(
                f"{set_id}: revision {entry.revision} is not {content}"
            )
        if failed not in (0, 1):
            raise Broken(f"{set_id}: taken back {failed} times: {entries}")
    if failed or content != item.content:
        raise Broken(f"{set_id} is {item.content}, not {content}")
