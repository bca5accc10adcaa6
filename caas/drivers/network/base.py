"""How a set gets its one interface and address."""

import abc
from collections.abc import Sequence

from caas.model import wire


class NetworkError(Exception):
    """The interface could not be plugged; the message says why."""


class Network(abc.ABC):
    """Plugs the infra container, before any business container starts."""

    @abc.abstractmethod
    def prepare(self, set_id: str, project_id: str) -> None:
        """Do ahead what needs no process yet; may run beside its start."""

    @abc.abstractmethod
    def plug(
        self, set_id: str, project_id: str, pid: int, nic: wire.Nic
    ) -> None:
        """Give the network namespace of ``pid`` its interface and address.

        Plugging what is plugged is cheap and changes nothing.
        """

    @abc.abstractmethod
    def unplug(self, set_id: str) -> None:
        """Remove whatever prepare and plug made; nothing there is no error."""

    @abc.abstractmethod
    def list(self) -> Sequence[str]:
        """Set ids something is plugged for (what a crash may have left)."""

    @abc.abstractmethod
    def tend(self) -> Sequence[str]:
        """Set right what else on this host may have changed of ours.

        Called now and then.

        :returns: ids of sets that were plugged and have no interface now;
            to plug them again is up to the caller.
        """
