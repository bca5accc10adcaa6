"""Listens to notifications, as another service would."""

import threading
from collections.abc import Callable
from typing import Any

import oslo_messaging
import pytest


class Listener:
    """A notification listener of oslo.messaging.

    :ivar got: (priority, publisher, event type, payload, context), in order.
    """

    def __init__(self, transport: Any, topic: str) -> None:
        self.got: list[tuple[str, str, str, dict[str, Any], Any]] = []
        self._changed = threading.Condition()
        self._server = oslo_messaging.get_notification_listener(
            transport,
            [oslo_messaging.Target(topic=topic)],
            [self],
            executor="threading",
        )
        self._server.start()

    def stop(self) -> None:
        self._server.stop()
        self._server.wait()

    def info(
        self, ctxt: Any, publisher: str, kind: str, payload: Any, _meta: Any
    ) -> None:
        self._take("INFO", ctxt, publisher, kind, payload)

    def error(
        self, ctxt: Any, publisher: str, kind: str, payload: Any, _meta: Any
    ) -> None:
        self._take("ERROR", ctxt, publisher, kind, payload)

    def _take(
        self, priority: str, ctxt: Any, publisher: str, kind: str, payload: Any
    ) -> None:
        with self._changed:
            self.got.append((priority, publisher, kind, payload, ctxt))
            self._changed.notify_all()

    def wait(
        self,
        kind: str,
        match: Callable[[dict[str, Any]], bool] = lambda _payload: True,
        timeout: float = 30,
    ) -> tuple[str, str, dict[str, Any], Any]:
        """Priority, publisher, payload and context of the first such one."""
        found: list[Any] = []

        def come() -> bool:
            found[:] = [
                (priority, publisher, payload, ctxt)
                for priority, publisher, each, payload, ctxt in self.got
                if each == kind and match(payload)
            ]
            return bool(found)

        with self._changed:
            if not self._changed.wait_for(come, timeout):
                kinds = [got[2] for got in self.got]
                pytest.fail(f"no {kind} within {timeout} s, but {kinds}")
        first: tuple[str, str, dict[str, Any], Any] = found[0]
        return first
