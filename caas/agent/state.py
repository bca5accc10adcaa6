"""What the agent keeps on disk: its list, its books and a boot number.

One small file for each set, so that a burst of sets writes each of them once.
A file is replaced as a whole, so a killed agent leaves the old or the new
one.  It is not forced to the disk: what a power cut takes from it comes again
with the first full list, and all containers have ended by then anyway.
"""

import contextlib
import fcntl
import ipaddress
import json
import logging
import os
import pathlib
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from caas.model import wire

LOG = logging.getLogger(__name__)


class StateError(Exception):
    """The state cannot be used; the message says why."""


def folder(state_path: str) -> pathlib.Path:
    """Where the state of an agent is below its [agent] state_path."""
    return pathlib.Path(state_path) / "agent"


def load(
    path: pathlib.Path,
) -> dict[str, tuple[list[wire.Wanted], dict[str, Any]]]:
    """What an agent keeps in its folder: see :meth:`State.load`.

    Needs no lock: files are replaced as a whole.
    """
    loaded = {}
    for file in sorted((path / "sets").glob("*.json")):
        try:
            data = json.loads(file.read_text())
            wanted = [wire.Wanted.from_dict(w) for w in data["wanted"]]
            loaded[file.stem] = wanted, dict(data["book"])
        except FileNotFoundError:
            continue
        except (ValueError, KeyError, TypeError) as error:
            LOG.error("%s cannot be read and is left out: %s", file, error)
    return loaded


def networks(path: pathlib.Path) -> list[str]:
    """Networks that addresses of sets are of, as far as an agent was told."""
    found: dict[str, None] = {}
    with contextlib.suppress(FileNotFoundError, ValueError, TypeError):
        told = json.loads((path / "networks").read_text())
        found.update(dict.fromkeys(told))
    for wanted, _ in load(path).values():
        for one in wanted:
            if one.nic is not None:
                found.setdefault(
                    str(
                        ipaddress.ip_network(
                            f"{one.nic.address}/{one.nic.prefix_len}",
                            strict=False,
                        )
                    )
                )
    return list(found)


def holder(path: pathlib.Path) -> int | None:
    """Process id of the agent that works with a folder now, None without."""
    try:
        there = os.stat(path / "lock")
    except FileNotFoundError:
        return None
    device = f"{os.major(there.st_dev):02x}:{os.minor(there.st_dev):02x}"
    for line in pathlib.Path("/proc/locks").read_text().splitlines():
        words = line.split()
        if words[1] == "FLOCK" and words[5] == f"{device}:{there.st_ino}":
            return int(words[4])
    return None


class State:
    """:param path: folder of the agent, made if it is not there."""

    def __init__(
        self, path: pathlib.Path, clock: Callable[[], float] = time.time
    ) -> None:
        self.path = self._path = path
        self._sets = path / "sets"
        self._clock = clock
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._sets.mkdir(mode=0o700, exist_ok=True)
        self._lock = os.open(
            path / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600
        )
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock)
            raise StateError(
                f"Another agent works with {path}; each needs a state_path"
                " of its own."
            ) from None

    def close(self) -> None:
        os.close(self._lock)

    def next_boot(self) -> int:
        """A number above all earlier ones, even when the disk was lost."""
        path = self._path / "boot"
        try:
            last = int(path.read_text())
        except (FileNotFoundError, ValueError):
            last = 0
        boot = max(last + 1, int(self._clock()))
        with open(self._write(path, str(boot)), "rb") as written:
            os.fsync(written.fileno())
        return boot

    def load(self) -> dict[str, tuple[list[wire.Wanted], dict[str, Any]]]:
        """The incarnations wanted and the books of each set, by id."""
        return load(self._path)

    def keep_networks(self, networks: Iterable[str]) -> None:
        """Note the networks that conductors take addresses of sets from."""
        self._write(self._path / "networks", json.dumps(list(networks)))

    def save(
        self,
        set_id: str,
        wanted: Iterable[Mapping[str, Any]],
        book: Mapping[str, Any],
    ) -> None:
        """:param wanted: :meth:`wire.Wanted.to_dict` of each incarnation."""
        text = json.dumps({"wanted": list(wanted), "book": book})
        self._write(self._sets / f"{set_id}.json", text)

    def forget(self, set_id: str) -> None:
        (self._sets / f"{set_id}.json").unlink(missing_ok=True)

    @staticmethod
    def _write(path: pathlib.Path, text: str) -> pathlib.Path:
        new = path.with_suffix(".new")
        flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_CLOEXEC
        with os.fdopen(os.open(new, flags, 0o600), "w") as file:
            file.write(text)
        new.replace(path)
        return path
