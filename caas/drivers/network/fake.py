"""A network in memory, held to the contract of the real one."""

import dataclasses
import threading
from collections.abc import Sequence
from typing import Any

from caas.drivers.faults import Faults
from caas.drivers.network import base
from caas.model import wire


@dataclasses.dataclass(frozen=True)
class Plugged:
    """:ivar pid: in whose network namespace the interface is."""

    project_id: str
    pid: int
    nic: wire.Nic


class FakeNetwork(base.Network):
    """:ivar prepared: set ids; :ivar plugged: interfaces by set id.
    :ivar pulled: set ids whose interface somebody has removed.
    """

    def __init__(
        self, conf: Any = None, *, faults: Faults | None = None
    ) -> None:
        self.faults = faults or Faults()
        self.prepared: set[str] = set()
        self.plugged: dict[str, Plugged] = {}
        self.pulled: set[str] = set()
        self._lock = threading.Lock()

    def prepare(self, set_id: str, project_id: str) -> None:
        with self.faults.call("network.prepare", set_id), self._lock:
            self.prepared.add(set_id)

    def plug(
        self, set_id: str, project_id: str, pid: int, nic: wire.Nic
    ) -> None:
        with self.faults.call("network.plug", set_id), self._lock:
            if pid <= 0:
                raise base.NetworkError(
                    "The infra container of the set does not run."
                )
            self.plugged[set_id] = Plugged(project_id, pid, nic)

    def unplug(self, set_id: str) -> None:
        with self.faults.call("network.unplug", set_id), self._lock:
            self.prepared.discard(set_id)
            self.plugged.pop(set_id, None)

    def list(self) -> Sequence[str]:
        with self.faults.call("network.list"), self._lock:
            return sorted(self.prepared | self.plugged.keys())

    def tend(self) -> Sequence[str]:
        with self.faults.call("network.tend"), self._lock:
            lost, self.pulled = sorted(self.pulled), set()
            for set_id in lost:
                self.plugged.pop(set_id, None)
            return lost
