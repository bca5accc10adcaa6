"""Use cases of quotas."""

import dataclasses
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exception

from caas import exception
from caas.context import RequestContext
from caas.core.deps import Deps
from caas.model.quotas import IMAGE_BYTES, RESOURCES, Quota, Usage, plain
from caas.store import events, uploads
from caas.store import quotas as store


def defaults(options: Any) -> dict[str, int]:
    """Limits of projects that have none of their own, by resource.

    :param options: the group ``[quota]`` of the configuration.
    """
    images = options.images_mb
    return {r: options[r] for r in RESOURCES if r != IMAGE_BYTES} | {
        IMAGE_BYTES: images if images < 0 else images << 20
    }


def get(deps: Deps, ctx: RequestContext, project_id: str) -> Quota:
    """Limits and use of a project; the defaults for one never seen."""
    with deps.store.reader() as conn:
        return store.get(conn, project_id, deps.quota_defaults)


def set_(
    deps: Deps, ctx: RequestContext, project_id: str, limits: dict[str, int]
) -> Quota:
    """Set limits by resource, -1 for none; those not named stay.

    A limit below what is used stops new sets and touches no running one.
    """
    if limits:
        with deps.store.writer() as conn:
            store.set_limits(conn, project_id, limits)
            _event(conn, ctx, project_id, "quota.update", limits)
    return get(deps, ctx, project_id)


def common(deps: Deps, ctx: RequestContext) -> dict[str, int]:
    """Limits of projects that have none of their own, by resource."""
    with deps.store.reader() as conn:
        return {**deps.quota_defaults, **store.class_limits(conn)}


def set_common(
    deps: Deps, ctx: RequestContext, limits: dict[str, int]
) -> None:
    """Set them, instead of what is configured; those not named stay."""
    if not limits:
        return
    with deps.store.writer() as conn:
        store.set_limits(conn, store.CLASS, limits)
        events.add(
            conn,
            user_id=ctx.user_id,
            object_type="quota",
            object_id="default",
            action="quota.update",
            request_id=ctx.request_id or "",
            details=limits,
        )


def reset(deps: Deps, ctx: RequestContext, project_id: str) -> None:
    """Back to the defaults."""
    with deps.store.writer() as conn:
        store.reset(conn, project_id)
        _event(conn, ctx, project_id, "quota.reset", {})


def ready(deps: Deps, project_id: str) -> Quota:
    """Limits and use, with counters that can be claimed from."""
    with deps.store.reader() as conn:
        quota = store.get(conn, project_id, deps.quota_defaults)
    if not any(usage.used for usage in quota.resources.values()):
        try:
            with deps.store.writer() as conn:
                store.prepare(conn, project_id)
        except db_exception.DBDuplicateEntry:
            pass  # the counters were there, all at zero
    return quota


def image_usage(deps: Deps, project_id: str) -> Usage:
    """Of bytes of images; what came in uploads under way is counted as if it
    were there."""
    with deps.store.reader() as conn:
        quota = store.get(conn, project_id, deps.quota_defaults)
        under_way = uploads.total(conn, project_id)
    usage = quota.resources[IMAGE_BYTES]
    return dataclasses.replace(usage, used=usage.used + under_way)


def claim_images(conn: sa.Connection, quota: Quota, size: int) -> None:
    """:param quota: of the project, from :func:`ready`.
    :raises QuotaExceeded: there is no room for so many bytes.
    """
    usage = quota.resources[IMAGE_BYTES]
    lacking = store.claim(
        conn, quota.project_id, {IMAGE_BYTES: size}, {IMAGE_BYTES: usage.limit}
    )
    if lacking is not None:
        raise over_images(usage, size)


def release_images(conn: sa.Connection, project_id: str, size: int) -> None:
    """Give back what :func:`claim_images` took."""
    store.release(conn, project_id, {IMAGE_BYTES: size})


def over_images(usage: Usage, size: int) -> exception.QuotaExceeded:
    """:param size: bytes that were asked for."""
    mib = 1 << 20
    return exception.QuotaExceeded(
        "The quota of the project is too small for this image - images_mb: "
        f"asked {size / mib:.1f}, used {usage.used / mib:.1f} of "
        f"{plain(usage.limit, mib)}. Delete images that are not needed or ask "
        "an administrator for more."
    )


def _event(
    conn: sa.Connection,
    ctx: RequestContext,
    project_id: str,
    action: str,
    limits: dict[str, int],
) -> None:
    events.add(
        conn,
        project_id=project_id,
        user_id=ctx.user_id,
        object_type="quota",
        object_id=project_id,
        action=action,
        request_id=ctx.request_id or "",
        details=limits,
    )
