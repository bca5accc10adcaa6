"""Processes that the engine has run in containers, as this host sees them."""

import asyncio
import contextlib
import os
import pathlib
import select
import signal

from caas.drivers.runtime.membership import is_of, text_of

#: Seconds that processes have between SIGHUP and SIGKILL.
GRACE = 2.0
#: Seconds between two looks at whether they have ended.
_PAUSE = 0.05

_PROC = pathlib.Path("/proc")


async def exited(descriptor: int) -> None:
    """Wait for the end of a process.

    :param descriptor: of the process, see pidfd_open(2).
    """
    loop = asyncio.get_running_loop()
    done = asyncio.Event()
    loop.add_reader(descriptor, done.set)
    try:
        await done.wait()
    finally:
        loop.remove_reader(descriptor)


class Leader:
    """A command run in a container, which leads a session as a rule.

    A descriptor holds on to it, so that nothing is done to a process that has
    its number later.
    """

    def __init__(self, pid: int, runtime_id: str) -> None:
        """:param runtime_id: of the container it has to be in.

        :raises ProcessLookupError: it has ended.
        """
        self.pid = pid
        self._fd = os.pidfd_open(pid)
        if not is_of(text_of(pid), runtime_id):
            self.close()
            raise ProcessLookupError(pid)

    @property
    def alive(self) -> bool:
        if self._fd < 0:
            return False
        poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        return not poll.poll(0)

    async def ended(self) -> None:
        """Wait for its end."""
        if self._fd >= 0:
            await exited(self._fd)

    def signal(self, number: int) -> None:
        """Send a signal as its terminal would: to what is in front there,
        or to all it has started where it has none."""
        if not self.alive:
            return
        fields = stat(self.pid) or ["0"] * 6
        group, front = int(fields[2]), int(fields[5])
        with contextlib.suppress(ProcessLookupError):
            if front > 1:
                os.killpg(front, number)
            elif group == self.pid:
                os.killpg(group, number)
            else:
                os.kill(self.pid, number)

    async def end(self) -> None:
        """End it and all of its session; one that is frozen ends later."""
        loop = asyncio.get_running_loop()
        end = loop.time() + GRACE
        left = await asyncio.to_thread(self._send, signal.SIGHUP)
        while left and loop.time() < end:
            await asyncio.sleep(_PAUSE)
            left = await asyncio.to_thread(self._session)
        if left:
            await asyncio.to_thread(self._send, signal.SIGKILL)

    def close(self) -> None:
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def _send(self, number: int) -> list[int]:
        found = self._session()
        for pid in found:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
                # one that is stopped does not see it otherwise
                os.kill(pid, signal.SIGCONT)
        return found

    def _session(self) -> list[int]:
        """What is left of it."""
        found = [self.pid] if self.alive else []
        for entry in os.listdir(_PROC):
            if not entry.isdecimal() or int(entry) == self.pid:
                continue
            fields = stat(int(entry))
            # a session's number is not given away while somebody is in it
            if fields and fields[3] == str(self.pid) and fields[0] != "Z":
                found.append(int(entry))
        return found


def stat(pid: int) -> list[str]:
    """Fields of proc_pid_stat(5) from the third on, the state; empty if it is
    gone."""
    try:
        text = (_PROC / str(pid) / "stat").read_text("utf-8", "replace")
    except OSError:
        return []
    # the second is the command, which can have anything in it
    return text.rpartition(")")[2].split()
