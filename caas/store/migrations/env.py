"""How alembic reaches the database; run by it, never imported.

:mod:`caas.store.migration` hands over a connection; on the command line
``-x url=...`` names a scratch database to write a migration with.
"""

from typing import Any

import sqlalchemy as sa
from alembic import context
from oslo_db.sqlalchemy import types as oslo_types

from caas.store import tables


def _render(kind: str, item: Any, autogen: Any) -> Any:
    """Write the types of caas.store.migrations.types by their names."""
    if kind == "type":
        name = None
        if isinstance(item, oslo_types.JsonEncodedDict):
            name = "json"
        elif isinstance(item, sa.DateTime):
            name = "time"
        if name:
            autogen.imports.add("from caas.store.migrations import types")
            return f"types.{name}()"
    return False


def _run(connection: sa.Connection) -> None:
    context.configure(
        connection=connection,
        target_metadata=tables.metadata,
        render_item=_render,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    _run(given)
else:
    url = context.get_x_argument(as_dictionary=True)["url"]
    with sa.create_engine(url).connect() as scratch:
        _run(scratch)
