"""Glance's application, fit for several requests at once on SQLite.

A transaction that has read before it writes does not wait for another writer
but fails, and Glance answers 500: of eight clients that upload at once most
get that. So let each wait when it begins. Other databases need none of it.
"""

from typing import Any

import sqlalchemy as sa

#: Milliseconds.
PATIENCE = 60_000


def connect(dbapi: Any, _record: Any) -> None:
    if "sqlite" in type(dbapi).__module__:
        dbapi.execute(f"PRAGMA busy_timeout = {PATIENCE}")
        dbapi.execute("PRAGMA synchronous = OFF")


def execute(
    connection: sa.Connection,
    _cursor: Any,
    statement: str,
    parameters: Any,
    _context: Any,
    _many: bool,
) -> tuple[str, Any]:
    # which oslo.db emits
    if statement == "BEGIN" and connection.dialect.name == "sqlite":
        statement = "BEGIN IMMEDIATE"
    return statement, parameters


sa.event.listen(sa.Engine, "connect", connect)
sa.event.listen(sa.Engine, "before_cursor_execute", execute, retval=True)

# It starts when it is imported.
from glance.wsgi.api import application  # noqa: E402, F401
