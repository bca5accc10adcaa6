"""Answers that are remembered for a while, and asked for once at a time."""

import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Memo(Generic[Key, Value]):
    """Of who asks while somebody else is being answered, all get that answer.

    :param ttl: seconds for which an answer is good; an error is none.
    :param size: answers kept at most; the oldest goes first.
    """

    def __init__(
        self,
        ttl: float,
        size: int = 10_000,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ttl = ttl
        self._size = size
        self._clock = clock
        self._lock = threading.Lock()
        # good until; None: being asked for
        self._known: dict[Key, tuple[float | None, Future[Value]]] = {}

    def get(self, key: Key, ask: Callable[[], Value]) -> Value:
        """:raises: what ``ask`` raises."""
        with self._lock:
            until, future = self._known.get(key, (0.0, None))
            mine = future is None or (
                until is not None and until <= self._clock()
            )
            if mine:
                future = Future()
                self._known.pop(key, None)
                while len(self._known) >= self._size:
                    del self._known[next(iter(self._known))]
                self._known[key] = (None, future)
        assert future is not None
        if mine:
            self._ask(key, ask, future)
        return future.result()

    def forget(self, key: Key) -> None:
        """Ask again when it is wanted next."""
        with self._lock:
            self._known.pop(key, None)

    def _ask(
        self, key: Key, ask: Callable[[], Value], future: Future[Value]
    ) -> None:
        try:
            value = ask()
        except BaseException as error:
            self._settle(key, future, None)
            future.set_exception(error)
        else:
            self._settle(key, future, self._clock() + self._ttl)
            future.set_result(value)

    def _settle(
        self, key: Key, future: Future[Value], until: float | None
    ) -> None:
        with self._lock:
            if self._known.get(key, (None, None))[1] is not future:
                return
            if until is None:
                del self._known[key]
            else:
                self._known[key] = (until, future)
