"""What notifications of events say of the set and the host they are about."""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from caas.store.hosts import ZONE
from caas.store.tables import hosts, sets


def of_sets(
    conn: sa.Connection, set_ids: Collection[str]
) -> dict[str, dict[str, Any]]:
    """Name and owner of sets by id; also of those that were deleted."""
    columns = (
        sets.c.id,
        sets.c.name,
        sets.c.project_id,
        sets.c.user_id,
        sets.c.metadata,
    )
    rows = conn.execute(sa.select(*columns).where(sets.c.id.in_(set_ids)))
    return {row.id: dict(row._mapping) for row in rows}


def of_hosts(
    conn: sa.Connection, names: Collection[str]
) -> dict[str, dict[str, Any]]:
    """Zone and labels of hosts by name."""
    rows = conn.execute(
        sa.select(hosts.c.name, ZONE.label("zone"), hosts.c.facts).where(
            hosts.c.name.in_(names)
        )
    )
    return {
        row.name: {
            "zone": row.zone,
            "labels": (row.facts or {}).get("labels") or {},
        }
        for row in rows
    }
