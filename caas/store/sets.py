"""Sets: the queries of the API side, the only writer of desired columns."""

import dataclasses
import datetime
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa
from oslo_db import exception as db_exception

from caas import exception
from caas.model import sets as model
from caas.model import spec, states
from caas.model.containers import BUSINESS, Container
from caas.model.content import Content
from caas.model.hints import Hints
from caas.model.query import Query
from caas.store import containers, paging, quotas, set_inputs
from caas.store import set_tags as tags_of
from caas.store.hosts import ZONE
from caas.store.tables import addresses, claims, hosts, set_tags
from caas.store.tables import containers as containers_table
from caas.store.tables import sets as t

_HOST = (
    hosts.c.name.label("host_name"),
    ZONE.label("host_zone"),
    hosts.c.last_seen.label("host_last_seen"),
    hosts.c.enabled.label("host_enabled"),
    hosts.c.forced_down.label("host_forced_down"),
)

#: Columns of what a set takes, named as the resources of quotas.
SIZES = ("millicpus", "memory_mb", "disk_gb")

#: Values of one IN; every database takes as many.
_AT_ONCE = 500


def status_clause() -> sa.ColumnElement[str]:
    """``states.RULES`` in SQL, to filter by what is not stored."""
    whens = [
        (sa.and_(sa.true(), *_terms(rule)), rule.status.value)
        for rule in states.RULES
    ]
    return sa.case(*whens)


def _terms(rule: states.Rule) -> list[sa.ColumnElement[bool]]:
    """What has to be so for a rule to match."""
    facts = {
        "deleted": t.c.deleted_at.is_not(None),
        "current": sa.and_(
            t.c.seen_incarnation == t.c.incarnation,
            t.c.seen_revision == t.c.revision,
        ),
        "issued": t.c.issued >= t.c.revision,
        "launched": t.c.launched_at.is_not(None),
        "resizing": t.c.change_action == states.RESIZING,
        "resized": t.c.resized_at.is_not(None),
        "marked": t.c.marked.is_(True),
        "moving": t.c.move != "",
        "rescued": t.c.in_rescue.is_(True),
        "binned": t.c.binned_at.is_not(None),
    }
    terms: list[sa.ColumnElement[bool]] = []
    for name, fact in facts.items():
        wanted = getattr(rule, name)
        if wanted is not None:
            terms.append(fact if wanted else sa.not_(fact))
    if rule.resizing is not None:
        terms.append(t.c.change_action != "")
    for name in ("desired", "placement", "phase", "frozen", "shelved"):
        if words := getattr(rule, name):
            terms.append(t.c[name].in_(words))
    return terms


def from_row(
    row: Any,
    set_containers: Sequence[Container] = (),
    tags: Sequence[str] | None = None,
) -> model.Set:
    """A :class:`model.Set` from a row of ``sets`` joined with its host."""
    m = row._mapping
    return model.Set(
        id=m["id"],
        project_id=m["project_id"],
        user_id=m["user_id"],
        name=m["name"],
        description=m["description"],
        hostname=m["hostname"],
        metadata=m["metadata"] or {},
        flavor_id=m["flavor_id"],
        flavor_name=m["flavor_name"],
        resources=spec.Resources(m["millicpus"], m["memory_mb"], m["disk_gb"]),
        zone=m["zone"],
        reservation_id=m["reservation_id"],
        min_count=m["min_count"],
        desired=states.Desired(m["desired"]),
        revision=m["revision"],
        restart_epoch=m["restart_epoch"],
        grace_period=m["grace_period"],
        cpu_burst=m["cpu_burst"],
        flavor_specs=m["flavor_specs"] or {},
        rescued=m["rescued"] or {},
        sysctls=m["sysctls"] or {},
        change_revision=m["change_revision"],
        change_action=m["change_action"],
        change_from=m["change_from"] or {},
        monitor=m["monitor"],
        failure=m["failure"] or {},
        resized_at=m["resized_at"],
        resized_from=m["resized_from"] or {},
        frozen=m["frozen"],
        shelved=m["shelved"],
        binned_at=m["binned_at"],
        move=m["move"],
        move_from=m["move_from"],
        move_to=m["move_to"],
        frozen_before=m["frozen_before"],
        locked_by=m["locked_by"],
        access_ipv4=m["access_ipv4"],
        access_ipv6=m["access_ipv6"],
        locked_reason=m["locked_reason"],
        networked=m["networked"],
        marked=bool(m["marked"]),
        has_user_data=m["has_user_data"],
        key_name=m["key_name"],
        group_id=m["group_id"],
        hints=Hints.from_dict(m["hints"] or {}),
        request_id=m["request_id"],
        created_at=m["created_at"],
        updated_at=m["updated_at"],
        placement=states.Placement(m["placement"]),
        placement_reason=m["placement_reason"],
        host_id=m["host_id"],
        incarnation=m["incarnation"],
        issued=m["issued"],
        address=m["address"],
        phase=states.Phase(m["phase"]),
        phase_reason=m["phase_reason"],
        seen_incarnation=m["seen_incarnation"],
        seen_revision=m["seen_revision"],
        launched_at=m["launched_at"],
        deleted_at=m["deleted_at"],
        host_name=m.get("host_name"),
        host_zone=m.get("host_zone"),
        host_last_seen=m.get("host_last_seen"),
        host_enabled=m.get("host_enabled") is not False,
        host_forced_down=bool(m.get("host_forced_down")),
        containers=tuple(set_containers),
        tags=None if tags is None else tuple(tags),
    )


def to_row(item: model.Set) -> dict[str, Any]:
    """The row of a new set."""
    return {
        "id": item.id,
        "project_id": item.project_id,
        "user_id": item.user_id,
        "name": item.name,
        "description": item.description,
        "hostname": item.hostname,
        "access_ipv4": item.access_ipv4,
        "access_ipv6": item.access_ipv6,
        "metadata": item.metadata,
        "flavor_id": item.flavor_id,
        "flavor_name": item.flavor_name,
        "millicpus": item.resources.millicpus,
        "memory_mb": item.resources.memory_mb,
        "disk_gb": item.resources.disk_gb,
        "zone": item.zone,
        "reservation_id": item.reservation_id,
        "min_count": item.min_count,
        "desired": item.desired.value,
        "revision": item.revision,
        "restart_epoch": item.restart_epoch,
        "grace_period": item.grace_period,
        "cpu_burst": item.cpu_burst,
        "flavor_specs": item.flavor_specs,
        "sysctls": item.sysctls,
        "networked": item.networked,
        "has_user_data": item.has_user_data,
        "key_name": item.key_name,
        "group_id": item.group_id,
        "hints": item.hints.to_dict(),
        "request_id": item.request_id,
        "created_at": item.created_at,
        "updated_at": item.updated_at,
        "placement": item.placement.value,
        "phase": item.phase.value,
    }


def insert(conn: sa.Connection, items: Sequence[model.Set]) -> None:
    """Write new sets with their containers."""
    conn.execute(t.insert(), [to_row(s) for s in items])
    containers.insert(conn, [c for s in items for c in s.containers])


def get(
    conn: sa.Connection,
    set_id: str,
    project_id: str | None = None,
    *,
    with_tags: bool = False,
) -> model.Set | None:
    """One set with its containers; tombstones are not found.

    :param project_id: only if it is this project's; None for any.
    """
    statement = (
        sa.select(t, *_HOST)
        .select_from(t.outerjoin(hosts, t.c.host_id == hosts.c.id))
        .where(t.c.id == set_id, t.c.deleted_at.is_(None))
    )
    if project_id is not None:
        statement = statement.where(t.c.project_id == project_id)
    row = conn.execute(statement).one_or_none()
    if row is None:
        return None
    return from_row(
        row,
        containers.of_sets(conn, [set_id])[set_id],
        tags_of.of(conn, [set_id])[set_id] if with_tags else None,
    )


def names(conn: sa.Connection, set_ids: Collection[str]) -> dict[str, str]:
    """By id."""
    rows = conn.execute(sa.select(t.c.id, t.c.name).where(t.c.id.in_(set_ids)))
    return {row.id: row.name for row in rows}


def named(
    conn: sa.Connection,
    idents: Collection[str],
    project_ids: Collection[str],
) -> list[model.Set]:
    """Sets with their containers, by id or name, in some projects; none that
    are in the recycle bin.

    Projects are many where somebody has a role on a domain, so that they are
    taken some at a time.
    """
    rows: list[Any] = []
    projects = sorted(project_ids)
    for start in range(0, len(projects), _AT_ONCE):
        statement = (
            sa.select(t, *_HOST)
            .select_from(t.outerjoin(hosts, t.c.host_id == hosts.c.id))
            .where(
                sa.or_(t.c.id.in_(idents), t.c.name.in_(idents)),
                t.c.project_id.in_(projects[start : start + _AT_ONCE]),
                t.c.deleted_at.is_(None),
                t.c.binned_at.is_(None),
            )
            .order_by(t.c.created_at, t.c.id)
        )
        rows += conn.execute(statement).all()
    found = containers.of_sets(conn, [row.id for row in rows])
    return [from_row(row, found.get(row.id, ())) for row in rows]


def list_(
    conn: sa.Connection,
    query: Query,
    *,
    with_containers: bool,
    infra: bool = True,
    with_tags: bool = False,
) -> list[model.Set]:
    """One page of sets.

    Those that are deleted or in the recycle bin are not in it, unless one of
    the filters is their status, ``changes_since``, ``changes_before``,
    ``deleted`` or ``binned``.

    Filters: ``name``, ``status``, ``flavor`` (id or name), ``host`` (name),
    ``availability_zone``, ``reservation_id``, ``image`` (Glance id or what
    the user wrote), ``metadata`` (dict of pairs that must all match),
    ``changes_since`` and ``changes_before`` (datetime), ``deleted`` (True:
    only those and what is in the recycle bin, False: neither), ``binned``
    (True: as well what is in the recycle bin, False: not with ``deleted``),
    ``cases`` (ranks: a set has another than 0), ``ids`` (one of these),
    ``server_host`` (``host``, but shelved sets are on none), ``locked``,
    ``user``, ``tags`` (all), ``tags_any``, ``not_tags`` (not all),
    ``not_tags_any``; ``created_at``, ``launched_at`` and ``deleted_at`` (a
    datetime, to the second, or a pattern); and patterns, regular expressions
    that are found in: the name (``pattern``), ``address``, ``hostname``,
    ``key_name``, ``access_ipv4``, ``access_ipv6``, ``description``,
    ``locked_by``, ``zone``, ``node`` (as ``server_host``), ``reservation``.

    :param infra: False: with all containers but those.
    :raises BadRequest: a pattern is none, to the database.
    """
    statement = sa.select(t, *_HOST).select_from(
        t.outerjoin(hosts, t.c.host_id == hosts.c.id)
    )
    if query.project_id is not None:
        statement = statement.where(t.c.project_id == query.project_id)
    filters = dict(query.filters)
    statement = statement.where(_there(filters))
    for key, value in filters.items():
        statement = statement.where(_FILTERS[key](value))
    ranks = {key: _rank(value) for key, value in query.ranks.items()}
    statement = paging.page(
        conn,
        statement,
        t,
        query,
        {**_SORT, **ranks},
        t.outerjoin(hosts, t.c.host_id == hosts.c.id),
    )
    try:
        rows = conn.execute(statement).all()
    except db_exception.DBError as error:
        # databases do not agree on what a regular expression is
        if type(error) is db_exception.DBError and any(
            isinstance(filters[key], str) for key in _REGEXPS & filters.keys()
        ):
            raise exception.BadRequest(
                "The database cannot make use of the regular expression."
            ) from None
        raise
    ids = [row.id for row in rows]
    found = (
        containers.of_sets(conn, ids, infra=infra) if with_containers else {}
    )
    tags = tags_of.of(conn, ids) if with_tags else {}
    return [
        from_row(row, found.get(row.id, ()), tags.get(row.id)) for row in rows
    ]


def _there(filters: dict[str, Any]) -> sa.ColumnElement[bool]:
    """Whether sets that are deleted, or in the recycle bin, are in a list.

    Takes ``deleted`` and ``binned`` out of the filters.
    """
    deleted, binned = filters.pop("deleted", None), filters.pop("binned", None)
    status = filters.get("status")
    if deleted:
        gone = t.c.deleted_at.is_not(None)
        if binned is False:
            return gone
        return sa.or_(gone, t.c.binned_at.is_not(None))
    if deleted is None and (
        status == states.SetStatus.DELETED
        or not filters.keys().isdisjoint(("changes_since", "changes_before"))
    ):
        return sa.true()
    if binned or status == states.SetStatus.SOFT_DELETED:
        return t.c.deleted_at.is_(None)
    return sa.and_(t.c.deleted_at.is_(None), t.c.binned_at.is_(None))


def on_hosts(
    conn: sa.Connection, host_ids: Collection[str]
) -> dict[str, list[model.Set]]:
    """Those placed on these hosts, by host and the oldest first, without
    their containers."""
    rows = conn.execute(
        sa.select(t)
        .where(t.c.host_id.in_(host_ids), t.c.deleted_at.is_(None))
        .order_by(t.c.created_at, t.c.id)
    )
    found: dict[str, list[model.Set]] = {each: [] for each in host_ids}
    for row in rows:
        found[row.host_id].append(from_row(row))
    return found


def _by_image(value: str) -> sa.ColumnElement[bool]:
    return t.c.id.in_(
        sa.select(containers_table.c.set_id).where(
            containers_table.c.image_id == value
        )
    )


def _tagged(tags: Collection[str]) -> sa.ColumnElement[int]:
    """How many of these tags a set has."""
    return (
        sa.select(sa.func.count())
        .where(set_tags.c.set_id == t.c.id, set_tags.c.tag.in_(set(tags)))
        .scalar_subquery()
    )


def _by_metadata(pairs: dict[str, str]) -> sa.ColumnElement[bool]:
    """The text of the JSON column holds the pair as it was written."""
    terms = [
        t.c.metadata.cast(sa.Text).contains(
            containers.json_pair(key, value), autoescape=True
        )
        for key, value in pairs.items()
    ]
    return sa.and_(sa.true(), *terms)


def _rank(ranks: states.Ranks) -> sa.ColumnElement[int]:
    """The number a set has."""
    found: dict[str, list[tuple[sa.ColumnElement[bool], int]]] = {}
    for case, rank in ranks:
        whens = found.setdefault(case.status.value, [])
        whens.append((_is(case), rank))
    of_status = {
        status: sa.case(*whens, else_=0)
        for status, whens in found.items()
        if any(rank for _, rank in whens)
    }
    if not of_status:
        return sa.literal(0)
    return sa.case(of_status, value=status_clause(), else_=0)


def _is(case: states.Case) -> sa.ColumnElement[bool]:
    """Whether a set of the status of a case is that case."""
    terms: list[sa.ColumnElement[bool]] = [sa.true()]
    for wanted, clause in (
        (case.launched, t.c.launched_at.is_not(None)),
        (case.stopped, t.c.desired == states.Desired.STOPPED.value),
        (case.resized, t.c.resized_at.is_not(None)),
    ):
        if wanted is not None:
            terms.append(clause if wanted else sa.not_(clause))
    for word, column in (
        (case.change, t.c.change_action),
        (case.frozen, t.c.frozen),
        (case.shelved, t.c.shelved),
        (case.move, t.c.move),
    ):
        if word is not None:
            terms.append(column == word)
    if case.thawing is not None:
        terms += [
            t.c.frozen_before == case.thawing,
            sa.exists().where(
                containers_table.c.set_id == t.c.id,
                containers_table.c.deleted_at.is_(None),
                containers_table.c.role == BUSINESS,
                containers_table.c.status
                == states.ContainerStatus.PAUSED.value,
            ),
        ]
    return sa.and_(*terms)


#: As a server it is on no host.
_AWAY = sa.and_(
    t.c.shelved != "",
    status_clause() == states.SetStatus.SHELVED_OFFLOADED.value,
)
_SERVER_HOST = sa.case((_AWAY, None), else_=hosts.c.name)
_SHOWN_ZONE = sa.func.coalesce(sa.func.nullif(ZONE, ""), t.c.zone)


def _moment(
    column: sa.Column[Any], value: datetime.datetime | str
) -> sa.ColumnElement[bool]:
    """At this time, as exactly as Nova keeps it, or when its text holds a
    pattern."""
    if isinstance(value, str):
        # with a blank and without fractions in every database
        text = sa.func.substr(sa.cast(column, sa.Text), 1, 19)
        return text.regexp_match(value)
    return column.between(
        value.replace(microsecond=0), value.replace(microsecond=999999)
    )


#: What comes first of those that have no time yet.
_NEVER = datetime.datetime(1970, 1, 1)

_FIRST_IMAGE = (
    sa.select(containers_table.c.image_id)
    .where(
        containers_table.c.set_id == t.c.id,
        containers_table.c.deleted_at.is_(None),
        containers_table.c.role == BUSINESS,
    )
    .order_by(containers_table.c.idx, containers_table.c.name)
    .limit(1)
    .correlate(t)
    .scalar_subquery()
)

_SORT: dict[str, sa.ColumnElement[Any]] = {
    "created_at": t.c.created_at,
    "updated_at": t.c.updated_at,
    "name": t.c.name,
    "id": t.c.id,
    "access_ipv4": t.c.access_ipv4,
    "access_ipv6": t.c.access_ipv6,
    "availability_zone": sa.func.coalesce(_SHOWN_ZONE, ""),
    "deleted_at": sa.func.coalesce(t.c.deleted_at, _NEVER),
    "description": t.c.description,
    "flavor_id": t.c.flavor_id,
    "hostname": t.c.hostname,
    "image": sa.func.coalesce(_FIRST_IMAGE, ""),
    "key_name": t.c.key_name,
    "launched_at": sa.func.coalesce(t.c.launched_at, _NEVER),
    "locked": sa.case((t.c.locked_by != "", 1), else_=0),
    "locked_by": sa.case(
        {
            states.LockedBy.OWNER.value: 1,
            states.LockedBy.ADMIN.value: 2,
        },
        value=t.c.locked_by,
        else_=0,
    ),
    "project_id": t.c.project_id,
    "server_host": sa.func.coalesce(_SERVER_HOST, ""),
    "user_id": t.c.user_id,
}


#: Filters that are regular expressions; "" stands for none of a thing, in
#: which none is found.
_PATTERNS: dict[str, Any] = {
    "pattern": t.c.name.regexp_match,
    "address": t.c.address.regexp_match,
    "access_ipv4": sa.func.nullif(t.c.access_ipv4, "").regexp_match,
    "access_ipv6": sa.func.nullif(t.c.access_ipv6, "").regexp_match,
    "hostname": t.c.hostname.regexp_match,
    "key_name": sa.func.nullif(t.c.key_name, "").regexp_match,
    "description": sa.func.nullif(t.c.description, "").regexp_match,
    "locked_by": sa.func.nullif(t.c.locked_by, "").regexp_match,
    "zone": _SHOWN_ZONE.regexp_match,
    "node": _SERVER_HOST.regexp_match,
    "reservation": t.c.reservation_id.regexp_match,
}

_FILTERS: dict[str, Any] = {
    "name": lambda v: t.c.name == v,
    "status": lambda v: status_clause() == v,
    "flavor": lambda v: sa.or_(t.c.flavor_id == v, t.c.flavor_name == v),
    "host": lambda v: hosts.c.name == v,
    "availability_zone": lambda v: sa.func.coalesce(ZONE, t.c.zone) == v,
    "reservation_id": lambda v: t.c.reservation_id == v,
    "image": _by_image,
    "metadata": _by_metadata,
    "changes_since": lambda v: t.c.updated_at >= v,
    "changes_before": lambda v: t.c.updated_at <= v,
    "cases": lambda v: _rank(v) != 0,
    "ids": t.c.id.in_,
    "server_host": lambda v: sa.and_(hosts.c.name == v, sa.not_(_AWAY)),
    "locked": lambda v: (t.c.locked_by != "") == v,
    "user": lambda v: t.c.user_id == v,
    "tags": lambda v: _tagged(v) == len(set(v)),
    "tags_any": lambda v: _tagged(v) > 0,
    "not_tags": lambda v: _tagged(v) < len(set(v)),
    "not_tags_any": lambda v: _tagged(v) == 0,
    "created_at": lambda v: _moment(t.c.created_at, v),
    "launched_at": lambda v: _moment(t.c.launched_at, v),
    "deleted_at": lambda v: _moment(t.c.deleted_at, v),
    **_PATTERNS,
}

#: Filters that a database may not understand.
_REGEXPS = frozenset({*_PATTERNS, "created_at", "launched_at", "deleted_at"})


def hold(conn: sa.Connection, set_id: str) -> model.Set | None:
    """The set, which nobody changes until the transaction has ended."""
    _hold(conn, set_id)
    return get(conn, set_id)


def lock_of(conn: sa.Connection, set_id: str) -> str:
    """Who has locked it, which nobody changes until the transaction has ended;
    "" if nobody has, or it is gone."""
    _hold(conn, set_id)
    found: str | None = conn.execute(
        sa.select(t.c.locked_by).where(t.c.id == set_id)
    ).scalar_one_or_none()
    return found or ""


def _hold(conn: sa.Connection, set_id: str) -> None:
    conn.execute(
        t.update()
        .where(t.c.id == set_id, t.c.deleted_at.is_(None))
        .values(locked_by=t.c.locked_by)
    )


def describe(conn: sa.Connection, set_id: str, values: dict[str, Any]) -> None:
    """Change name, description or metadata: no new revision.

    A host is told of what containers are told.
    """
    if not _TOLD.isdisjoint(values):
        values = {**values, "to_tell": t.c.host_id.is_not(None)}
    conn.execute(
        t.update()
        .where(t.c.id == set_id, t.c.deleted_at.is_(None))
        .values(**values)
    )


#: Words of a set that its containers are told.
_TOLD = frozenset({"name", "hostname", "metadata", "key_name"})


def desire(
    conn: sa.Connection,
    set_id: str,
    desired: states.Desired,
    request_id: str,
    now: datetime.datetime,
    *,
    restart: bool = False,
    grace_period: int | None = None,
    frozen: str | None = None,
    shelved: str = "",
    before: str = "",
    only_if: Collection[states.Desired] = (),
) -> bool:
    """Write what the user wants of a set, as a new revision.

    :param restart: also ask for one more restart.
    :param frozen: in which word its containers are frozen, "" for not at all;
        None for as before.
    :param shelved: see :class:`states.Shelved`, and ``before``: what it has
        to be until now, unless it is to be deleted.
    :param only_if: the change is made only from one of these.
    :returns: whether it was made; False when the set is gone, being deleted,
        or wanted otherwise in the meantime.
    """
    values: dict[str, Any] = {
        "desired": desired.value,
        "revision": t.c.revision + 1,
        "request_id": request_id,
        "updated_at": now,
        "marked": False,
    }
    if restart:
        values["restart_epoch"] = t.c.restart_epoch + 1
    if grace_period is not None:
        values["grace_period"] = grace_period
    if frozen is not None:
        values["frozen"] = frozen
        values["frozen_before"] = "" if frozen or restart else t.c.frozen
    statement = t.update().where(
        t.c.id == set_id,
        t.c.deleted_at.is_(None),
        t.c.desired != states.Desired.DELETED.value,
    )
    if desired != states.Desired.DELETED:
        values["shelved"] = shelved
        statement = statement.where(t.c.shelved == before, t.c.move == "")
    if only_if:
        statement = statement.where(t.c.desired.in_(only_if))
    return conn.execute(statement.values(**values)).rowcount == 1


def mark(
    conn: sa.Connection, set_id: str, broken: bool, now: datetime.datetime
) -> bool:
    """Operators say that it is broken, or no longer.

    :returns: False when it is gone or being deleted.
    """
    done = conn.execute(
        t.update()
        .where(
            t.c.id == set_id,
            t.c.deleted_at.is_(None),
            t.c.desired != states.Desired.DELETED.value,
        )
        .values(marked=broken, updated_at=now)
    )
    return done.rowcount == 1


def move(
    conn: sa.Connection,
    item: model.Set,
    how: states.Move,
    to: str,
    request_id: str,
    now: datetime.datetime,
    *,
    desired: states.Desired,
    hold: bool,
) -> bool:
    """Have a set leave its host, as a new revision.

    :param to: name of the host it is to go to, "" for any other.
    :param desired: what it is to do there.
    :param hold: it waits to be confirmed or reverted after that.
    :returns: False when something else is wanted by now.
    """
    done = conn.execute(
        t.update()
        .where(
            t.c.id == item.id,
            t.c.revision == item.revision,
            t.c.incarnation == item.incarnation,
            t.c.host_id == item.host_id,
            t.c.move == "",
            t.c.deleted_at.is_(None),
            t.c.desired == item.desired.value,
        )
        .values(
            move=how.value,
            desired=desired.value,
            move_from=item.incarnation,
            move_to=to,
            marked=False,
            revision=item.revision + 1,
            failure={},
            request_id=request_id,
            updated_at=now,
            resized_at=now if hold else None,
            resized_from={"host": item.host_name} if hold else {},
        )
    )
    return done.rowcount == 1


def moved(conn: sa.Connection, set_ids: Collection[str]) -> None:
    """Sets are on their other hosts."""
    conn.execute(
        t.update()
        .where(t.c.id.in_(set_ids), t.c.incarnation > t.c.move_from)
        .values(move="", move_to="")
    )


def unmove(
    conn: sa.Connection,
    item: model.Set,
    failure: dict[str, Any],
    now: datetime.datetime,
) -> bool:
    """A set stays where it is, as a new revision.

    :returns: False when something else is wanted by now.
    """
    done = conn.execute(
        t.update()
        .where(
            t.c.id == item.id,
            t.c.revision == item.revision,
            t.c.incarnation == t.c.move_from,
            t.c.move != "",
        )
        .values(
            move="",
            move_to="",
            revision=item.revision + 1,
            failure=failure,
            updated_at=now,
            **_CONFIRMED,
        )
    )
    return done.rowcount == 1


def returned(conn: sa.Connection, set_ids: Collection[str]) -> None:
    """Sets that were put away run again, or it has been seen that they
    cannot."""
    conn.execute(
        t.update()
        .where(
            t.c.id.in_(set_ids),
            t.c.shelved == states.Shelved.RETURNING.value,
        )
        .values(shelved="")
    )


def put_back(
    conn: sa.Connection,
    item: model.Set,
    failure: dict[str, Any],
    now: datetime.datetime,
) -> bool:
    """Put a set away again that was to return, as a new revision.

    :param failure: why.
    :returns: False when something else is wanted by now.
    """
    done = conn.execute(
        t.update()
        .where(
            t.c.id == item.id,
            t.c.revision == item.revision,
            t.c.shelved == states.Shelved.RETURNING.value,
        )
        .values(
            shelved=states.Shelved.AWAY.value,
            desired=states.Desired.STOPPED.value,
            revision=t.c.revision + 1,
            failure=failure,
            updated_at=now,
        )
    )
    return done.rowcount == 1


def put_in_bin(
    conn: sa.Connection,
    item: model.Set,
    request_id: str,
    now: datetime.datetime,
) -> bool:
    """Put a set into the recycle bin, as a new revision.

    A resize or move of it waits no longer to be confirmed.

    :returns: False when something else is wanted by now.
    """
    done = conn.execute(
        t.update()
        .where(
            t.c.id == item.id,
            t.c.revision == item.revision,
            t.c.change_revision == 0,
            t.c.deleted_at.is_(None),
            t.c.desired == item.desired.value,
            t.c.binned_at.is_(None),
        )
        .values(
            binned_at=now,
            desired=states.Desired.STOPPED.value,
            shelved=states.Shelved.AWAY.value,
            frozen_before=t.c.frozen,
            frozen="",
            move="",
            move_to="",
            marked=False,
            revision=item.revision + 1,
            request_id=request_id,
            updated_at=now,
            **_CONFIRMED,
        )
    )
    return done.rowcount == 1


def take_from_bin(
    conn: sa.Connection,
    item: model.Set,
    request_id: str,
    now: datetime.datetime,
) -> bool:
    """Have a set run that is in the recycle bin, as a new revision.

    :returns: False when it is not there by now.
    """
    done = conn.execute(
        t.update()
        .where(*_in_bin(item))
        .values(
            binned_at=None,
            desired=states.Desired.RUNNING.value,
            shelved=states.Shelved.RETURNING.value,
            failure={},
            revision=item.revision + 1,
            request_id=request_id,
            updated_at=now,
        )
    )
    return done.rowcount == 1


def _in_bin(item: model.Set) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        t.c.id == item.id,
        t.c.revision == item.revision,
        t.c.binned_at == item.binned_at,
        t.c.deleted_at.is_(None),
        t.c.desired == states.Desired.STOPPED.value,
    )


def binned(
    conn: sa.Connection, before: datetime.datetime, limit: int
) -> list[str]:
    """Ids of sets that are in the recycle bin since then."""
    statement = (
        sa.select(t.c.id)
        .where(
            t.c.binned_at <= before,
            t.c.deleted_at.is_(None),
            t.c.desired == states.Desired.STOPPED.value,
        )
        .limit(limit)
    )
    return list(conn.execute(statement).scalars())


def reclaim(
    conn: sa.Connection, item: model.Set, now: datetime.datetime
) -> bool:
    """Have a set removed that is in the recycle bin, as a new revision.

    :returns: False when it is not there by now.
    """
    done = conn.execute(
        t.update()
        .where(*_in_bin(item))
        .values(
            desired=states.Desired.DELETED.value,
            revision=item.revision + 1,
            updated_at=now,
        )
    )
    return done.rowcount == 1


def tombstone(
    conn: sa.Connection, set_ids: Collection[str], now: datetime.datetime
) -> set[str]:
    """End sets: they are gone for their owners, and their quota is free.

    An address goes back only when no host can hold it any more.

    :returns: those that this call ended, which exactly one does.
    :raises RetryRequest: another one ended some at the same moment.
    """
    rows = conn.execute(
        sa.select(
            t.c.id,
            t.c.project_id,
            t.c.millicpus,
            t.c.memory_mb,
            t.c.disk_gb,
            t.c.change_from,
            t.c.binned_at,
        ).where(t.c.id.in_(set_ids), t.c.deleted_at.is_(None))
    ).all()
    ids = {row.id for row in rows}
    if not ids:
        return ids
    done = conn.execute(
        t.update()
        .where(t.c.id.in_(ids), t.c.deleted_at.is_(None))
        .values(
            desired=states.Desired.DELETED.value,
            deleted_at=now,
            updated_at=now,
            deadline=None,
            **_UNCHANGED,
        )
    )
    if done.rowcount != len(ids):
        raise db_exception.RetryRequest(
            RuntimeError("sets were ended by somebody else meanwhile")
        )
    counts = containers.tombstone(conn, ids, now)
    # there may be secrets in it
    set_inputs.delete(conn, ids)
    # what was in the recycle bin has given its quota back before
    counted = [row for row in rows if row.binned_at is None]
    for project_id in sorted({row.project_id for row in counted}):
        mine = [row for row in counted if row.project_id == project_id]
        held = [_held(row, counts[row.id]) for row in mine]
        quotas.release(
            conn,
            project_id,
            {
                "sets": len(mine),
                **{r: sum(h[r] for h in held) for r in ("containers", *SIZES)},
            },
        )
    free_addresses(conn, ids)
    return ids


def _held(row: Any, containers_: int) -> dict[str, int]:
    """What of the quota a set holds: amid a change, the larger of both."""
    held = {
        "containers": containers_,
        **{r: int(getattr(row, r)) for r in SIZES},
    }
    if not row.change_from:
        return held
    before = Content.from_dict(row.change_from).held()
    return {r: max(n, before[r]) for r, n in held.items()}


def change(
    conn: sa.Connection,
    item: model.Set,
    content: Content,
    action: str,
    monitor: float,
    request_id: str,
    now: datetime.datetime,
    *,
    hold: bool = False,
    start: bool = False,
) -> bool:
    """Write what a set is to be made of, as a new revision.

    Where a host has to do something about it, what it was is kept until that
    is done.

    :param item: with its containers, as the decision was made on it.
    :param hold: it waits to be confirmed or reverted; else whatever waited
        does so no longer.
    :param start: it is to run then, whatever was wanted before.
    :returns: False when the set was changed meanwhile.
    """
    placed = item.host_id is not None
    kept = {member.id for member in content.members}
    # not "revision + 1" twice: MariaDB would add to what it has just added to
    revision = item.revision + 1
    values: dict[str, Any] = {
        **_made_of(content),
        "revision": revision,
        "monitor": monitor,
        "failure": {},
        "request_id": request_id,
        "updated_at": now,
        "marked": False,
        "resized_at": now if hold else None,
        "resized_from": item.content.to_dict() if hold else {},
    }
    if start:
        values["desired"] = states.Desired.RUNNING.value
    if placed:
        values |= {
            "change_revision": revision,
            "change_action": action,
            "change_from": {
                **item.content.to_dict(),
                **({"desired": item.desired.value} if start else {}),
                "removed": {
                    c.id: dataclasses.asdict(c.asked)
                    for c in item.containers
                    if c.spec is not None and c.id not in kept
                },
            },
        }
    done = conn.execute(
        t.update()
        .where(
            t.c.id == item.id,
            t.c.revision == item.revision,
            t.c.change_revision == 0,
            t.c.deleted_at.is_(None),
            t.c.desired != states.Desired.DELETED.value,
            t.c.host_id.is_not(None) if placed else t.c.host_id.is_(None),
            # a confirmation is no new revision
            t.c.resized_at.is_(None)
            if item.resized_at is None
            else t.c.resized_at == item.resized_at,
        )
        .values(**values)
    )
    if done.rowcount != 1:
        return False
    containers.replace(conn, item, content.members, now)
    return True


#: No change is under way.
_UNCHANGED: dict[str, Any] = {
    "change_revision": 0,
    "change_action": "",
    "change_from": {},
}


#: No resize waits to be confirmed.
_CONFIRMED: dict[str, Any] = {"resized_at": None, "resized_from": {}}


def confirm(
    conn: sa.Connection, set_id: str, resized_at: datetime.datetime
) -> bool:
    """A resize stays.  :returns: False if it does not wait for that."""
    done = conn.execute(
        t.update()
        .where(
            t.c.id == set_id,
            t.c.resized_at == resized_at,
            t.c.deleted_at.is_(None),
        )
        .values(**_CONFIRMED)
    )
    return done.rowcount == 1


def resized(
    conn: sa.Connection, before: datetime.datetime, limit: int
) -> list[str]:
    """Ids of sets whose resize waits since then to be confirmed."""
    statement = (
        sa.select(t.c.id)
        .where(
            t.c.resized_at <= before,
            t.c.change_revision == 0,
            t.c.deleted_at.is_(None),
            t.c.desired != states.Desired.DELETED.value,
        )
        .limit(limit)
    )
    return list(conn.execute(statement).scalars())


def changed(conn: sa.Connection, set_id: str, revision: int) -> bool:
    """A change is carried out.  :returns: False if there is none by now."""
    done = conn.execute(
        t.update()
        .where(
            t.c.id == set_id,
            t.c.revision == revision,
            t.c.change_revision > 0,
            t.c.deleted_at.is_(None),
        )
        .values(**_UNCHANGED)
    )
    return done.rowcount == 1


def unchange(
    conn: sa.Connection,
    item: model.Set,
    failure: dict[str, Any],
    now: datetime.datetime,
) -> bool:
    """Take a change back, as a new revision, and keep why.

    It is stopped again if it was, and nobody has asked for something since.

    :param item: with its containers.
    :returns: False when the set was changed meanwhile.
    """
    desired = item.desired.value
    if item.revision == item.change_revision:
        desired = item.change_from.get("desired", desired)
    done = conn.execute(
        t.update()
        .where(
            t.c.id == item.id,
            t.c.revision == item.revision,
            t.c.change_revision > 0,
            t.c.deleted_at.is_(None),
        )
        .values(
            **_made_of(item.before),
            **_UNCHANGED,
            **_CONFIRMED,
            # what is put back ran well before
            monitor=0,
            desired=desired,
            revision=t.c.revision + 1,
            failure=failure,
            updated_at=now,
        )
    )
    if done.rowcount != 1:
        return False
    containers.replace(conn, item, item.before.members, now)
    return True


def _made_of(content: Content) -> dict[str, Any]:
    """Columns of a set."""
    return {
        "flavor_id": content.flavor_id,
        "flavor_name": content.flavor_name,
        "cpu_burst": content.cpu_burst,
        "flavor_specs": content.flavor_specs,
        "in_rescue": bool(content.rescued),
        "rescued": content.rescued,
        **dataclasses.asdict(content.resources),
    }


def free_addresses(conn: sa.Connection, set_ids: Collection[str]) -> None:
    """Give addresses back that neither a set has nor, as a claim says, a
    host may still use."""
    conn.execute(
        addresses.delete().where(
            addresses.c.set_id.in_(set_ids),
            ~sa.exists().where(claims.c.set_id == addresses.c.set_id),
            ~sa.exists().where(
                t.c.id == addresses.c.set_id,
                t.c.address.is_not(None),
                t.c.deleted_at.is_(None),
            ),
        )
    )
