"""Records in Glance that nobody wants: deleted at once if that can be done,
else by the collector.
"""

import logging
from collections.abc import Collection

from caas import exception
from caas.core.deps import Records
from caas.store import parts
from caas.store.engine import Store

LOG = logging.getLogger(__name__)


def remove(
    store: Store, records: Records, record_ids: Collection[str]
) -> list[str]:
    """Delete records that are waste, and forget them.

    :returns: those Glance does not let go: they have children.
    :raises Unavailable: Glance does not answer.
    """
    done, kept = [], []
    try:
        for record_id in record_ids:
            try:
                records.delete(record_id)
            except exception.Conflict as error:
                LOG.debug("%s", error)
                kept.append(record_id)
            else:
                done.append(record_id)
    finally:
        if done:
            store.write(lambda conn: parts.forget(conn, done))
    return kept


def try_remove(
    store: Store, records: Records, record_ids: Collection[str]
) -> None:
    """The same, for who has something better to do than to wait."""
    try:
        remove(store, records, record_ids)
    except exception.Unavailable as error:
        LOG.warning(
            "Records nobody wants stay in Glance for now: %s", error.message
        )
