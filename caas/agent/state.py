"""What the agent keeps on disk: its list, its books and a boot number.

One small file for each set, so that a burst of sets writes each of them once.
A file is replaced as a whole, so a killed agent leaves the old or the new
one.  It is not forced to the disk: what a power cut takes from it comes again
with the first full list, and all containers have ended by then anyway.
"""

import fcntl
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


class State:
    """:param path: folder of the agent, made if it is not there."""

    def __init__(
        self, path: pathlib.Path, clock: Callable[[], float] = time.time
    ) -> None:
        self._path = path
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
        loaded = {}
        for path in sorted(self._sets.glob("*.json")):
            try:
                data = json.loads(path.read_text())
                wanted = [wire.Wanted.from_dict(w) for w in data["wanted"]]
                loaded[path.stem] = wanted, dict(data["book"])
            except (ValueError, KeyError, TypeError) as error:
                LOG.error("%s cannot be read and is left out: %s", path, error)
        return loaded

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
