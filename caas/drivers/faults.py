"""What tests may do to the fakes of a host: fail, hold and watch calls.

One :class:`Faults` is shared by all fakes of one host, so that ``calls`` is
the order in which things happened on it::

    faults = Faults()
    runtime, network = FakeRuntime(faults=faults), FakeNetwork(faults=faults)
    faults.fail("runtime.start", EngineError("no"), times=1)
    with faults.hold("image.ensure") as gate:
        ...
        gate.wait_for_callers(2)
"""

import contextlib
import dataclasses
import threading
from collections.abc import Callable, Iterator

#: Longest a held call waits, so that a test that forgot it does not hang.
HOLD_LIMIT = 60.0


@dataclasses.dataclass(frozen=True)
class Call:
    """:ivar subject: what it was about: a container name or id, a set id."""

    method: str
    subject: str


@dataclasses.dataclass
class _Fault:
    method: str
    error: Exception
    times: int | None
    match: Callable[[str], bool]
    after: bool


class Gate:
    """Holds the calls of one method until it is opened."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._open = False
        self._waiting = 0

    def wait_for_callers(self, count: int = 1, timeout: float = 10.0) -> None:
        """Return once ``count`` calls are being held, or raise."""
        with self._changed:
            if not self._changed.wait_for(
                lambda: self._waiting >= count, timeout
            ):
                raise TimeoutError(
                    f"{self._waiting} of {count} calls came in {timeout} s"
                )

    def open(self) -> None:
        with self._changed:
            self._open = True
            self._changed.notify_all()

    def _pass(self) -> None:
        with self._changed:
            self._waiting += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._open, HOLD_LIMIT)
            self._waiting -= 1


class Faults:
    """:ivar calls: every call so far, oldest first."""

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self._lock = threading.Lock()
        self._faults: list[_Fault] = []
        self._gates: list[tuple[str, Callable[[str], bool], Gate]] = []

    def fail(
        self,
        method: str,
        error: Exception,
        *,
        times: int | None = 1,
        match: Callable[[str], bool] = lambda subject: True,
        after: bool = False,
    ) -> None:
        """Have the next calls of ``method`` raise.

        :param method: such as ``runtime.create`` or ``network.plug``.
        :param times: how many calls, None for all from now on.
        :param match: which subjects.
        :param after: do the work first, then raise: an answer that got lost.
        """
        with self._lock:
            self._faults.append(_Fault(method, error, times, match, after))

    def clear(self) -> None:
        """Forget the faults not used up and open every gate."""
        with self._lock:
            self._faults.clear()
            gates = [gate for _, _, gate in self._gates]
            self._gates.clear()
        for gate in gates:
            gate.open()

    @contextlib.contextmanager
    def hold(
        self,
        method: str,
        match: Callable[[str], bool] = lambda subject: True,
    ) -> Iterator[Gate]:
        """Hold calls of ``method`` until the gate opens or the block ends."""
        gate = Gate()
        entry = (method, match, gate)
        with self._lock:
            self._gates.append(entry)
        try:
            yield gate
        finally:
            with self._lock:
                if entry in self._gates:
                    self._gates.remove(entry)
            gate.open()

    @contextlib.contextmanager
    def call(self, method: str, subject: str = "") -> Iterator[None]:
        """For the fakes: note the call, hold it, have it fail."""
        with self._lock:
            self.calls.append(Call(method, subject))
            gates = [
                gate
                for name, match, gate in self._gates
                if name == method and match(subject)
            ]
        for gate in gates:
            gate._pass()
        self._raise(method, subject, after=False)
        yield
        self._raise(method, subject, after=True)

    def _raise(self, method: str, subject: str, *, after: bool) -> None:
        with self._lock:
            for fault in self._faults:
                if (
                    fault.method == method
                    and fault.after == after
                    and fault.match(subject)
                ):
                    if fault.times is not None:
                        fault.times -= 1
                        if fault.times == 0:
                            self._faults.remove(fault)
                    raise fault.error
