"""Services: the processes that report themselves."""

import datetime
import uuid

import sqlalchemy as sa

from caas.model.services import Service
from caas.store.tables import hosts
from caas.store.tables import services as t

#: Agents report as hosts.
AGENT = "caas-agent"


def list_(conn: sa.Connection) -> list[Service]:
    """All there are, by binary and host."""
    found = [
        Service(row.binary, row.host, row.version, row.last_seen)
        for row in conn.execute(sa.select(t))
    ]
    agents = sa.select(hosts.c.name, hosts.c.facts, hosts.c.last_seen)
    found += [
        Service(
            AGENT,
            row.name,
            (row.facts or {}).get("agent_version", ""),
            row.last_seen,
        )
        for row in conn.execute(agents)
    ]
    return sorted(found, key=lambda s: (s.binary, s.host))


def delete(conn: sa.Connection, binary: str, host: str) -> bool:
    """:returns: whether it was there."""
    done = conn.execute(
        t.delete().where(t.c.binary == binary, t.c.host == host)
    )
    return done.rowcount == 1


def beat(
    conn: sa.Connection,
    binary: str,
    host: str,
    version: str,
    now: datetime.datetime,
) -> None:
    """Note that a process is alive."""
    done = conn.execute(
        t.update()
        .where(t.c.binary == binary, t.c.host == host)
        .values(version=version, last_seen=now)
    )
    if done.rowcount == 0:
        conn.execute(
            t.insert().values(
                id=str(uuid.uuid4()),
                binary=binary,
                host=host,
                version=version,
                started_at=now,
                last_seen=now,
            )
        )
