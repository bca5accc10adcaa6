"""Pages of a list: sort, marker and limit the same way for every noun."""

from collections.abc import Mapping, Sequence
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

    Rows are ordered by the sort keys, then by id in the direction of the first
    one, so that pages neither overlap nor leave anything out while the sort
    keys do not change.

    :param sort_columns: what may be sorted by; the columns are never NULL.
    :param source: what they are of, if not of ``table`` alone.
    :raises BadRequest: unknown sort key or marker.
    """
    keys = [(query.sort_key, query.sort_dir), *query.then]
    columns = [_column(sort_columns, key) for key, _ in keys]
    columns.append(table.c.id)
    ascending = [direction == "asc" for _, direction in keys]
    ascending.append(ascending[0])
    if query.marker is not None:
        mark = (
            sa.select(*columns)
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
        statement = statement.where(_after(columns, ascending, tuple(row)))
    return statement.order_by(
        *(
            sa.asc(column) if up else sa.desc(column)
            for column, up in zip(columns, ascending, strict=True)
        )
    ).limit(query.limit)


def _column(
    sort_columns: Mapping[str, sa.ColumnElement[Any]], key: str
) -> sa.ColumnElement[Any]:
    column = sort_columns.get(key)
    if column is None:
        raise exception.BadRequest(
            f"Cannot sort by {key!r}; the sort keys are "
            f"{', '.join(sorted(sort_columns))}."
        )
    return column


def _after(
    columns: Sequence[sa.ColumnElement[Any]],
    ascending: Sequence[bool],
    values: Sequence[Any],
) -> sa.ColumnElement[bool]:
    """What comes after a row with these values: of the columns that differ
    the first decides."""
    column, value = columns[0], values[0]
    after: sa.ColumnElement[bool] = (
        column > value if ascending[0] else column < value
    )
    if len(columns) == 1:
        return after
    rest = _after(columns[1:], ascending[1:], values[1:])
    return sa.or_(after, sa.and_(column == value, rest))
