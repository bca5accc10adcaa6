"""A process dies between any two steps: what it leaves is found by the rows
alone, and all can be done again.
"""

import contextlib
import datetime
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from caas import exception
from caas.core import blobs, manifests
from caas.store import tables
from caas.store.engine import Store, utcnow
from tests.functional.images import registry
from tests.functional.images.registry import APP, Registry, ctx, digest
from tests.records import FakeRecords


class DeadError(BaseException):
    """Whoever meets it does nothing any more."""


class Life:
    """:param steps: after which it ends."""

    def __init__(self, steps: int) -> None:
        self._left = steps

    @property
    def over(self) -> bool:
        return self._left <= 0

    def step(self) -> None:
        self._left -= 1
        if self.over:
            raise DeadError


class Mortal:
    """Passes calls on; each that changes something is a step of a life."""

    def __init__(self, inner: Any, life: Life) -> None:
        self._inner = inner
        self._life = life

    def __getattr__(self, name: str) -> Any:
        if self._life.over:
            raise DeadError
        found = getattr(self._inner, name)
        if name == "writer":
            return lambda: self._transaction(found)
        if name == "write":
            return self._write
        if name not in ("create", "upload", "update", "delete"):
            return found

        def call(*args: Any, **how: Any) -> Any:
            answer = found(*args, **how)
            self._life.step()
            return answer

        return call

    def _write(self, act: Callable[[Any], Any]) -> Any:
        with self._transaction(self._inner.writer) as conn:
            return act(conn)

    @contextlib.contextmanager
    def _transaction(self, begin: Any) -> Iterator[Any]:
        with begin() as conn:
            yield conn
            if self._life.over:
                raise DeadError
        self._life.step()


BASE = registry.layer(a="base")
TOP = registry.layer(b="top")
OLD = registry.image(BASE)
NEW = registry.image(BASE, TOP)


def push(mortal: Registry) -> None:
    """A new image, which takes a tag from another one."""
    mortal.push(NEW, "old")


def pieces(mortal: Registry) -> None:
    begun = blobs.begin(mortal.deps, ctx(), APP)
    for start in range(0, len(TOP), 50):
        piece = TOP[start : start + 50]
        blobs.append(mortal.deps, ctx(), APP, begun.id, [piece], offset=start)
    blobs.finish(mortal.deps, ctx(), APP, begun.id, digest(TOP))


def lie(mortal: Registry) -> None:
    with contextlib.suppress(exception.DigestInvalid):
        mortal.upload(TOP, digest(b"else"))


def untag(mortal: Registry) -> None:
    with contextlib.suppress(exception.ManifestUnknown):
        manifests.delete(mortal.deps, ctx(), APP, "old")


def delete(mortal: Registry) -> None:
    with contextlib.suppress(exception.ManifestUnknown):
        manifests.delete(mortal.deps, ctx(), APP, OLD.digest)


def collect(mortal: Registry) -> None:
    """Of an image nobody wants."""
    untag(mortal)
    mortal.collector(lambda: later(8)).round()
    mortal.collector(lambda: later(8.1)).round()


def renew(mortal: Registry) -> None:
    """An image whose bytes Glance was storing when it died."""
    for row in mortal.rows(tables.tags):
        mortal.records.records[row.image_id]["status"] = "saving"
    with mortal.store.writer() as conn:
        conn.execute(tables.tags.update().values(published=False))
    mortal.collector(lambda: later(0.05)).round()


def later(days: float) -> datetime.datetime:
    return utcnow() + datetime.timedelta(days=days)


@pytest.mark.parametrize(
    "act",
    [push, pieces, lie, untag, delete, collect, renew],
    ids=lambda act: act.__name__,
)
def test_at_any_step(act: Callable[[Registry], None], store: Store) -> None:
    for steps in itertools.count(1):
        records = FakeRecords()
        well = Registry(store, records, records)
        well.push(OLD, "old")
        life = Life(steps)
        mortal = Registry(Mortal(store, life), Mortal(records, life), records)
        with contextlib.suppress(DeadError):
            act(mortal)
        well.check()
        for tag in named(well):
            well.pull(tag)
        # things are repaired
        well.collector(lambda: later(0.1)).round()
        well.check()
        assert all(row.published for row in well.rows(tables.tags))
        assert shown(well) == {f"{APP}:{tag}" for tag in named(well)}
        for tag in named(well):
            well.pull(tag)
        # and can be done again
        act(well)
        well.push(NEW, "2")
        well.check()
        assert well.pull("2") == NEW
        clean(well)
        if not life.over:
            assert steps > 3
            return


def named(well: Registry) -> list[str]:
    try:
        return manifests.list_tags(well.deps, ctx(), APP)
    except exception.NameUnknown:
        return []


def shown(well: Registry) -> set[str]:
    """Names of the images that Glance lists."""
    return {
        record["name"]
        for record in well.records.list()
        if record["status"] == "active"
    }


def clean(well: Registry) -> None:
    """Delete all: nothing may be left."""
    for tag in named(well):
        manifests.delete(well.deps, ctx(), APP, tag)
    for days in (20.0, 40.0):
        # what it needs is found from what is there, not from the last round
        at = later(days)
        well.collector(lambda at=at: at).round()  # type: ignore[misc]
    assert well.count() == {}
    assert well.records.records == {}
    assert well.used() == 0
    with well.store.writer() as conn:
        conn.execute(tables.namespaces.delete())
        conn.execute(tables.duties.delete())
