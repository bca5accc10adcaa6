"""Commands in containers of a Docker Engine, with a deadline."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from caas.drivers.runtime.base import Executed
from caas.drivers.runtime.engine import Engine, clean

#: What is kept of what a command prints, from the end (characters).
TAIL = 1000

#: How much longer than its time the engine may be silent about it (s).
_SPARE = 5.0
#: The engine tells the exit code a moment after the output ends.
_EXIT_WAIT = 2.0
_CHUNK = 65536
_HEADER = 8
_WHAT = "The command cannot be run in the container"


def execute(
    engine: Engine, runtime_id: str, command: Sequence[str], timeout: float
) -> Executed:
    """See :meth:`caas.drivers.runtime.base.Runtime.execute`."""
    deadline = time.monotonic() + timeout
    with engine.call(_WHAT) as api:
        exec_id = api.exec_create(runtime_id, list(command))["Id"]
        killed = threading.Event()
        timer = threading.Timer(timeout, _kill, [api, exec_id, killed])
        timer.daemon = True
        timer.start()
        try:
            output = _read(api, exec_id, timeout, deadline)
        finally:
            timer.cancel()
        code = _exit_code(api, exec_id)
    if killed.is_set() or code is None:
        return Executed(None, output)
    return Executed(code, output)


def tail(data: bytes) -> str:
    """The end of what was printed."""
    return clean_lines(data.decode(errors="replace"))[-TAIL:].strip()


def clean_lines(text: str) -> str:
    """The engine's own words, where it is the one who speaks."""
    if "OCI runtime exec failed: " in text:
        return clean(text.replace("OCI runtime exec failed: ", ""))
    return text


def _read(api: Any, exec_id: str, timeout: float, deadline: float) -> str:
    answer = api.post(
        f"{api.base_url}/v{api.api_version}/exec/{exec_id}/start",
        json={"Detach": False, "Tty": False},
        stream=True,
        timeout=timeout + _SPARE,
    )
    with contextlib.closing(answer):
        api._raise_for_status(answer)
        kept = b""
        for part in _payloads(_chunks(answer.raw, deadline + _SPARE)):
            kept = (kept + part)[-4 * TAIL :]
    return tail(kept)


def _chunks(raw: Any, until: float) -> Iterator[bytes]:
    """Until it ends, or goes on when everything should have."""
    while time.monotonic() < until:
        # as much as there is, at least one byte
        data = raw._fp.read1(_CHUNK) if raw._fp else b""
        if not data:
            return
        yield data


def _payloads(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """What was printed, of the frames that stdout and stderr come in."""
    buffer = b""
    left = 0
    for chunk in chunks:
        buffer += chunk
        while buffer:
            if left:
                part, buffer = buffer[:left], buffer[left:]
                left -= len(part)
                yield part
            elif len(buffer) < _HEADER:
                break
            else:
                left = int.from_bytes(buffer[4:_HEADER], "big")
                buffer = buffer[_HEADER:]


def _kill(api: Any, exec_id: str, killed: threading.Event) -> None:
    killed.set()
    # it may have ended just now
    with contextlib.suppress(Exception):
        found = api.exec_inspect(exec_id)
        if found["Running"] and found["Pid"] > 0:
            os.kill(found["Pid"], signal.SIGKILL)


def _exit_code(api: Any, exec_id: str) -> int | None:
    end = time.monotonic() + _EXIT_WAIT
    while True:
        found = api.exec_inspect(exec_id)
        if not found["Running"] and found["ExitCode"] is not None:
            return int(found["ExitCode"])
        if time.monotonic() > end:
            return None
        time.sleep(0.01)
