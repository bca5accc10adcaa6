"""CADF audit of requests: the filter of keystonemiddleware, made safe."""

import atexit
import os
import urllib.parse
from collections.abc import Callable, Sequence
from typing import Any
from wsgiref.types import WSGIApplication

import webob
from keystonemiddleware import audit
from oslo_config import cfg

from caas import notifications, rpc
from caas.outbox import Outbox

#: Parameters of a URL nobody else may see, whether they belong there or not.
_SECRET = ("token", "password", "secret")

#: What the notifier of keystonemiddleware takes.
_Call = tuple[dict[str, Any], str, dict[str, Any]]


class Audit(audit.AuditMiddleware):  # type: ignore[misc]
    """A request neither waits for the broker nor leaves a secret with it."""

    @classmethod
    def factory(
        cls, global_conf: Any, **local_conf: Any
    ) -> Callable[[WSGIApplication], WSGIApplication]:
        """For a ``paste.filter_factory``.

        Without a driver for what it tells nothing stands before the API.
        """

        def make(app: WSGIApplication) -> WSGIApplication:
            if not wanted(cfg.CONF):
                return app
            return cls(app, **{**global_conf, **local_conf})

        return make

    def __init__(self, app: WSGIApplication, **conf: str) -> None:
        if not os.path.exists(conf.get("audit_map_file", "")):
            raise RuntimeError(
                "The filter audit of api-paste.ini has no audit_map_file, or "
                "it is not there; api_audit_map.conf belongs beside "
                "api-paste.ini."
            )
        super().__init__(app, **conf)
        self._sender: Any = self._notifier
        self._notifier: Any = self
        self._outbox: Outbox[_Call] = Outbox("audit", self._send)
        atexit.register(self._outbox.stop)

    def notify(
        self, context: dict[str, Any], event_type: str, payload: dict[str, Any]
    ) -> None:
        """What the filter takes for its notifier."""
        self._outbox.put([(context, event_type, payload)])

    def _send(self, calls: Sequence[_Call]) -> None:
        for call in calls:
            self._sender.notify(*call)

    def _create_event(self, req: webob.Request) -> Any:
        try:
            event = super()._create_event(req)
        except Exception:
            # it takes the first key of a body for an action, and this body
            # has none; there is an event of it all the same
            bare = webob.Request(dict(req.environ))
            bare.body = b""
            event = super()._create_event(bare)
            req.environ["cadf_event"] = event
        # it would show a quarter of it
        event.initiator.credential.token = "xxxxxxxx"  # noqa: S105
        event.requestPath = without_secrets(event.requestPath)
        return event


def wanted(conf: Any) -> bool:
    """Whether anybody is to be told of requests."""
    rpc.set_defaults(conf)
    own = conf[audit.AUDIT_MIDDLEWARE_GROUP]
    if not own.use_oslo_messaging:
        # they go to the log
        return True
    if own.driver:
        return bool(own.driver != "noop")
    return notifications.wanted(conf)


def without_secrets(path: str) -> str:
    """The path of a request with the values of some parameters blotted out."""
    start, mark, query = path.partition("?")
    pairs = urllib.parse.parse_qsl(query, keep_blank_values=True)
    if not any(_is_secret(key) for key, _ in pairs):
        return path
    shown = [(k, "xxxxxxxx" if _is_secret(k) else v) for k, v in pairs]
    return f"{start}{mark}{urllib.parse.urlencode(shown)}"


def _is_secret(key: str) -> bool:
    return any(word in key.lower() for word in _SECRET)
