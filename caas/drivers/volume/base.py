"""Where the one volume of a set lives."""

import abc
from collections.abc import Sequence


class VolumeError(Exception):
    """The volume could not be made or removed; the message says why."""


class Volume(abc.ABC):
    @abc.abstractmethod
    def create(
        self, set_id: str, size_gb: int, sub_paths: Sequence[str] = ()
    ) -> str:
        """Make the volume, with folders for ``sub_paths``; return its path.

        A volume that is there is kept.  A sub path that would leave the
        volume (through ``..`` or a symbolic link) raises.
        """

    @abc.abstractmethod
    def source(self, set_id: str, sub_path: str) -> str:
        """The path to mount a place of the volume from.

        Always bind this, never the volume's path joined with ``sub_path``:
        whoever can write to the volume can put a link there at any time
        after :meth:`create` looked.

        :param sub_path: "" or one that :meth:`create` was given; call that
            once more before a start, for a reboot of the host undoes it.
        """

    @abc.abstractmethod
    def delete(self, set_id: str) -> None:
        """Remove it with all data; nothing there is no error."""

    @abc.abstractmethod
    def list(self) -> Sequence[str]:
        """Set ids that have a volume."""

    @abc.abstractmethod
    def capacity_gb(self) -> int:
        """Size of what volumes are made from, in GiB."""
