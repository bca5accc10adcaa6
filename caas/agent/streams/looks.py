"""Looks: ``stats``, ``top``, ``diff`` and ``inspect``, answered at once."""

import asyncio
import concurrent.futures
import dataclasses
import datetime
import json
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from caas.agent.streams import target
from caas.agent.streams.link import Link, Sets
from caas.drivers.network import namespaces
from caas.drivers.network.base import NetworkError
from caas.drivers.runtime.base import Runtime
from caas.model import streams

#: Bytes of a result, so that it goes into one message with what is around it.
LARGEST = streams.LARGEST_TEXT - (1 << 14)
#: Threads that read files of the kernel: of their own, so that an engine that
#: hangs does not keep them busy.
THREADS = 2

T = TypeVar("T")


class Looks:
    def __init__(self, sets: Sets, runtime: Runtime) -> None:
        self._sets = sets
        self._runtime = runtime
        self._threads = concurrent.futures.ThreadPoolExecutor(THREADS, "looks")

    async def stats(self, link: Link) -> None:
        ask = link.ask
        containers = target.containers(self._sets, ask)
        if ask.container:
            containers = [target.container(self._sets, ask)]
        ids = [c.id for c in containers]
        used = await self._read(lambda: self._runtime.usage(ask.set_id, ids))
        pid = self._sets.infra_pid(ask.set_id)
        result = {
            "read_at": datetime.datetime.now(datetime.UTC).isoformat(),
            "set": {
                "usage": _dict(used.get("")),
                "network": await self._read(lambda: _traffic(pid)),
            },
            "containers": [
                {
                    "id": c.member,
                    "name": c.name,
                    "state": c.state,
                    "usage": _dict(used.get(c.id)),
                }
                for c in containers
            ],
        }
        await link.tell(streams.RESULT, result)

    async def top(self, link: Link) -> None:
        there = target.running(self._sets, link.ask, paused=True)
        found = await self._read(
            lambda: self._runtime.processes(link.ask.set_id, there.id)
        )
        shown, whole = fitting(map(dataclasses.asdict, found))
        await link.tell(
            streams.RESULT,
            {
                "processes": shown,
                "count": len(found),
                "truncated": not whole,
            },
        )

    async def diff(self, link: Link) -> None:
        there = target.container(self._sets, link.ask)
        found, whole = await self._runtime.diff(there.id, LARGEST)
        shown, fit = fitting(map(dataclasses.asdict, found))
        await link.tell(
            streams.RESULT,
            {"changes": shown, "truncated": not (whole and fit)},
        )

    async def inspect(self, link: Link) -> None:
        there = target.container(self._sets, link.ask)
        found = await self._runtime.inspect(there.id)
        await link.tell(
            streams.RESULT,
            {"id": there.member, "name": there.name, **found},
        )

    async def _read(self, read: Callable[[], T]) -> T:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, read)


def _dict(usage: Any) -> dict[str, Any] | None:
    return None if usage is None else dataclasses.asdict(usage)


def _traffic(pid: int) -> dict[str, int] | None:
    """Of the set, from its first start on; None while it does not run."""
    try:
        return dataclasses.asdict(namespaces.traffic_of(pid))
    except NetworkError:
        return None


def fitting(
    items: Iterable[dict[str, Any]], most: int = LARGEST
) -> tuple[list[dict[str, Any]], bool]:
    """The first of some items that fit into a message.

    :param most: bytes of it.
    :returns: with whether they are all.
    """
    found: list[dict[str, Any]] = []
    for item in items:
        # ", " between them
        most -= len(json.dumps(item)) + 2
        if most < 0:
            return found, False
        found.append(item)
    return found, True
