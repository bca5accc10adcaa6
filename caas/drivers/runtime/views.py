"""What containers see of their own limits, and are told of their set.

A folder for each container, which is mounted into it: its files are replaced
when something changes, so that who reads one reads all of it.  What all of a
set are told is in one folder of the set, and linked from those.
"""

import os
import pathlib
import re
import shutil
from collections.abc import Container, Mapping
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

#: Folder of the files that all containers of a set have; no name of one.
_COMMON = ".set"
#: Files that each container has of its own.
_OWN = ("cpu", "memory")
_SCRIPT = b"#!"
_USER_DATA = "user_data"

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
            self._make(folder)
            # the container's user reads it, whoever that is
            folder.chmod(0o755)
            _write(folder, share)
            _link(self._of(set_id) / _COMMON, folder)
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

    def _make(self, folder: pathlib.Path) -> None:
        """Nobody on the host has to look into it, who does not know its
        name; an engine in a user namespace has to get through."""
        for each in (self._folder, folder.parent):
            each.mkdir(parents=True, exist_ok=True)
            each.chmod(0o711)
        folder.mkdir(exist_ok=True)

    def show(self, set_id: str, files: Mapping[str, bytes]) -> None:
        """Have all containers of a set find these files, by name."""
        folder = self._of(set_id) / _COMMON
        try:
            self._make(folder)
            folder.chmod(0o700)
            for name, data in files.items():
                _put(folder, _checked(name), data)
            _keep_only(folder, files)
            # one that is being made meanwhile links them itself
            for each in folder.parent.iterdir():
                if each.name != _COMMON:
                    _link(folder, each)
        except OSError as e:
            raise EngineError(
                "What the containers are told cannot be written for them: "
                f"{e.strerror}."
            ) from e

    def script(self, set_id: str) -> bool:
        """Whether the user data of a set are a script."""
        path = self._of(set_id) / _COMMON / _USER_DATA
        try:
            with path.open("rb") as file:
                return file.read(len(_SCRIPT)) == _SCRIPT
        except FileNotFoundError:
            return False

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
        if config.share is not None and not hidden(config):
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


def hidden(config: ContainerConfig) -> bool:
    """A mount of the user's leaves no place for them."""
    return any(
        bind.target.rstrip("/") in _OVER
        or bind.target.startswith(f"{VIEW_TARGET}/")
        for bind in config.binds
    )


def _write(folder: pathlib.Path, share: Share) -> None:
    for name, text in zip(_OWN, (share.cpu, share.memory), strict=True):
        _put(folder, name, f"{text}\n".encode("ascii"))


def _put(folder: pathlib.Path, name: str, data: bytes) -> None:
    # hidden from whoever lists *
    new = folder / f".{name}"
    new.write_bytes(data)
    new.chmod(0o755 if data.startswith(_SCRIPT) else 0o644)
    new.rename(folder / name)


def _link(common: pathlib.Path, folder: pathlib.Path) -> None:
    """Have what is in the one in the other, and nothing that was."""
    names = []
    if common.is_dir():
        names = [n for n in os.listdir(common) if not n.startswith(".")]
    for name in names:
        new = folder / f".{name}"
        # of one that was killed at it
        new.unlink(missing_ok=True)
        os.link(common / name, new)
        new.rename(folder / name)
        # it stays where both are one file already
        new.unlink(missing_ok=True)
    _keep_only(folder, {*names, *_OWN})


def _keep_only(folder: pathlib.Path, names: Container[str]) -> None:
    for name in os.listdir(folder):
        if name not in names and not name.startswith("."):
            (folder / name).unlink()


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise EngineError(f"{name!r} cannot be a folder.", permanent=True)
    return name
