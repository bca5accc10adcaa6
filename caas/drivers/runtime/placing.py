"""Files into a container of Docker that has not been started yet.

Paths and images are of users, who may be no friends of the host.  The engine
unpacks what it is given within the file system of the container, but with all
that is mounted into it, of which some is of the host; and where a file is to
replace a folder it removes all that is in it.  So each path is followed here
first, link by link, and what is sent is named by where it leads to.  Nothing
of the container runs yet, so nobody can change that meanwhile; only in what
is mounted anything may happen, and no way leads on from there.
"""

import base64
import dataclasses
import io
import json
import posixpath
import tarfile
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from caas.drivers.runtime.base import EngineError
from caas.drivers.runtime.engine import Engine
from caas.model import inputs

_WHAT = "The file cannot be written into the container"

#: As many links as the kernel follows.
_LINKS = 40

# Of the modes of Go.
_FOLDER, _LINK = 1 << 31, 1 << 27
#: Pipes, sockets, devices and what else is no file.
_SPECIAL = (1 << 26) | (1 << 25) | (1 << 24) | (1 << 21) | (1 << 19)


@dataclasses.dataclass(frozen=True)
class Seen:
    """:ivar kind: ``folder``, ``link``, ``file`` or ``special``.
    :ivar target: of a link: the path in the container it leads to.
    """

    kind: str
    target: str = ""


#: Says what is at a path whose folder is one, without following it; None if
#: nothing is.
Look = Callable[[str], Seen | None]


def place(engine: Engine, runtime_id: str, files: Mapping[str, bytes]) -> None:
    """See :meth:`caas.drivers.runtime.base.Runtime.place`."""
    with engine.call(_WHAT) as api:
        found = api.inspect_container(runtime_id)
    mounts = [mount["Destination"] for mount in found["Mounts"]]

    def look(path: str) -> Seen | None:
        return _look(engine, runtime_id, path)

    for path, data in files.items():
        folder, new, name = lead(look, path, mounts)
        archive = _archive(new, name, data)
        with engine.call(f"The file {path} cannot be written") as api:
            api.put_archive(runtime_id, folder, archive)


def lead(
    look: Look, path: str, mounts: Collection[str]
) -> tuple[str, list[str], str]:
    """Where a path leads to, as the kernel would follow it.

    :returns: a folder there is, without links in its path; folders to be
        made in it, one in the other; the name of the file.
    :raises EngineError: nothing can be written there, for good.
    """
    if problem := inputs.unwritable(path, mounts):
        raise _unwritable(path, problem)
    at, links = "/", 0
    rest = _parts(path)
    while True:
        name = rest.pop(0)
        here = posixpath.join(at, name)
        # a link of the image may lead to what the path itself does not name
        whole = posixpath.join(here, *rest)
        if problem := inputs.covered(whole, mounts):
            raise _unwritable(path, f"it leads to {whole}, and {problem}")
        seen = look(here)
        if seen is None:
            *folders, last = name, *rest
            return at, folders, last
        if seen.kind == "link":
            links += 1
            if links > _LINKS or not seen.target.startswith("/"):
                raise _unwritable(path, "its links lead nowhere")
            at, rest = "/", _parts(seen.target) + rest
        elif seen.kind == "folder":
            at = here
        elif rest or seen.kind != "file":
            raise _unwritable(path, f"{here} is no folder or file")
        else:
            return at, [], name
        if not rest:
            raise _unwritable(path, f"{here} is a folder")


def _parts(path: str) -> list[str]:
    return [part for part in posixpath.normpath(path).split("/") if part]


def _unwritable(path: str, problem: str) -> EngineError:
    return EngineError(
        f"The file {path} cannot be written: {problem}.", permanent=True
    )


def _look(engine: Engine, runtime_id: str, path: str) -> Seen | None:
    with engine.call(_WHAT) as api:
        # the SDK asks for the file with it
        answer = api.head(
            f"{api.base_url}/v{api.api_version}/containers/{runtime_id}"
            "/archive",
            params={"path": path},
            timeout=api.timeout,
        )
    if answer.status_code == 404:
        return None
    if answer.status_code != 200:
        return _why_not(engine, runtime_id, path)
    said = answer.headers["X-Docker-Container-Path-Stat"]
    return seen(json.loads(base64.b64decode(said)))


def _why_not(engine: Engine, runtime_id: str, path: str) -> Seen:
    """Of a link it cannot follow the engine says so as of a fault."""
    try:
        with engine.call(f"{_WHAT}: the engine cannot look at {path}") as api:
            stream, _ = api.get_archive(runtime_id, path)
            stream.close()
    except EngineError as error:
        if "too many links" in error.message:
            return Seen("link")
        raise
    raise EngineError(f"{_WHAT}: the engine could not look at {path}.")


def seen(said: Mapping[str, Any]) -> Seen:
    """:param said: what the engine says of a path."""
    mode = said["mode"]
    if mode & _LINK:
        return Seen("link", said["linkTarget"])
    if mode & _FOLDER:
        return Seen("folder")
    return Seen("special" if mode & _SPECIAL else "file")


def _archive(folders: list[str], name: str, data: bytes) -> bytes:
    """Of root, for all to read."""
    made = io.BytesIO()
    now = int(time.time())
    with tarfile.open(fileobj=made, mode="w") as tar:
        at = ""
        for folder in folders:
            at += f"{folder}/"
            item = tarfile.TarInfo(at)
            item.type, item.mode, item.mtime = tarfile.DIRTYPE, 0o755, now
            tar.addfile(item)
        item = tarfile.TarInfo(at + name)
        item.size, item.mode, item.mtime = len(data), 0o644, now
        tar.addfile(item, io.BytesIO(data))
    return made.getvalue()
