"""Use cases of retention: what goes of a namespace by itself."""

import dataclasses
import datetime
from collections.abc import Callable

from oslo_db import exception as db_exception

from caas.context import RequestContext, for_service
from caas.core import tagging
from caas.core.deps import Deps
from caas.model import retention as model
from caas.model.images import Namespace
from caas.store import events, images, space
from caas.store import retentions as store
from caas.store.engine import retry, utcnow


@dataclasses.dataclass(frozen=True)
class Preview:
    """:ivar frees: bytes that nothing else needs, once the recycle bin has
    let them go.
    """

    going: list[model.Going]
    frees: int


def get(
    deps: Deps, namespace: Namespace
) -> tuple[model.Retention, datetime.datetime | None]:
    """And since when it has been as it is."""
    with deps.store.reader() as conn:
        return store.get(conn, namespace.id)


@retry
def put(
    deps: Deps,
    ctx: RequestContext,
    namespace: Namespace,
    retention: model.Retention,
) -> datetime.datetime:
    """:returns: now."""
    now = utcnow()
    try:
        with deps.store.writer() as conn:
            store.put(conn, namespace.id, retention, now)
            events.add(
                conn,
                project_id=namespace.project_id,
                user_id=ctx.user_id,
                object_type="namespace",
                object_id=namespace.id,
                action="namespace.retention",
                request_id=ctx.request_id or "",
                details={"name": namespace.name, **retention.to_dict()},
            )
    except db_exception.DBDuplicateEntry as error:
        raise db_exception.RetryRequest(error) from None
    return now


def preview(
    deps: Deps, namespace: Namespace, retention: model.Retention
) -> Preview:
    """What would go now."""
    with deps.store.reader() as conn:
        found = images.of_namespace(conn, namespace.id)
        used = images.used(conn, (image.id for image in found))
        going = model.plan(retention, found, used, utcnow())
        frees = (
            space.alone(
                conn, namespace.project_id, [g.image.tag_id for g in going]
            )
            if going
            else 0
        )
    return Preview(going, frees)


def apply(
    deps: Deps,
    now: datetime.datetime,
    stopping: Callable[[], bool] = lambda: False,
) -> int:
    """Move what is to go to the recycle bin.

    :returns: how many images that were.
    """
    ctx = for_service()
    count = 0
    with deps.store.reader() as conn:
        todo = store.all_(conn)
    for namespace_id, retention in todo:
        with deps.store.reader() as conn:
            found = images.of_namespace(conn, namespace_id)
            used = images.used(conn, (image.id for image in found))
        for each in model.plan(retention, found, used, now):
            if stopping():
                return count
            count += tagging.delete(deps, ctx, each.image, reason=each.reason)
    return count
