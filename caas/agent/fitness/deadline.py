"""Calls that may never return, and an end to waiting for them."""

import queue
import threading
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

T = TypeVar("T")


def within(
    seconds: float, calls: Mapping[str, Callable[[], T]]
) -> dict[str, T | Exception]:
    """Call all at once and wait so long for their results.

    :returns: by name what was returned or raised; what has not ended is left
        to itself and is not in it.
    """
    done: queue.SimpleQueue[tuple[str, T | Exception]] = queue.SimpleQueue()

    def call(name: str, what: Callable[[], T]) -> None:
        try:
            done.put((name, what()))
        except Exception as error:
            done.put((name, error))

    for name, what in calls.items():
        threading.Thread(
            target=call, args=(name, what), name=f"look-{name}", daemon=True
        ).start()
    end = time.monotonic() + seconds
    found: dict[str, T | Exception] = {}
    while len(found) < len(calls):
        try:
            name, result = done.get(timeout=max(0.0, end - time.monotonic()))
        except queue.Empty:
            break
        found[name] = result
    return found
