"""The connection to the Docker Engine, and its errors as sentences."""

import contextlib
import re
import threading
from collections.abc import Iterator
from typing import Any

import docker
import docker.errors
import requests
import urllib3
from docker.transport import UnixHTTPAdapter

from caas.drivers.runtime.base import Absent, Conflict, EngineError

#: Connections kept open; more are made and dropped when needed.
POOL = 64

# Wrappings around the one thing that went wrong, outermost first.
_WRAPPINGS = (
    re.compile(r"^failed to create (shim task|task for container): "),
    re.compile(r"^OCI runtime (create|start|exec) failed: "),
    re.compile(r"^exec failed: "),
    re.compile(r"^runc (create|start) failed: "),
    re.compile(r"^container_linux\.go:\d+: "),
    re.compile(r"^starting container process caused: "),
    re.compile(r"^(unable|error) to start container process: "),
    re.compile(r"^process_linux\.go:\d+: "),
    re.compile(r"^rootfs_linux\.go:\d+: "),
    re.compile(r"^container init caused: "),
    re.compile(r"^error during container init: "),
    re.compile(r"^Error response from daemon: "),
)
# A folder of this host mounted into a container: only its target is told.
_MOUNT = re.compile(r'mounting "[^"]*" to rootfs (at "[^"]*")(.*)$')
_ENGINE_PATH = re.compile(
    r"/[^\s\"':,]*/(overlay2|containers|containerd|image|mounts|volumes)/"
    r"[^\s\"':,]*"
    r"|/sys/fs/cgroup/[^\s\"':,]*"
)
# One that is not there, or not any more.
_NO_SOURCE = re.compile(
    r'invalid mount config for type "bind": .*?(/[^\s:]+).*'
)
# A kernel parameter that does not take its value, or that is not there.
_SYSCTL = re.compile(
    r"^.*/proc/sys/(?P<key>[a-z0-9_/]+): (?P<why>no such file or directory"
    r"|invalid argument|permission denied|operation not permitted"
    r"|numerical result out of range).*$"
)
# In the order of their numbers.
_RLIMITS = (
    *("cpu", "fsize", "data", "stack", "core", "rss", "nproc", "nofile"),
    *("memlock", "locks", "sigpending", "msgqueue", "nice", "rtprio"),
    "rttime",
)
_RLIMIT = re.compile(
    r"^.*rlimit type (?P<type>\d+): operation not permitted.*$"
)
# Faults of the request that the engine answers as if they were its own.
_USERS_FAULT = re.compile(
    r"unable to find (user|group)"
    r"|uids and gids must be in range"
    r"|no matching entries in"
    r"|exec format error"
    r"|executable file not found"
    r"|trying to mount a directory onto a file"
    r"|: (no such file or directory|permission denied|is a directory"
    r"|not a directory)(: unknown)?$"
    r"|is not in a separate kernel namespace"
    r"|rlimit type \d+: operation not permitted"
)
# Ids of the engine, which are of no use to who reads it.
_ID = re.compile(r" \"?/?[0-9a-f]{64}\"?")
_TRANSIENT = re.compile(
    # the infra container, which is made anew
    r"non[ -]running container|no such container|namespace path|\bmount",
    re.IGNORECASE,
)


class _OnePool(UnixHTTPAdapter):
    """Keeps connections for the next call, whatever its URL.

    That of the SDK has a pool for each URL, and those have an id in them: a
    new connection for each call.

    :ivar silence: seconds a stream may be silent, of those that the SDK lets
        be so for ever.
    """

    silence: float | None = None

    def send(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("timeout") is None:
            kwargs["timeout"] = self.silence
        return super().send(*args, **kwargs)

    def get_connection(self, url: Any, proxies: Any = None) -> Any:
        return super().get_connection("", proxies)


class Engine:
    """Connects when first used, so that an agent can start before it."""

    def __init__(
        self, url: str, timeout: float, silence: float | None = None
    ) -> None:
        """:param timeout: seconds to wait for an answer.
        :param silence: seconds a stream may be silent; None for ever.
        """
        self._url = url
        self._silence = silence
        self._timeout = timeout
        self._lock = threading.Lock()
        self._api: docker.APIClient | None = None

    @contextlib.contextmanager
    def call(self, what: str) -> Iterator[docker.APIClient]:
        """The client to use in the block; what it raises is translated.

        :param what: for the message, such as "The container cannot be
            started".
        """
        try:
            yield self._connected()
        except docker.errors.APIError as e:
            raise translate(
                what, e.status_code or 500, str(e.explanation or e)
            ) from e
        except (
            requests.exceptions.ReadTimeout,
            urllib3.exceptions.ReadTimeoutError,
        ) as e:
            raise EngineError(
                f"{what}: the Docker Engine did not answer within "
                f"{self._timeout:g} s."
            ) from e
        except (
            requests.exceptions.RequestException,
            urllib3.exceptions.HTTPError,
            docker.errors.DockerException,
            OSError,
        ) as e:
            raise EngineError(
                f"{what}: the Docker Engine cannot be reached ({_root(e)})."
            ) from e

    def version(self) -> str:
        """Of the API, as agreed on with the engine."""
        with self.call("The engine cannot be asked what it is") as api:
            return str(api.api_version)

    def _connected(self) -> docker.APIClient:
        with self._lock:
            if self._api is None:
                api = docker.APIClient(
                    base_url=self._url,
                    version="auto",
                    timeout=self._timeout,  # type: ignore[arg-type]
                    max_pool_size=POOL,
                )
                if self._url.startswith("unix://"):
                    adapter = _OnePool(
                        self._url.removeprefix("unix://"),
                        self._timeout,  # type: ignore[arg-type]
                        max_pool_size=POOL,
                    )
                    adapter.silence = self._silence
                    api.mount("http+docker://", adapter)
                # no look at proxies and netrc with each request
                api.trust_env = False
                self._api = api
            return self._api


def translate(what: str, status: int, text: str) -> EngineError:
    """The engine's answer as an error with a sentence.

    :param status: of HTTP; the engine's use of it differs by version, so the
        text has its say in what is permanent.
    """
    text = clean(text)
    if (found := _SYSCTL.match(text)) and "mount" not in text:
        key = found["key"].replace("/", ".")
        return EngineError(
            f"{what}: {cannot_set(key, found['why'])}", permanent=True
        )
    message = f"{what}: {text.rstrip('.')}."
    if status == 404:
        if "no such image" in text.lower():
            return Absent(message, permanent=True)
        return Absent(message)
    if status == 409:
        return Conflict(message)
    if _USERS_FAULT.search(text):
        onto = "onto a file" in text
        return EngineError(
            message, permanent=onto or not _TRANSIENT.search(text)
        )
    return EngineError(
        message, permanent=400 <= status < 500 and not _TRANSIENT.search(text)
    )


def cannot_set(key: str, why: str) -> str:
    """The end of a sentence on a kernel parameter that could not be written.

    :param why: as strerror(3) has it.
    """
    if why.lower() == "no such file or directory":
        return f"the kernel of this host has no parameter {key} for a set."
    return f"the kernel parameter {key} does not take its value: {why}."


def clean(text: str) -> str:
    """Take out what names the insides of the engine or of this host."""
    text = " ".join(text.split())
    before = None
    while before != text:
        before = text
        for wrapping in _WRAPPINGS:
            text = wrapping.sub("", text)
    text = text.removesuffix(": unknown")
    text = _ID.sub("", text)
    text = _MOUNT.sub(_told_mount, text)
    text = _RLIMIT.sub(_told_limit, text)
    text = _NO_SOURCE.sub(_told_source, text)
    return _ENGINE_PATH.sub("...", text)


def _told_source(match: re.Match[str]) -> str:
    name = match[1].rsplit("/", 1)[-1]
    return f'mounting "{name}" of this host, which cannot be found'


def _told_limit(match: re.Match[str]) -> str:
    number = int(match["type"])
    name = _RLIMITS[number] if number < len(_RLIMITS) else str(number)
    return (
        f"the ulimit {name} is more than the engine of this host can give "
        "(rlimit type {number}: operation not permitted)"
    ).replace("{number}", match["type"])


def _told_mount(match: re.Match[str]) -> str:
    if "onto a file" in match[2]:
        return (
            f"mounting the volume {match[1]}: are you trying to mount a "
            "directory onto a file"
        )
    return f"mounting the volume {match[1]}"


def _root(error: BaseException) -> str:
    """The innermost cause of an error of requests, in its own words."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.strerror:
            return seen.strerror
        error = seen
        inner = next(
            (a for a in reversed(seen.args) if isinstance(a, BaseException)),
            None,
        )
        seen = inner or seen.__cause__ or seen.__context__
    return str(error) or type(error).__name__
