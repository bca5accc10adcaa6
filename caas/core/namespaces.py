"""Use cases of namespaces: first parts of names of images, and who may pull
and push there.
"""

import dataclasses
import itertools
import uuid
from collections.abc import Collection
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exception

from caas import exception
from caas.context import RequestContext
from caas.core.deps import Deps, kept
from caas.model.images import NAMESPACE, Namespace, Role
from caas.model.query import Query
from caas.store import events
from caas.store import namespaces as store
from caas.store.engine import retry, utcnow

#: Images of one repository that are looked at for whether somebody may see
#: one of them.
_MOST_SEEN = 100


@dataclasses.dataclass(frozen=True)
class Access:
    """:ivar namespace: None: there is none.
    :ivar role: None: only what Glance shows of it.  It has to look as if
        there were no namespace, see :func:`shown`.
    """

    namespace: Namespace | None
    role: Role | None


def access(deps: Deps, ctx: RequestContext, name: str) -> Access:
    """What the project of a request may do in a namespace."""
    project_id = ctx.project_scope
    with deps.store.reader() as conn:
        found = store.get(conn, name)
        if found is None:
            return Access(None, None)
        if found.project_id == project_id:
            return Access(found, Role.PUSH)
        role = store.role(conn, found.id, project_id)
    if role is None and found.public:
        role = Role.PULL
    return Access(found, role)


def shown(
    deps: Deps, ctx: RequestContext, image_ids: Collection[str], what: str
) -> set[str]:
    """Those of some images that Glance shows to the user.

    Glance is asked even if there is none: the time it takes must not tell
    who has no role in the namespace what there is.

    :param what: was asked for.
    """
    wanted = set(itertools.islice(image_ids, _MOST_SEEN))
    nothing = str(uuid.uuid5(uuid.NAMESPACE_URL, what))
    return kept(deps).seen.visible(ctx, wanted or {nothing})


def pushable(deps: Deps, ctx: RequestContext, name: str) -> Namespace:
    """A namespace the project of a request may push to.

    The one named as the project is made when it is first pushed to.

    :raises NameUnknown: there is none, or it is none of its business.
    :raises Forbidden: it may only pull.
    """
    found = access(deps, ctx, name)
    if found.namespace is None and name == own_name(ctx):
        try:
            return create(deps, ctx, name)
        except exception.Conflict:
            # at the same moment, by somebody of this project or another
            found = access(deps, ctx, name)
    if found.namespace is None or found.role is None:
        raise unknown(name)
    if found.role != Role.PUSH:
        raise exception.Forbidden(
            f"The project may pull from the namespace {name!r}, not push to "
            "it; its owner can make the project a member with the role push."
        )
    return found.namespace


def projects(deps: Deps, name: str) -> list[str]:
    """Ids of those that may do something in a namespace: first its owner,
    then members that push.  Not for the eyes of users.

    :returns: none, if there is no such namespace.
    """
    with deps.store.reader() as conn:
        found = store.get(conn, name)
        if found is None:
            return []
        listed = store.members_of(conn, found.id)
    members = sorted(listed, key=lambda each: each[1] != Role.PUSH)
    return [found.project_id, *(project_id for project_id, _ in members)]


def own_name(ctx: RequestContext) -> str | None:
    """What the namespace of a project is called; None if nothing can be."""
    name = str(ctx.project_name or "").lower()
    return name if NAMESPACE.fullmatch(name) else None


def own(deps: Deps, ctx: RequestContext) -> str | None:
    """The name of the namespace of a project, which may not be there yet;
    None if it cannot have that, or another one has it."""
    name = own_name(ctx)
    if name is None:
        return None
    with deps.store.reader() as conn:
        there = store.get(conn, name)
    if there is not None and there.project_id != ctx.project_scope:
        return None
    return name


def unknown(name: str) -> exception.NameUnknown:
    return exception.NameUnknown(
        f"There is no namespace {name!r} that the project can see. Push to "
        "the one named as the project, in lower case, or make another: "
        "openstack caas namespace create."
    )


def find(
    deps: Deps, ctx: RequestContext, ident: str, *, all_: bool = False
) -> Access:
    """:param ident: name or id.
    :param all_: whoever may pull from it.
    :returns: with a namespace.
    :raises NotFound: there is none the project may pull from.
    """
    with deps.store.reader() as conn:
        found = store.get(conn, ident) or store.by_id(conn, [ident]).get(ident)
    here = access(deps, ctx, found.name if found else ident)
    if here.namespace is None or (here.role is None and not all_):
        raise unknown(ident[:100])
    return here


def list_(
    deps: Deps, ctx: RequestContext, query: Query, *, all_: bool = False
) -> list[Namespace]:
    """:param all_: not only those the project may pull from."""
    reader = None if all_ else ctx.project_scope
    with deps.store.reader() as conn:
        return store.list_(conn, query, reader)


@retry
def create(
    deps: Deps,
    ctx: RequestContext,
    name: str,
    *,
    description: str = "",
    public: bool = False,
) -> Namespace:
    """:raises BadRequest: the name is none.
    :raises Conflict: it is taken.
    """
    if not NAMESPACE.fullmatch(name):
        raise exception.BadRequest(
            f"{name[:100]!r} cannot be the name of a namespace: it has to be "
            "of lower-case letters and digits, with '.', '_' or '-' between "
            "them, 63 at most."
        )
    namespace = Namespace(
        id=str(uuid.uuid4()),
        name=name,
        project_id=ctx.project_scope,
        description=description,
        public=public,
        created_at=utcnow(),
    )
    try:
        with deps.store.writer() as conn:
            store.insert(conn, namespace)
            _event(conn, ctx, namespace, "namespace.create", public=public)
    except db_exception.DBDuplicateEntry:
        raise exception.Conflict(
            f"The name {name!r} is taken; names of namespaces are unique in "
            "the cloud."
        ) from None
    return namespace


@retry
def update(
    deps: Deps,
    ctx: RequestContext,
    namespace: Namespace,
    changes: dict[str, Any],
) -> Namespace:
    """:param changes: ``description``, ``public``."""
    if not changes:
        return namespace
    with deps.store.writer() as conn:
        if not store.update(conn, namespace.id, changes):
            raise unknown(namespace.name)
        _event(conn, ctx, namespace, "namespace.update", **changes)
    return dataclasses.replace(namespace, **changes)


@retry
def delete(deps: Deps, ctx: RequestContext, namespace: Namespace) -> None:
    """:raises Conflict: there is something in it."""
    with deps.store.writer() as conn:
        if not store.delete(conn, namespace.id):
            raise exception.Conflict(
                f"The namespace {namespace.name!r} is not empty; delete its "
                "images first, those in the recycle bin too. What they took "
                "of the storage is freed a little later."
            )
        _event(conn, ctx, namespace, "namespace.delete")


def members(deps: Deps, namespace: Namespace) -> list[tuple[str, Role]]:
    """Projects, and what they may do."""
    with deps.store.reader() as conn:
        return store.members_of(conn, namespace.id)


@retry
def add_member(
    deps: Deps,
    ctx: RequestContext,
    namespace: Namespace,
    project_id: str,
    role: Role,
) -> None:
    """Let a project pull or push, or change which.

    :raises Conflict: it is the owner.
    """
    if project_id == namespace.project_id:
        raise exception.Conflict(
            f"The namespace {namespace.name!r} belongs to this project, which "
            "may do everything."
        )
    try:
        with deps.store.writer() as conn:
            store.set_member(conn, namespace.id, project_id, role)
            _event(
                conn,
                ctx,
                namespace,
                "namespace.share",
                member=project_id,
                role=role.value,
            )
    except db_exception.DBDuplicateEntry as error:
        raise db_exception.RetryRequest(error) from None


@retry
def remove_member(
    deps: Deps, ctx: RequestContext, namespace: Namespace, project_id: str
) -> None:
    """:raises NotFound: it is none."""
    with deps.store.writer() as conn:
        if not store.remove_member(conn, namespace.id, project_id):
            raise exception.NotFound(
                f"The project {project_id[:64]!r} is no member of the "
                f"namespace {namespace.name!r}."
            )
        _event(conn, ctx, namespace, "namespace.unshare", member=project_id)


def _event(
    conn: sa.Connection,
    ctx: RequestContext,
    namespace: Namespace,
    action: str,
    **details: Any,
) -> None:
    events.add(
        conn,
        project_id=namespace.project_id,
        user_id=ctx.user_id,
        object_type="namespace",
        object_id=namespace.id,
        action=action,
        request_id=ctx.request_id or "",
        details={"name": namespace.name, **details},
    )
