"""A command run in a container by Docker, its output bounded, its time too."""

import contextlib
import os
import select
import signal
import time
from collections.abc import Sequence

import docker
import docker.errors
import requests
import urllib3

from caas.drivers.runtime.base import OUTPUT, EngineError, Executed, tail
from caas.drivers.runtime.engine import Engine, translate
from caas.drivers.runtime.frames import Frames

_WHAT = "The command cannot be run"
#: Seconds for the last words of a command that was killed.
_LAST_WORDS = 1.0
_CHUNK = 1 << 16
# Enough for the characters asked for, and one that is cut.
_KEPT = (OUTPUT + 1) * 4


def execute(
    engine: Engine, runtime_id: str, command: Sequence[str], timeout: float
) -> Executed:
    """See :meth:`caas.drivers.runtime.base.Runtime.execute`."""
    output = _Output()
    with engine.call(_WHAT) as api:
        exec_id = api.exec_create(runtime_id, list(command))["Id"]
        deadline = time.monotonic() + timeout
        with contextlib.closing(_start(api, exec_id)) as answer:
            _read(answer, output, deadline)
            found = api.exec_inspect(exec_id)
            # it may have closed its output, or its end is not yet noted
            while found["Running"] and time.monotonic() < deadline:
                time.sleep(0.02)
                found = api.exec_inspect(exec_id)
            pid = found["Pid"] or 0
            if found["Running"]:
                if not pid:
                    raise EngineError(
                        f"{_WHAT}: the Docker Engine did not start it within "
                        f"{timeout:g} s."
                    )
                _kill(pid)
                _read(answer, output, time.monotonic() + _LAST_WORDS)
                return Executed(None, output.text())
    if not pid:
        error = not_started(output.text())
        if not error.permanent:
            raise error
        return Executed(found["ExitCode"], error.message)
    return Executed(found["ExitCode"], output.text())


def _start(api: docker.APIClient, exec_id: str) -> requests.Response:
    """Its output, which ends when it does.

    The method of the SDK leaves no way to read with a deadline what may have
    come with the head of the answer.
    """
    answer = api.post(
        f"{api.base_url}/v{api.api_version}/exec/{exec_id}/start",
        json={"Detach": False, "Tty": False},
        stream=True,
        timeout=api.timeout,
    )
    try:
        answer.raise_for_status()
    except requests.exceptions.HTTPError as e:
        docker.errors.create_api_error_from_http_exception(e)
    return answer


def _read(
    answer: requests.Response, output: "_Output", deadline: float
) -> None:
    """Take in what is written until it ends or the deadline is reached."""
    poll = select.poll()
    poll.register(answer.raw.fileno(), select.POLLIN)
    while (left := deadline - time.monotonic()) > 0:
        if not poll.poll(left * 1000):
            return
        try:
            data = answer.raw.read1(_CHUNK)
        except urllib3.exceptions.HTTPError as e:
            raise requests.exceptions.ConnectionError(e) from e
        if not data:
            return
        output.feed(data)


def _kill(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        # as a rule it leads a group, with all it started in it
        if os.getpgid(pid) == pid:
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGKILL)


def not_started(said: str) -> EngineError:
    """Why a command did not run; for good if that is its own fault.

    :param said: by the engine, in the place of output.
    """
    # it may have been the container that ended meanwhile
    ended = "stopped container" in said or "not running" in said
    error = translate(_WHAT, 500, said)
    own = said.startswith("OCI runtime exec failed") or error.permanent
    return EngineError(error.message, permanent=own and not ended)


class _Output:
    """Keeps the end of what a command writes."""

    def __init__(self) -> None:
        self._frames = Frames()
        self._kept = b""

    def feed(self, data: bytes) -> None:
        """:param data: a piece of the stream, cut anywhere."""
        for _, part in self._frames.feed(data):
            self._kept = (self._kept + part)[-_KEPT:]

    def text(self) -> str:
        return tail(self._kept)
