"""Processes that stand still."""

import os
import pathlib
import signal
import time


def stop(pid: int) -> None:
    """Have a process stand still; none of its threads runs afterwards.

    A signal is only on its way when ``kill`` returns.
    """
    os.kill(pid, signal.SIGSTOP)
    end = time.monotonic() + 30
    while not _stands(pid):
        assert time.monotonic() < end, f"process {pid} does not stop"
        time.sleep(0.005)


def _stands(pid: int) -> bool:
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            stat = (task / "stat").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        # the name, in parentheses, may hold anything
        if stat.rpartition(")")[2].split()[0] not in "TtZX":
            return False
    return True
