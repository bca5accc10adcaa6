"""Addresses of sets, taken from a pool in turn, so that a freed one rests."""

import ipaddress
from collections.abc import Collection, Iterator

import sqlalchemy as sa

from caas.store.tables import address_pools as pools
from caas.store.tables import addresses as t

#: Candidates looked at first; many more each time these are all in use.
_WINDOW = 64


def ensure_pool(
    conn: sa.Connection, name: str, network: ipaddress.IPv4Network
) -> None:
    """Make the pool, or give it this network."""
    done = conn.execute(
        pools.update().where(pools.c.name == name).values(cidr=str(network))
    )
    if done.rowcount == 0:
        conn.execute(pools.insert().values(name=name, cidr=str(network)))


def take(
    conn: sa.Connection,
    name: str,
    network: ipaddress.IPv4Network,
    reserved: Collection[str],
    set_ids: Collection[str],
) -> dict[str, str]:
    """Give each set an address of its own, for life.

    :param reserved: addresses of the network that no set may have, apart
        from its first and last one.
    :returns: address by set id; fewer than asked for when the pool is empty.
        One that has got an address by now, of another conductor that found
        the lease at its end, keeps it.
    """
    # the one writer at a time goes on where the last one stopped
    conn.execute(
        pools.update()
        .where(pools.c.name == name)
        .values(cursor=pools.c.cursor + len(set_ids))
    )
    end = conn.execute(
        sa.select(pools.c.cursor).where(pools.c.name == name)
    ).scalar_one()
    start = end - len(set_ids)
    taken = 0
    kept = {
        row.set_id: row.address
        for row in conn.execute(
            sa.select(t.c.set_id, t.c.address).where(t.c.set_id.in_(set_ids))
        )
    }
    found: dict[str, str] = {}
    waiting = [i for i in set_ids if i not in kept]
    for window in _windows(network, start, len(waiting)):
        used = set(
            conn.execute(
                sa.select(t.c.address).where(
                    t.c.pool == name, t.c.address.in_(window)
                )
            ).scalars()
        )
        for address in window:
            if not waiting:
                break
            taken += 1
            if address not in used and address not in reserved:
                found[waiting.pop(0)] = address
        if not waiting:
            break
    if start + taken != end:
        conn.execute(
            pools.update()
            .where(pools.c.name == name)
            .values(cursor=start + taken)
        )
    if found:
        conn.execute(
            t.insert(),
            [
                {"pool": name, "address": address, "set_id": set_id}
                for set_id, address in found.items()
            ],
        )
    return found | kept


def _windows(
    network: ipaddress.IPv4Network, start: int, count: int
) -> Iterator[list[str]]:
    """Each host address of the network once, from ``start`` on, in parts."""
    first = int(network.network_address) + 1
    size = max(network.num_addresses - 2, 0)
    done = 0
    width = count + _WINDOW
    while done < size:
        part = range(done, min(done + width, size))
        yield [
            str(ipaddress.IPv4Address(first + (start + n) % size))
            for n in part
        ]
        done += width
        # SQLite and PostgreSQL take about 32,000 values in a statement
        width = min(width * 4, 8192)
