"""Messages between processes, over oslo.messaging.

Two topics: any conductor takes ``look_again``, ``look_for_jobs``, ``sync`` and
``inputs``; each agent takes ``assign`` under the name of its host.  A message
is a hint, never the truth: one that is lost is made good by the sweep of the
conductor or by the next ``sync``.  So nothing here is durable, and nobody
waits for a cast.
"""

import functools
import logging
from collections.abc import Sequence
from typing import Any

import oslo_messaging
from oslo_messaging import opts

from caas import exception
from caas.context import RequestContext
from caas.outbox import Outbox

LOG = logging.getLogger(__name__)

CONDUCTOR_TOPIC = "caas-conductor"
AGENT_TOPIC = "caas-agent"
_VERSION = "1.0"

#: Seconds an agent waits for the answer to a report; then it sends a new one.
SYNC_TIMEOUT = 10

#: An exposed method of an endpoint: the only ones that can be called.
expose = oslo_messaging.expose

#: Group of options that says where notifications go.
NOTIFICATIONS = "oslo_messaging_notifications"

_RABBIT = "oslo_messaging_rabbit"
_RABBIT_DEFAULTS = {
    # Back within seconds when the broker is: the pauses must not grow.
    "rabbit_retry_backoff": 1,
    "rabbit_interval_max": 2,
    "kombu_reconnect_delay": 0.2,
    "kombu_reconnect_splay": 0.5,
    # Notice a broker that hangs, or is gone without a farewell.
    "heartbeat_timeout_threshold": 20,
    # The caller has given up by then.
    "kombu_missing_consumer_retry_timeout": SYNC_TIMEOUT,
}


def transport(conf: Any) -> Any:
    """The transport named by ``transport_url``.

    :param conf: the global configuration object; oslo.messaging reads some
        of its options from nowhere else.
    """
    set_defaults(conf)
    return oslo_messaging.get_rpc_transport(conf)


def set_defaults(conf: Any) -> None:
    """Change defaults of oslo.messaging to what suits this service."""
    for group in (None, _RABBIT, NOTIFICATIONS):
        conf.register_opts(_options()[group], group=group)
    conf.set_default("control_exchange", "caas")
    conf.set_default("executor_thread_pool_size", 16)
    for name, value in _RABBIT_DEFAULTS.items():
        conf.set_default(name, value, group=_RABBIT)


@functools.cache
def _options() -> dict[str | None, list[Any]]:
    """Options of oslo.messaging by group; it copies them for each call."""
    return dict(opts.list_opts())


class Serializer(oslo_messaging.NoOpSerializer):  # type: ignore[misc]
    """Context on the wire: who and which request; never a token."""

    def serialize_context(self, ctxt: RequestContext) -> dict[str, Any]:
        return {
            "request_id": ctxt.request_id,
            "user_id": ctxt.user_id,
            "project_id": ctxt.project_id,
        }

    def deserialize_context(self, ctxt: dict[str, Any]) -> RequestContext:
        return RequestContext(
            request_id=ctxt.get("request_id"),
            user_id=ctxt.get("user_id"),
            project_id=ctxt.get("project_id"),
        )


def conductor_server(transport: Any, host: str, endpoint: object) -> Any:
    """A server, not yet started, for what conductors are told and asked.

    :param host: name of this conductor.
    :param endpoint: exposes ``look_again(ctx, set_ids)``,
        ``look_for_jobs(ctx)``, ``sync(ctx, report)`` and
        ``inputs(ctx, host, set_id)``.
    """
    return _server(transport, CONDUCTOR_TOPIC, host, endpoint)


def agent_server(transport: Any, host: str, endpoint: object) -> Any:
    """A server, not yet started, for what the agent of ``host`` is told.

    :param endpoint: exposes ``assign(ctx, message)``.
    """
    return _server(transport, AGENT_TOPIC, host, endpoint)


def _server(transport: Any, topic: str, host: str, endpoint: object) -> Any:
    return oslo_messaging.get_rpc_server(
        transport,
        oslo_messaging.Target(topic=topic, server=host, version=_VERSION),
        [endpoint],
        serializer=Serializer(),
        access_policy=oslo_messaging.ExplicitRPCAccessPolicy,
    )


def _client(transport: Any, topic: str) -> Any:
    return oslo_messaging.get_rpc_client(
        transport,
        oslo_messaging.Target(topic=topic, version=_VERSION),
        # once more, on a fresh connection
        retry=1,
        serializer=Serializer(),
    )


class ConductorClient:
    """What an agent asks of any conductor."""

    def __init__(self, transport: Any) -> None:
        self._client = _client(transport, CONDUCTOR_TOPIC).prepare(
            timeout=SYNC_TIMEOUT,
            # where no conductor listens yet, fail now and not by time-out
            transport_options=oslo_messaging.TransportOptions(
                at_least_once=True
            ),
        )

    def sync(self, report: dict[str, Any]) -> dict[str, Any]:
        """Report and get what to run; see :mod:`caas.model.wire`.

        :raises Unavailable: no answer; whether it arrived is unknown.
        """
        answer: dict[str, Any] = self._call("sync", report=report)
        return answer

    def inputs(self, host: str, set_id: str) -> dict[str, Any] | None:
        """What was handed into a set of this host; None if it is not here.

        :raises Unavailable: no answer.
        """
        answer: dict[str, Any] | None = self._call(
            "inputs", host=host, set_id=set_id
        )
        return answer

    def _call(self, method: str, **arguments: Any) -> Any:
        try:
            return self._client.call(
                RequestContext(overwrite=False), method, **arguments
            )
        except Exception as error:
            # Each layer of the driver has errors of its own.
            raise exception.Unavailable(
                "No conductor has answered: "
                f"{str(error) or type(error).__name__}"
            ) from error


#: A cast: client, context, method and its arguments.
_Cast = tuple[Any, RequestContext, str, dict[str, Any]]


class Sender:
    """Casts from a thread of its own, in order.

    What cannot be sent is logged and dropped.
    """

    def __init__(self, transport: Any) -> None:
        self._conductors = _client(transport, CONDUCTOR_TOPIC)
        self._agents = _client(transport, AGENT_TOPIC)
        self._outbox: Outbox[_Cast] = Outbox("rpc-sender", _cast)
        self.stop = self._outbox.stop

    def look_again(self, ctx: RequestContext, set_ids: Sequence[str]) -> None:
        """Have any conductor look at these sets."""
        self._put(
            self._conductors, ctx, "look_again", {"set_ids": list(set_ids)}
        )

    def look_for_jobs(self, ctx: RequestContext) -> None:
        """Have any conductor take up a job that waits for one."""
        self._put(self._conductors, ctx, "look_for_jobs", {})

    def assign(self, host: str, message: dict[str, Any]) -> None:
        """Tell the agent of ``host`` what changed of its list."""
        self._put(
            self._agents.prepare(server=host),
            RequestContext(overwrite=False),
            "assign",
            {"message": message},
        )

    def _put(
        self,
        client: Any,
        ctx: RequestContext,
        method: str,
        arguments: dict[str, Any],
    ) -> None:
        self._outbox.put([(client, ctx, method, arguments)])


def _cast(casts: Sequence[_Cast]) -> None:
    for client, ctx, method, arguments in casts:
        try:
            client.cast(ctx, method, **arguments)
        except Exception as error:
            LOG.warning(
                "%s could not be sent, a sweep will make up for it: %s",
                method,
                error,
            )
