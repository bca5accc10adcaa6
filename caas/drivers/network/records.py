"""What is plugged on this host, in one small file for each set.

The kernel drops an interface with its namespace, and then nothing tells whose
route and whose bridge are left: these files do, also after a crash.
"""

import contextlib
import dataclasses
import json
import os
import pathlib
import threading

from caas.drivers.network.base import NetworkError


@dataclasses.dataclass(frozen=True)
class Record:
    """:ivar address: None until the set was plugged."""

    project_id: str
    address: str | None = None


class Records:
    """:param folder: made when needed, read when first used."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._known: dict[str, Record] | None = None

    def all(self) -> dict[str, Record]:
        """By set id; a copy."""
        with self._lock:
            return dict(self._loaded())

    def get(self, set_id: str) -> Record | None:
        with self._lock:
            return self._loaded().get(set_id)

    def put(self, set_id: str, record: Record) -> None:
        with self._lock:
            known = self._loaded()
            if known.get(set_id) == record:
                return
            path = self._path(set_id)
            fresh = path.with_suffix(".new")
            fresh.write_text(json.dumps(dataclasses.asdict(record)))
            fresh.replace(path)
            known[set_id] = record

    def drop(self, set_id: str) -> None:
        with self._lock:
            self._loaded().pop(set_id, None)
            self._path(set_id).unlink(missing_ok=True)

    def _path(self, set_id: str) -> pathlib.Path:
        if os.sep in set_id or set_id.startswith("."):
            raise NetworkError(f"{set_id!r} is no id of a set.")
        return self._folder / f"{set_id}.json"

    def _loaded(self) -> dict[str, Record]:
        if self._known is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._known = {}
            for path in self._folder.glob("*.json"):
                # none is ever half written; what is unreadable is not ours
                with contextlib.suppress(ValueError, TypeError):
                    self._known[path.stem] = Record(
                        **json.loads(path.read_text())
                    )
        return self._known
