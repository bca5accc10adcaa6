"""What is in a folder of the container."""

import datetime
import json
import os
import stat
from collections.abc import Callable, Iterator
from typing import Any

from caas.agent.inside import outside

#: Entries at most, and bytes of their JSON: it has to fit into one message.
MOST = 10_000
LARGEST = 900_000

_TYPES = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}


def prepare(arguments: dict[str, Any]) -> Callable[[], None]:
    path = str(arguments["path"])

    def work() -> None:
        outside.say("result", look(path))

    return work


def look(path: str) -> dict[str, Any]:
    """List a folder, or tell of one file.

    Entries are sorted by name.  Those of a folder with too many are some of
    them, and ``truncated`` is true.

    :raises Problem: it cannot be read.
    """
    try:
        entries, truncated = _bounded(_entries(path))
    except OSError as e:
        raise outside.trouble(path, e) from e
    entries.sort(key=lambda entry: str(entry["name"]))
    return {"path": path, "entries": entries, "truncated": truncated}


def _bounded(
    entries: Iterator[dict[str, Any]],
) -> tuple[list[dict[str, Any]], bool]:
    kept: list[dict[str, Any]] = []
    left = LARGEST
    for entry in entries:
        left -= len(json.dumps(entry)) + 2
        if left < 0 or len(kept) == MOST:
            return kept, True
        kept.append(entry)
    return kept, False


def _entries(path: str) -> Iterator[dict[str, Any]]:
    found = os.lstat(path)
    folder = found
    if stat.S_ISLNK(found.st_mode):
        try:
            folder = os.stat(path)
        except OSError:
            # where it leads to is told at least
            folder = found
    if not stat.S_ISDIR(folder.st_mode):
        yield _entry(os.path.basename(path), path, found)
        return
    with os.scandir(path) as there:
        for file in there:
            try:
                yield _entry(
                    file.name, file.path, file.stat(follow_symlinks=False)
                )
            except FileNotFoundError:
                continue
            except PermissionError:
                # one may read the folder, but not enter it
                yield _unknown(file)


def _entry(name: str, path: str, found: os.stat_result) -> dict[str, Any]:
    target = None
    if stat.S_ISLNK(found.st_mode):
        try:
            target, _ = _visible(os.readlink(path))
        except OSError:
            target = None
    shown, escaped = _visible(name)
    return {
        "name": shown,
        "escaped": escaped,
        "type": _TYPES.get(stat.S_IFMT(found.st_mode), "other"),
        "size": found.st_size,
        "mode": f"{stat.S_IMODE(found.st_mode):04o}",
        "uid": found.st_uid,
        "gid": found.st_gid,
        "modified": _iso(found.st_mtime_ns),
        "target": target,
    }


def _unknown(file: "os.DirEntry[str]") -> dict[str, Any]:
    shown, escaped = _visible(file.name)
    kind = "other"
    if file.is_symlink():
        kind = "link"
    elif file.is_dir(follow_symlinks=False):
        kind = "folder"
    elif file.is_file(follow_symlinks=False):
        kind = "file"
    nothing = dict.fromkeys(
        ("size", "mode", "uid", "gid", "modified", "target")
    )
    return {"name": shown, "escaped": escaped, "type": kind, **nothing}


def _visible(name: str) -> tuple[str, bool]:
    """A name as text, and whether bytes of it had to be escaped.

    Bytes that are no UTF-8 become ``\\xff``.
    """
    try:
        name.encode()
    except UnicodeEncodeError:
        return os.fsencode(name).decode(errors="backslashreplace"), True
    return name, False


def _iso(nanoseconds: int) -> str | None:
    # by whole seconds: a float would round up, into a year there is not
    try:
        at = datetime.datetime.fromtimestamp(
            nanoseconds // 10**9, datetime.UTC
        )
    except (ValueError, OverflowError):
        # whoever owns a file can give it any time
        return None
    return at.replace(tzinfo=None).isoformat() + "Z"
