"""Messages that are lost, come twice, late and in another order."""

import random
import threading
from typing import Any

import oslo_messaging


class Network:
    """What all transports of a test send through.

    :ivar calm: everything arrives, once and at once.
    :ivar counts: what became of the messages.
    """

    def __init__(
        self,
        *,
        loss: float = 0.25,
        repeat: float = 0.1,
        late: float = 0.2,
    ) -> None:
        self.calm = True
        self.counts = {"sent": 0, "lost": 0, "repeated": 0, "late": 0}
        self._chances = (("lost", loss), ("repeated", repeat), ("late", late))
        self._random = random.Random(1)
        self._lock = threading.Lock()
        self._timers: list[threading.Timer] = []

    def seed(self, seed: int) -> None:
        self._random.seed(seed)

    def spoil(self, transport: Any) -> Any:
        """Make a transport of oslo.messaging send through this."""
        send = transport._send

        def spoilt(
            target: Any,
            ctxt: Any,
            message: Any,
            wait_for_reply: bool | None = None,
            **how: Any,
        ) -> Any:
            def go(*, wait: bool | None = wait_for_reply) -> Any:
                return send(target, ctxt, message, wait_for_reply=wait, **how)

            fate = self._fate()
            if fate == "lost":
                if not wait_for_reply:
                    return None
                # either the question or the answer
                if self._random.random() < 0.5:
                    go()
                raise oslo_messaging.MessagingTimeout("lost by the test")
            if fate == "late" and not wait_for_reply:
                return self._later(go)
            if fate == "repeated":
                self._later(lambda: go(wait=None))
            return go()

        transport._send = spoilt
        return transport

    def stop(self) -> None:
        for timer in self._timers:
            timer.cancel()

    def _fate(self) -> str:
        with self._lock:
            fate = "sent"
            if not self.calm:
                for name, chance in self._chances:
                    if self._random.random() < chance:
                        fate = name
                        break
            self.counts[fate] += 1
            return fate

    def _later(self, go: Any) -> None:
        with self._lock:
            timer = threading.Timer(self._random.uniform(0, 0.3), go)
        timer.daemon = True
        self._timers.append(timer)
        timer.start()
