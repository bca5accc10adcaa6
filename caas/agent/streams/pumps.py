"""Both directions of a stream at once."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from caas.agent.streams.link import Link

T = TypeVar("T")


async def until_gone(
    link: Link,
    output: Coroutine[Any, Any, T],
    input_: Coroutine[Any, Any, None],
) -> T | None:
    """Run both until ``output`` has ended or the client is gone.

    :param input_: ends when nothing more comes from the client; what it raises
        is raised.
    :returns: of ``output``; None when the client went first.
    """
    out, into = asyncio.create_task(output), asyncio.create_task(input_)
    # while stdin is stuck nothing is read that would tell
    gone = asyncio.create_task(link.closed())
    tasks: set[asyncio.Task[Any]] = {out, into, gone}
    try:
        while True:
            waiting = {task for task in tasks if not task.done()}
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            if into.done():
                into.result()
            if out.done():
                return out.result()
            if gone.done():
                return None
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
