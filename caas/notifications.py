"""Notifications: each event, for whoever listens, once it is committed.

As with all OpenStack services they go where ``[oslo_messaging_notifications]``
says, through oslo.messaging.  See ``doc/source/admin/events.rst`` for what
they look like.
"""

import dataclasses
import datetime
import logging
from collections.abc import Callable, Sequence
from typing import Any

import oslo_messaging

from caas import audit, rpc
from caas.context import RequestContext
from caas.outbox import Outbox
from caas.store import notices
from caas.store.engine import Store

LOG = logging.getLogger(__name__)


@dataclasses.dataclass(frozen=True)
class Notification:
    """:ivar ctx: who asked for it; a token is never sent."""

    event_type: str
    payload: dict[str, Any]
    ctx: RequestContext
    error: bool = False


class Publisher:
    """Sends from a thread of its own; what nobody can take is dropped.

    :param notifier: of oslo.messaging.
    :param store: to look up what events are about; not one that publishes.
    :param observer: name of this program, for the audit of sessions.
    """

    def __init__(self, notifier: Any, store: Store, observer: str) -> None:
        self._notifier = notifier
        self._store = store
        self._observer = observer
        self._outbox: Outbox[dict[str, Any]] = Outbox(
            "notifications", self._send
        )
        self.events = self._outbox.put
        self.stop = self._outbox.stop

    def _send(self, rows: Sequence[dict[str, Any]]) -> None:
        set_ids = {i for row in rows if (i := _set_of(row))}
        names = {row["host"] for row in rows if row["host"]}
        sets: dict[str, dict[str, Any]] = {}
        hosts: dict[str, dict[str, Any]] = {}
        try:
            with self._store.reader() as conn:
                if set_ids:
                    sets = notices.of_sets(conn, set_ids)
                if names:
                    hosts = notices.of_hosts(conn, names)
        except Exception as error:
            # rather less said of it than nothing
            LOG.warning("Notifications go without set and host: %s", error)
        for row in rows:
            about = sets.get(_set_of(row))
            self._tell(of_event(row, about, hosts.get(row["host"])))
            audited = audit.of_event(row, about, self._observer)
            if audited is not None:
                self._tell(Notification(audit.SESSION, audited, _ctx(row)))

    def _tell(self, one: Notification) -> None:
        send = self._notifier.error if one.error else self._notifier.info
        send(one.ctx, one.event_type, one.payload)


def _set_of(row: dict[str, Any]) -> str:
    """The id of the set an event is about, "" for none."""
    if row["object_type"] == "set":
        return str(row["object_id"])
    return str(row["details"].get("set_id", ""))


def of_event(
    row: dict[str, Any],
    about: dict[str, Any] | None,
    where: dict[str, Any] | None,
) -> Notification:
    """The notification of an event.

    :param row: its columns.
    :param about: the set, see :func:`notices.of_sets`.
    :param where: the host, see :func:`notices.of_hosts`.
    """
    at: datetime.datetime = row["at"]
    return Notification(
        event_type=f"caas.{row['action']}.{row['result']}",
        payload={
            **row,
            "at": at.isoformat(timespec="microseconds") + "Z",
            "set": about,
            **(where or {"zone": "", "labels": {}}),
        },
        ctx=_ctx(row),
        error=row["result"] == "error",
    )


def _ctx(row: dict[str, Any]) -> RequestContext:
    return RequestContext(
        request_id=row["request_id"] or None,
        user_id=row["user_id"],
        project_id=row["project_id"],
        overwrite=False,
    )


def wanted(conf: Any) -> bool:
    """Whether the configuration names a driver that does anything."""
    return any(d not in ("", "noop") for d in conf[rpc.NOTIFICATIONS].driver)


def publisher(
    conf: Any, binary: str, make_store: Callable[[], Store]
) -> Publisher | None:
    """What sends notifications as configured, None for nothing.

    :param conf: the global configuration object, as for
        :func:`caas.rpc.transport`.
    :param binary: name of this program.
    :param make_store: see :class:`Publisher`.
    """
    rpc.set_defaults(conf)
    if not wanted(conf):
        return None
    notifier = oslo_messaging.Notifier(
        oslo_messaging.get_notification_transport(conf),
        publisher_id=f"{binary}.{conf.host}",
        serializer=rpc.Serializer(),
    )
    return Publisher(notifier, make_store(), binary)
