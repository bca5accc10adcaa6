"""What the Nova-compatible API asks of sets beyond the native one."""

import dataclasses

import pytest

from caas import exception
from caas.core import changes, flavors, moves, sets, shelving
from caas.model.states import Frozen, LockedBy, SetStatus
from caas.store import containers as containers_store
from caas.store import sets as store
from caas.store import tables
from tests.unit.core.test_changes import (
    entries,
    finish,
    get,
    last_event,
    place,
    used,
)

BODY = {
    "name": "shop",
    "flavor": "small",
    "metadata": {"a": "1"},
    "tags": ["one"],
    "containers": [{"name": "app", "image": "app:1"}],
}


@pytest.fixture
def item(world):
    """A set that runs."""
    for name, memory in (("small", 512), ("large", 1024)):
        flavors.create(
            world.deps,
            world.ctx,
            {"name": name, "vcpus": 1, "memory_mb": memory, "disk_gb": 2},
        )
    (made,) = sets.create(world.deps, world.ctx, BODY)
    return run(world, made)


def run(world, item, phase="running"):
    """A host has done what is wanted."""
    place(world, item)
    with world.store.writer() as conn:
        conn.execute(
            tables.sets.update()
            .where(tables.sets.c.id == item.id)
            .values(
                seen_incarnation=1,
                seen_revision=tables.sets.c.revision,
                issued=tables.sets.c.revision,
                phase=phase,
            )
        )
    world.told.clear()
    return get(world, item)


def ask(world, verb, item, *args, **how):
    return verb(world.deps, world.ctx, item, *args, **how)


CHANGES = {
    "start": lambda w, i: ask(w, sets.start, i),
    "stop": lambda w, i: ask(w, sets.stop, i),
    "restart": lambda w, i: ask(w, sets.restart, i),
    "delete": lambda w, i: ask(w, sets.delete, i),
    "force_delete": lambda w, i: ask(w, sets.force_delete, i),
    "update": lambda w, i: ask(w, sets.update, i, {"metadata": {}}),
    "metadata": lambda w, i: ask(w, sets.change_metadata, i, {"b": "2"}),
    "freeze": lambda w, i: ask(w, sets.freeze, i, Frozen.PAUSED),
    "thaw": lambda w, i: ask(w, sets.thaw, i, Frozen.PAUSED),
    "migrate": lambda w, i: ask(w, moves.migrate, i),
    "evacuate": lambda w, i: ask(w, moves.evacuate, i),
    "shelve": lambda w, i: ask(w, shelving.shelve, i),
    "unshelve": lambda w, i: ask(w, shelving.unshelve, i),
    "resize": lambda w, i: ask(w, changes.resize, i, "large"),
    "hold": lambda w, i: ask(w, changes.resize, i, "large", hold=True),
    "confirm": lambda w, i: ask(w, changes.confirm, i),
    "rebuild": lambda w, i: ask(w, changes.rebuild, i, "app", "web:1"),
    "add": lambda w, i: ask(
        w, changes.update, i, "add", add=[{"name": "b", "image": "app:1"}]
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_lock_keeps_from_every_change(world, item, name):
    locked = ask(world, sets.lock, item, "mine")
    assert (locked.locked, locked.locked_reason) == (True, "mine")
    assert locked == get(world, item)
    with pytest.raises(exception.Conflict, match="is locked"):
        CHANGES[name](world, locked)
    assert get(world, item) == locked
    assert world.told == []


#: Of these, what would be done to a set that runs.
WRITING = sorted(
    CHANGES.keys() - {"confirm", "evacuate", "start", "thaw", "unshelve"}
)


@pytest.mark.parametrize("name", WRITING)
def test_a_lock_keeps_from_what_was_asked_just_before(world, item, name):
    """By who has read that it is not locked."""
    locked = ask(world, sets.lock, item, "mine")
    with pytest.raises(exception.Conflict, match="is locked"):
        CHANGES[name](world, item)
    assert get(world, item) == locked


def test_words_about_what_is_locked_may_change(world, item):
    locked = ask(world, sets.lock, item)
    after = ask(world, sets.update, locked, {"name": "x"})
    assert after.name == "x"
    assert ask(world, sets.change_tags, after, add=["b"]) == ["b", "one"]


def test_who_may_override_a_lock_does(world, item):
    locked = ask(world, sets.lock, item)
    world.ctx.over_locks = lambda: True
    assert ask(world, sets.stop, locked).status == SetStatus.STOPPING


def test_who_locked_it_unlocks_it_or_who_may_override(world, item):
    mine = world.ctx.project_id
    locked = ask(world, sets.lock, item)
    assert locked.locked_by == LockedBy.OWNER
    world.ctx.project_id = "other"
    with pytest.raises(exception.Forbidden, match="locked by an operator"):
        ask(world, sets.unlock, locked)
    locked = ask(world, sets.lock, locked, "maintenance")
    assert locked.locked_by == LockedBy.ADMIN
    world.ctx.project_id = mine
    # no lock of the owner in its place, whatever was known when it was asked
    for known in (locked, item):
        assert ask(world, sets.lock, known, "mine") == locked
    for known in (locked, dataclasses.replace(locked, locked_by="owner")):
        with pytest.raises(exception.Forbidden, match="locked by an operator"):
            ask(world, sets.unlock, known)
    assert get(world, item).locked
    world.ctx.over_locks = lambda: True
    assert not ask(world, sets.unlock, locked).locked
    assert not get(world, item).locked


def test_lock_and_unlock_are_events_once(world, item):
    locked = ask(world, sets.lock, item, "mine")
    event = last_event(world, item)
    assert (event.action, event.reason) == ("set.lock", "mine")
    assert ask(world, sets.lock, locked, "other") == locked
    assert last_event(world, item).id == event.id
    unlocked = ask(world, sets.unlock, locked)
    assert ask(world, sets.unlock, unlocked) == unlocked
    assert (unlocked.locked, unlocked.locked_reason) == (False, "")
    assert last_event(world, item).action == "set.unlock"


@pytest.mark.parametrize(
    ("word", "verb", "back"),
    [
        (Frozen.PAUSED, "pause", "unpause"),
        (Frozen.SUSPENDED, "suspend", "resume"),
    ],
)
def test_all_containers_freeze_and_thaw(world, item, word, verb, back):
    after = ask(world, sets.freeze, item, word)
    assert after.frozen == word
    assert after.status == SetStatus.ACTIVE
    assert [c.asked.paused for c in after.containers] == [False, True]
    assert last_event(world, item).action == f"set.{verb}"
    assert world.told == [item.id]
    frozen = run(world, item)
    assert frozen.status == SetStatus(word.upper())
    (other,) = set(Frozen) - {word}
    for wrong, which in ((sets.freeze, word), (sets.thaw, other)):
        with pytest.raises(exception.Conflict, match="its status is"):
            ask(world, wrong, frozen, which)
    ask(world, sets.thaw, frozen, word)
    assert last_event(world, item).action == f"set.{back}"
    running = run(world, item)
    assert running.status == SetStatus.ACTIVE
    assert not any(c.asked.paused for c in running.containers)


@pytest.mark.parametrize("verb", [sets.stop, sets.restart])
def test_what_ends_processes_ends_the_freezing(world, item, verb):
    ask(world, sets.freeze, item, Frozen.PAUSED)
    after = ask(world, verb, run(world, item))
    assert after.frozen == ""
    assert not any(c.asked.paused for c in after.containers)


def test_single_containers_that_are_paused_stay_so(world, item):
    """Nobody froze the set."""
    with world.store.writer() as conn:
        containers_store.freeze(conn, item.id, paused=True)
    after = ask(world, sets.restart, get(world, item))
    assert [c.asked.paused for c in after.containers] == [False, True]


def test_a_freeze_loses_against_a_stop_in_between(world, item):
    ask(world, sets.stop, item)
    with pytest.raises(exception.Conflict):
        ask(world, sets.freeze, item, Frozen.PAUSED)
    after = get(world, item)
    assert after.frozen == ""
    assert not any(c.asked.paused for c in after.containers)


def test_metadata_is_added_removed_replaced(world, item):
    def change(*args, **how):
        made = ask(world, sets.change_metadata, item, *args, **how)
        assert made.metadata == get(world, item).metadata
        return made.metadata

    assert change({"b": "2"}) == {"a": "1", "b": "2"}
    assert change({}, remove=["a", "nothing"]) == {"b": "2"}
    assert change({"c": "3"}, replace=True) == {"c": "3"}
    event = last_event(world, item)
    assert (event.action, event.details) == (
        "set.update",
        {"changed": ["metadata"]},
    )
    many = {str(n): "" for n in range(sets.MAX_METADATA)}
    with pytest.raises(exception.QuotaExceeded, match="128 metadata items"):
        change(many)
    assert get(world, item).metadata == {"c": "3"}
    assert len(change(many, replace=True)) == sets.MAX_METADATA
    assert get(world, item).revision == item.revision


def test_metadata_of_what_is_gone(world, item):
    ask(world, sets.force_delete, item)
    with pytest.raises(exception.NotFound):
        ask(world, sets.change_metadata, item, {"b": "2"})


def test_tags_are_added_removed_replaced(world, item):
    def change(**how):
        made = ask(world, sets.change_tags, item, **how)
        assert made == sets.tags(world.deps, item)
        return made

    assert change(add=["two", "one"]) == ["one", "two"]
    assert last_event(world, item).details == {"changed": ["tags"]}
    last = last_event(world, item).id
    assert change(add=["two"], remove=["nothing"]) == ["one", "two"]
    assert last_event(world, item).id == last
    assert change(remove=["one"]) == ["two"]
    assert change(add=["b", "a"], replace=True) == ["a", "b"]
    with pytest.raises(exception.BadRequest, match="50 tags at most"):
        change(add=[str(n) for n in range(sets.MAX_TAGS)])
    assert change(replace=True) == []


def test_tags_by_set(world, item):
    (other,) = ask(world, sets.create, {**BODY, "name": "b", "tags": []})
    found = sets.tags_of(world.deps, [item.id, other.id])
    assert found == {item.id: ["one"], other.id: []}


def held(world, item):
    """Resized, done, and not yet confirmed."""
    after = ask(world, changes.resize, item, "large", hold=True)
    assert after.status == SetStatus.RESIZE
    with pytest.raises(exception.Conflict):
        ask(world, changes.confirm, after)
    with pytest.raises(exception.Conflict):
        ask(world, changes.revert_resize, after)
    return run(world, finish(world, after))


def test_a_resize_waits_until_it_is_confirmed(world, item):
    waiting = held(world, item)
    assert waiting.status == SetStatus.VERIFY_RESIZE
    with pytest.raises(exception.Conflict, match="confirmed or"):
        ask(world, changes.resize, waiting, "small")
    with pytest.raises(exception.Conflict, match="confirmed or"):
        ask(world, changes.rebuild, waiting, "app", "web:1")
    done = ask(world, changes.confirm, waiting)
    assert done.status == SetStatus.ACTIVE
    assert (done.flavor_name, done.resized_from) == ("large", {})
    assert done.revision == waiting.revision
    assert last_event(world, item).action == "set.confirm-resize"
    for verb in (changes.confirm, changes.revert_resize):
        for seen in (done, waiting):
            with pytest.raises(exception.Conflict):
                ask(world, verb, seen)
    assert used(world)["memory_mb"] == 1024


def test_a_resize_is_reverted(world, item):
    waiting = held(world, item)
    back = ask(world, changes.revert_resize, waiting)
    assert back.status == SetStatus.RESIZE
    done = run(world, finish(world, back))
    assert done.status == SetStatus.ACTIVE
    assert done.content == item.content
    assert used(world)["memory_mb"] == 512
    assert [action for _, action, _ in entries(world, item)] == [
        "create",
        "resize",
        "resize",
    ]
    with pytest.raises(exception.Conflict):
        ask(world, changes.confirm, waiting)


def test_a_volume_that_grew_stays_so(world, item):
    flavors.create(
        world.deps,
        world.ctx,
        {"name": "wide", "vcpus": 1, "memory_mb": 512, "disk_gb": 5},
    )
    after = ask(world, changes.resize, item, "wide", hold=True)
    waiting = run(world, finish(world, after))
    back = ask(world, changes.revert_resize, waiting)
    assert (back.flavor_name, back.resources.disk_gb) == ("small", 5)


def test_no_resize_waits_unless_that_is_asked(world, item):
    after = ask(world, changes.resize, item, "large")
    done = run(world, finish(world, after))
    assert done.status == SetStatus.ACTIVE
    assert done.resized_at is None


def test_what_waits_can_be_deleted(world, item):
    waiting = held(world, item)
    assert ask(world, sets.delete, waiting).status == SetStatus.DELETING


def test_a_rebuild_is_of_one_container(world, item):
    (app,) = (c for c in item.containers if c.spec is not None)
    after = ask(world, changes.rebuild, item, app.id, "web:1")
    assert after.change_action == "rebuild"
    (made,) = (c for c in after.containers if c.spec is not None)
    assert made.spec == dataclasses.replace(
        app.spec,
        image=world.deps.images.resolve(None, ["web:1"])["web:1"],
        builds=1,
    )
    assert last_event(world, item).action == "set.rebuild"


def test_a_stale_revert_finds_the_resize_confirmed(world, item):
    """Whatever was read before: the database is asked."""
    waiting = held(world, item)
    with world.store.writer() as conn:
        assert store.confirm(conn, item.id, waiting.resized_at)
        assert not store.confirm(conn, item.id, waiting.resized_at)
    with pytest.raises(exception.Conflict, match="at the same moment"):
        ask(world, changes.revert_resize, waiting)
