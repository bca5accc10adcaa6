"""What users hand into the containers of sets."""

import dataclasses
from collections.abc import Collection

import sqlalchemy as sa

from caas.model.inputs import Inputs
from caas.store.tables import set_inputs as t


@dataclasses.dataclass(frozen=True)
class Brief:
    """What of it is no burden to have.

    :ivar digest: of the :class:`Inputs`, "" where there are none.
    """

    public_key: str = ""
    digest: str = ""


def add(
    conn: sa.Connection,
    set_ids: Collection[str],
    inputs: Inputs,
    public_key: str = "",
) -> None:
    """Of new sets, the same of each."""
    if not set_ids or not (inputs.digest or public_key):
        return
    values = _values(inputs) | {"public_key": public_key}
    conn.execute(t.insert(), [{"set_id": i, **values} for i in set_ids])


def write(
    conn: sa.Connection,
    set_id: str,
    inputs: Inputs | None = None,
    public_key: str | None = None,
) -> None:
    """Of one that is there; in a transaction that wrote to its row.

    :param inputs: and ``public_key``: None for as before.
    """
    values = {} if inputs is None else _values(inputs)
    if public_key is not None:
        values["public_key"] = public_key
    if not values:
        return
    done = conn.execute(t.update().where(t.c.set_id == set_id).values(values))
    if done.rowcount == 0 and not brief(conn, [set_id]):
        conn.execute(
            t.insert().values(
                {
                    "set_id": set_id,
                    "public_key": "",
                    **_values(Inputs()),
                    **values,
                }
            )
        )


def _values(inputs: Inputs) -> dict[str, object]:
    return {
        "digest": inputs.digest,
        "user_data": inputs.user_data,
        "files": {"files": inputs.to_dict()["files"]},
    }


def get(conn: sa.Connection, set_id: str) -> Inputs:
    row = conn.execute(sa.select(t).where(t.c.set_id == set_id)).one_or_none()
    if row is None:
        return Inputs()
    files = (row.files or {}).get("files")
    return Inputs.from_dict({"user_data": row.user_data, "files": files})


def user_data(conn: sa.Connection, set_ids: Collection[str]) -> dict[str, str]:
    """By set, of those that have some."""
    rows = conn.execute(
        sa.select(t.c.set_id, t.c.user_data).where(
            t.c.set_id.in_(set_ids), t.c.user_data != ""
        )
    )
    return {row.set_id: row.user_data for row in rows}


def brief(conn: sa.Connection, set_ids: Collection[str]) -> dict[str, Brief]:
    """By set, of those that have some."""
    rows = conn.execute(
        sa.select(t.c.set_id, t.c.public_key, t.c.digest).where(
            t.c.set_id.in_(set_ids)
        )
    )
    return {row.set_id: Brief(row.public_key, row.digest) for row in rows}


def delete(conn: sa.Connection, set_ids: Collection[str]) -> None:
    conn.execute(t.delete().where(t.c.set_id.in_(set_ids)))
