"""Pages of a list: sort, marker and limit the same way for every noun."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from caas import exception
from caas.model.query import Query


def page(
    conn: sa.Connection,
    statement: sa.Select[Any],
    table: sa.Table,
    query: Query,
    sort_columns: Mapping[str, sa.ColumnElement[Any]],
    source: sa.FromClause | None = None,
) -> sa.Select[Any]:
    """Add order, place after the marker, and limit to a select.

    Rows are ordered by the sort key, then by id, so that pages neither
    overlap nor leave anything out while the sort key does not change.

    :param sort_columns: what may be sorted by; the columns are never NULL.
    :param source: what they are of, if not of ``table`` alone.
    :raises BadRequest: unknown sort key or marker.
    """
    column = sort_columns.get(query.sort_key)
    if column is None:
        raise exception.BadRequest(
            f"Cannot sort by {query.sort_key!r}; the sort keys are "
            f"{', '.join(sorted(sort_columns))}."
        )
    if query.marker is not None:
        mark = (
            sa.select(column, table.c.id)
            .select_from(table if source is None else source)
            .where(table.c.id == query.marker)
        )
        if query.project_id is not None:
            mark = mark.where(table.c.project_id == query.project_id)
        row = conn.execute(mark).one_or_none()
        if row is None:
            raise exception.BadRequest(
                f"The marker {query.marker} is not the id of an object of "
                "this list."
            )
        if query.sort_dir == "asc":
            after = sa.or_(
                column > row[0],
                sa.and_(column == row[0], table.c.id > row[1]),
            )
        else:
            after = sa.or_(
                column < row[0],
                sa.and_(column == row[0], table.c.id < row[1]),
            )
        statement = statement.where(after)
    order = sa.asc if query.sort_dir == "asc" else sa.desc
    return statement.order_by(order(column), order(table.c.id)).limit(
        query.limit
    )
