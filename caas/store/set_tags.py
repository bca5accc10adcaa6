"""Tags of sets."""

from collections.abc import Collection

import sqlalchemy as sa

from caas.store.tables import set_tags as t


def of(conn: sa.Connection, set_ids: Collection[str]) -> dict[str, list[str]]:
    """In order, by set; a set without any has an empty list."""
    found: dict[str, list[str]] = {set_id: [] for set_id in set_ids}
    rows = conn.execute(
        sa.select(t).where(t.c.set_id.in_(found)).order_by(t.c.tag)
    )
    for row in rows:
        found[row.set_id].append(row.tag)
    return found


def write(
    conn: sa.Connection,
    set_id: str,
    add: Collection[str],
    remove: Collection[str] = (),
) -> None:
    """:param add: those that the set does not have yet."""
    if remove:
        conn.execute(
            t.delete().where(t.c.set_id == set_id, t.c.tag.in_(remove))
        )
    if add:
        conn.execute(
            t.insert(), [{"set_id": set_id, "tag": tag} for tag in sorted(add)]
        )
