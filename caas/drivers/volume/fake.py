"""Volumes in memory, held to the contract of the real ones."""

import pathlib
import threading
from collections.abc import Sequence
from typing import Any

from caas.drivers.faults import Faults
from caas.drivers.volume import base


class FakeVolume(base.Volume):
    """:ivar volumes: sub paths of each, by set id."""

    def __init__(
        self,
        conf: Any = None,
        *,
        faults: Faults | None = None,
        capacity_gb: int = 1000,
    ) -> None:
        self.faults = faults or Faults()
        self.volumes: dict[str, set[str]] = {}
        self._capacity_gb = capacity_gb
        self._lock = threading.Lock()

    def create(
        self, set_id: str, size_gb: int, sub_paths: Sequence[str] = ()
    ) -> str:
        with self.faults.call("volume.create", set_id), self._lock:
            for sub_path in sub_paths:
                if ".." in pathlib.PurePosixPath(sub_path).parts:
                    raise base.VolumeError(
                        f"The sub path {sub_path!r} leaves the volume."
                    )
            self.volumes.setdefault(set_id, set()).update(sub_paths)
            return f"/fake/volumes/{set_id}"

    def source(self, set_id: str, sub_path: str) -> str:
        with self.faults.call("volume.source", set_id), self._lock:
            if sub_path and sub_path not in self.volumes.get(set_id, ()):
                raise base.VolumeError(
                    f"The volume has no sub path {sub_path!r}."
                )
            return f"/fake/volumes/{set_id}/{sub_path}".rstrip("/")

    def delete(self, set_id: str) -> None:
        with self.faults.call("volume.delete", set_id), self._lock:
            self.volumes.pop(set_id, None)

    def list(self) -> Sequence[str]:
        with self.faults.call("volume.list"), self._lock:
            return sorted(self.volumes)

    def capacity_gb(self) -> int:
        with self.faults.call("volume.capacity_gb"):
            return self._capacity_gb
