"""Sessions, and what was recorded of them."""

import dataclasses
import datetime
import zlib
from typing import Any

import sqlalchemy as sa

from caas.model import sessions as model
from caas.model.query import Query
from caas.model.streams import Verb
from caas.store import paging
from caas.store.tables import recordings
from caas.store.tables import sessions as t

_SORT: dict[str, sa.ColumnElement[Any]] = {
    "created_at": t.c.created_at,
    "id": t.c.id,
}


def from_row(row: Any) -> model.Session:
    fields = {k: v for k, v in row._mapping.items() if k != "token_hash"}
    return model.Session(**{**fields, "verb": Verb(fields["verb"])})


def insert(
    conn: sa.Connection, session: model.Session, token_hash: str
) -> None:
    values = dataclasses.asdict(session)
    conn.execute(t.insert().values(**values, token_hash=token_hash))


def get(
    conn: sa.Connection, session_id: str, project_id: str | None = None
) -> model.Session | None:
    """:param project_id: only of this project; None for any."""
    statement = sa.select(t).where(t.c.id == session_id)
    if project_id is not None:
        statement = statement.where(t.c.project_id == project_id)
    row = conn.execute(statement).one_or_none()
    return from_row(row) if row else None


def list_(conn: sa.Connection, query: Query) -> list[model.Session]:
    """One page of sessions.

    Filters: ``set_id``, ``user_id``, ``verb``, ``recorded``, ``since``.
    """
    statement = sa.select(t)
    if query.project_id is not None:
        statement = statement.where(t.c.project_id == query.project_id)
    for key, value in query.filters.items():
        if key == "since":
            statement = statement.where(t.c.created_at >= value)
        else:
            statement = statement.where(t.c[key] == value)
    statement = paging.page(conn, statement, t, query, _SORT)
    return [from_row(row) for row in conn.execute(statement)]


def of_token(conn: sa.Connection, token_hash: str) -> model.Session | None:
    row = conn.execute(
        sa.select(t).where(t.c.token_hash == token_hash)
    ).one_or_none()
    return from_row(row) if row else None


def token_hash(conn: sa.Connection, session_id: str) -> str | None:
    found: str | None = conn.execute(
        sa.select(t.c.token_hash).where(t.c.id == session_id)
    ).scalar_one_or_none()
    return found


def begin(
    conn: sa.Connection,
    session: model.Session,
    now: datetime.datetime,
    *,
    proxy: str,
    client: str,
) -> bool:
    """Use its token up.  :returns: False: it was used, or is too old."""
    done = conn.execute(
        t.update()
        .where(
            t.c.id == session.id,
            t.c.started_at.is_(None),
            t.c.ended_at.is_(None),
            t.c.expires_at > now,
        )
        .values(
            started_at=now, proxy=proxy, client=client, arguments=session.shown
        )
    )
    return done.rowcount == 1


def end(
    conn: sa.Connection,
    session_id: str,
    now: datetime.datetime,
    *,
    result: str,
    message: str,
    exit_code: int | None,
) -> bool:
    """:returns: False: it had ended before."""
    done = conn.execute(
        t.update()
        .where(t.c.id == session_id, t.c.ended_at.is_(None))
        .values(
            ended_at=now, result=result, message=message, exit_code=exit_code
        )
    )
    return done.rowcount == 1


def active(conn: sa.Connection, proxy: str) -> list[model.Session]:
    """Those that began at a proxy and have not ended."""
    rows = conn.execute(
        sa.select(t).where(
            t.c.proxy == proxy,
            t.c.started_at.is_not(None),
            t.c.ended_at.is_(None),
        )
    )
    return [from_row(row) for row in rows]


def record(
    conn: sa.Connection, session_id: str, piece: int, text: str
) -> None:
    """Keep a piece of a recording; pieces count from 0."""
    conn.execute(
        recordings.insert().values(
            session_id=session_id,
            piece=piece,
            data=zlib.compress(text.encode()),
        )
    )


def recording(
    conn: sa.Connection, session_id: str, piece: int
) -> tuple[str, bool] | None:
    """A piece of a recording, and whether there is one after it.

    :returns: None where there is no such piece.
    """
    rows = conn.execute(
        sa.select(recordings.c.data)
        .where(
            recordings.c.session_id == session_id,
            recordings.c.piece >= piece,
        )
        .order_by(recordings.c.piece)
        .limit(2)
    ).all()
    if not rows:
        return None
    return zlib.decompress(rows[0].data).decode(), len(rows) > 1
