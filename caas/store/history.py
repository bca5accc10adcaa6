"""What sets were made of, and when."""

import dataclasses
import datetime
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from caas.model.content import Content
from caas.store.tables import history as t

#: Changes of what a set is made of; their events are called ``set.<name>``.
CHANGES = (
    *("resize", "update", "rebuild", "add", "remove", "rename", "revert"),
    *("rescue", "unrescue"),
)

#: Entries of one set that are kept.
KEPT = 100


@dataclasses.dataclass(frozen=True)
class Entry:
    """:ivar action: what made it so, e.g. ``create`` or ``update``.
    :ivar failure: why it was taken back; "" if it was not.
    """

    set_id: str
    revision: int
    at: datetime.datetime
    action: str
    user_id: str
    request_id: str
    content: Content
    failure: str = ""


def add(conn: sa.Connection, entries: Sequence[Entry]) -> None:
    """Write entries; of each set the last ``KEPT`` stay."""
    conn.execute(
        t.insert(),
        [
            {
                "set_id": e.set_id,
                "revision": e.revision,
                "at": e.at,
                "action": e.action,
                "user_id": e.user_id,
                "request_id": e.request_id,
                "failure": e.failure,
                "content": e.content.to_dict(),
            }
            for e in entries
        ],
    )
    for entry in entries:
        if entry.revision > KEPT:
            _forget(conn, entry.set_id)


def _forget(conn: sa.Connection, set_id: str) -> None:
    last = conn.execute(
        sa.select(t.c.revision)
        .where(t.c.set_id == set_id)
        .order_by(t.c.revision.desc())
        .offset(KEPT - 1)
        .limit(1)
    ).scalar_one_or_none()
    if last is not None:
        conn.execute(
            t.delete().where(t.c.set_id == set_id, t.c.revision < last)
        )


def fail(conn: sa.Connection, set_id: str, revision: int, reason: str) -> None:
    """Note why a change was taken back."""
    conn.execute(
        t.update()
        .where(t.c.set_id == set_id, t.c.revision == revision)
        .values(failure=reason)
    )


def list_(conn: sa.Connection, set_id: str) -> list[Entry]:
    """Of one set, the latest first."""
    statement = (
        sa.select(t).where(t.c.set_id == set_id).order_by(t.c.revision.desc())
    )
    return [_from_row(row) for row in conn.execute(statement)]


def get(conn: sa.Connection, set_id: str, revision: int) -> Entry | None:
    row = conn.execute(
        sa.select(t).where(t.c.set_id == set_id, t.c.revision == revision)
    ).one_or_none()
    return None if row is None else _from_row(row)


def _from_row(row: Any) -> Entry:
    return Entry(
        set_id=row.set_id,
        revision=row.revision,
        at=row.at,
        action=row.action,
        user_id=row.user_id,
        request_id=row.request_id,
        content=Content.from_dict(row.content),
        failure=row.failure,
    )
