"""The tree that records and their parents make, in Glance's database.

Glance's own API does not do for it: the children of a record belong to other
projects too, and a list by property reads each record it looks at.
"""

import contextlib
import logging
import time
import uuid
from collections.abc import Iterator
from typing import Any

import oslo_db.api
import sqlalchemy as sa
from glance.common import exception
from glance.db.sqlalchemy import api, models
from oslo_db import exception as db_exc
from oslo_utils import timeutils

from caas_glance import properties

LOG = logging.getLogger(__name__)

#: How many records may stand above each other; Docker takes 127 layers.
MAX_DEPTH = 256
#: Seconds; a process that died left its mark on a record that stays.
MARK_HOLDS = 60.0

_IMAGE = models.Image
_PROPERTY = models.ImageProperty


class BeingDeleted(Exception):
    """Another request deletes the same record."""


def has_children(image_id: str) -> bool:
    """Whether records of any project stand on this one, or use its bytes."""
    query = (
        sa.select(_PROPERTY.id)
        .where(
            _PROPERTY.name.in_((properties.PARENT, properties.DATA)),
            _PROPERTY.value == image_id,
            _PROPERTY.deleted == sa.false(),
        )
        .limit(1)
    )
    return bool(_rows(query))


def chain(image_id: str) -> list[str]:
    """A record's id and those of the records below it, down to the bottom.

    There are at most ``MAX_DEPTH + 1``, even if they go round.
    """
    # From a column, not from what we were given: else MariaDB compares other
    # character sets, and uses no index.
    up = (
        sa.select(_IMAGE.id, sa.literal(0).label("depth"))
        .where(_IMAGE.id == image_id)
        .cte("up", recursive=True)
    )
    up = up.union_all(
        sa.select(sa.cast(_PROPERTY.value, sa.String(36)), up.c.depth + 1)
        .join(up, up.c.id == _PROPERTY.image_id)
        .where(
            _PROPERTY.name == properties.PARENT,
            _PROPERTY.deleted == sa.false(),
            up.c.depth < MAX_DEPTH,
        )
    )
    return [row.id for row in _rows(sa.select(up.c.id).order_by(up.c.depth))]


def stands(image_id: str) -> bool:
    """Whether a record is there, and nobody is about to delete it."""
    query = (
        sa.select(_PROPERTY.value)
        .select_from(_IMAGE)
        .outerjoin(
            _PROPERTY,
            sa.and_(
                _PROPERTY.image_id == _IMAGE.id,
                _PROPERTY.name == properties.DELETING,
                _PROPERTY.deleted == sa.false(),
            ),
        )
        .where(
            _IMAGE.id == image_id,
            _IMAGE.deleted == sa.false(),
            # Glance says this, and drops properties, the mark too, before it
            # says the other.
            _IMAGE.status.not_in(("deleted", "pending_delete")),
        )
    )
    found = _rows(query)
    return bool(found) and not _holds(found[0].value)


@contextlib.contextmanager
def deleting(image_id: str) -> Iterator[None]:
    """Mark a record as about to be deleted, so that it gets no children.

    Who deletes writes the mark and then looks for children; who makes a child
    writes that and then looks for the mark.  So one of them sees the other.
    It goes with the record, and if the record stays then at the end.

    :raises BeingDeleted: it is marked.
    """
    mark = f"{time.time():.3f} {uuid.uuid4()}"
    with contextlib.suppress(exception.NotFound):
        old = _mark(image_id)
        if old and not _holds(old):
            api.image_delete_property_atomic(
                image_id, properties.DELETING, old
            )
    try:
        _set_mark(image_id, mark)
    except db_exc.DBDuplicateEntry:
        raise BeingDeleted from None
    try:
        yield
    finally:
        try:
            api.image_delete_property_atomic(
                image_id, properties.DELETING, mark
            )
        except exception.NotFound:
            # it went with the record
            pass
        except Exception as error:
            # What was done is done, and soon the mark does not hold.
            LOG.warning("A mark is left on image %s: %s", image_id, error)


def take_back(context: Any, image_id: str, parent_id: str, new: bool) -> None:
    """Undo what gave a record this parent.

    :param new: the record was made by it.
    """
    with contextlib.suppress(exception.NotFound):
        if new:
            api.image_destroy(context.elevated(), image_id)
        else:
            api.image_delete_property_atomic(
                image_id, properties.PARENT, parent_id
            )


def _mark(image_id: str) -> str | None:
    found = _rows(
        sa.select(_PROPERTY.value).where(
            _PROPERTY.image_id == image_id,
            _PROPERTY.name == properties.DELETING,
            _PROPERTY.deleted == sa.false(),
        )
    )
    return found[0].value if found else None


@oslo_db.api.wrap_db_retry(  # type: ignore[untyped-decorator]
    max_retries=5, retry_on_deadlock=True
)
def _set_mark(image_id: str, mark: str) -> None:
    """Not by Glance's own function, which looks for a row before it adds one:
    two that do so at once are a deadlock.
    """
    with api.session_for_write() as session:
        session.execute(
            sa.insert(_PROPERTY.__table__).values(
                image_id=image_id,
                name=properties.DELETING,
                value=mark,
                deleted=False,
                created_at=timeutils.utcnow(),
            )
        )


def _holds(mark: str | None) -> bool:
    if not mark:
        return False
    since = float(mark.split()[0])
    return abs(time.time() - since) < MARK_HOLDS


def _rows(query: Any) -> Any:
    with api.session_for_read() as session:
        return session.execute(query).all()
