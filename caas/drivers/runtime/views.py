"""What containers see of their own limits.

A folder for each container, which is mounted into it: its files are replaced
when the limits change, so that who reads one reads all of it.
"""

import os
import pathlib
import re
import shutil
from collections.abc import Mapping
from typing import Any

from caas.drivers.runtime.base import (
    LABEL_CONTAINER,
    LABEL_SET,
    VIEW_TARGET,
    ContainerConfig,
    EngineError,
    Share,
)

_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z_.-]*")

#: A mount of the user's on one of these leaves no place for VIEW_TARGET.
_OVER = ("/run", "/var/run", VIEW_TARGET)

#: Files of /proc and the folder of CPUs that lxcfs makes for each reader.
_LXCFS = (
    "/proc/cpuinfo",
    "/proc/diskstats",
    "/proc/loadavg",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/swaps",
    "/proc/uptime",
    "/sys/devices/system/cpu",
)


class Views:
    """:param folder: holds a folder of each set, with one of each container.

    :param lxcfs: where lxcfs is mounted if it is; None to do without it.
    """

    def __init__(
        self, folder: pathlib.Path, lxcfs: pathlib.Path | None = None
    ) -> None:
        self._folder = folder
        self._lxcfs = lxcfs

    def make(self, set_id: str, container_id: str, share: Share) -> str:
        """Write the files of a container.

        :returns: the folder they are in.
        """
        folder = self._of(set_id) / _checked(container_id)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # the container's user reads it, whoever that is
            folder.chmod(0o755)
            _write(folder, share)
        except OSError as e:
            raise EngineError(
                "What the container may use cannot be written for it: "
                f"{e.strerror}."
            ) from e
        return str(folder)

    def update(self, set_id: str, shares: Mapping[str, Share]) -> None:
        """Write anew the files of those containers that have some."""
        folder = self._of(set_id)
        for container_id, share in shares.items():
            if (folder / _checked(container_id)).is_dir():
                self.make(set_id, container_id, share)

    def remove(self, set_id: str) -> None:
        shutil.rmtree(self._of(set_id), ignore_errors=True)

    def of_kernel(self) -> dict[str, str]:
        """Files of lxcfs by where they belong; none if it does not run."""
        root = self._lxcfs
        if root is None or not os.path.ismount(root):
            return {}
        try:
            # of one that died the kernel still has an answer to the above
            os.listdir(root / "proc")
        except OSError:
            return {}
        found = {target: f"{root}{target}" for target in _LXCFS}
        return {t: path for t, path in found.items() if os.path.exists(path)}

    def mounts(self, config: ContainerConfig) -> list[dict[str, Any]]:
        """Mounts by which a container sees its own limits."""
        shown = self.of_kernel()
        taken = any(
            bind.target.rstrip("/") in _OVER
            or bind.target.startswith(f"{VIEW_TARGET}/")
            for bind in config.binds
        )
        if config.share is not None and not taken:
            shown[VIEW_TARGET] = self.make(
                config.labels[LABEL_SET],
                config.labels[LABEL_CONTAINER],
                config.share,
            )
        return [
            {
                "Type": "bind",
                "Source": source,
                "Target": target,
                "ReadOnly": True,
            }
            for target, source in shown.items()
        ]

    def _of(self, set_id: str) -> pathlib.Path:
        return self._folder / _checked(set_id)


def _write(folder: pathlib.Path, share: Share) -> None:
    for name, text in (("cpu", share.cpu), ("memory", share.memory)):
        # hidden from whoever lists *
        new = folder / f".{name}"
        new.write_text(f"{text}\n", encoding="ascii")
        new.chmod(0o644)
        new.rename(folder / name)


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise EngineError(f"{name!r} cannot be a folder.", permanent=True)
    return name
