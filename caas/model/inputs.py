"""What a user hands into the containers of a set when it is made.

It is not what a set is made of: nothing is replaced when it changes, and as it
may be large it goes neither with lists of sets nor with what hosts are told;
they ask for it by its digest.
"""

import base64
import dataclasses
import hashlib
import json
import pathlib
from collections.abc import Iterable
from typing import Any

from caas.model import spec

#: Most bytes of user data, as handed in: base64.
MAX_USER_DATA = 65535
#: Files of a set, bytes of each, and of its path.
MAX_FILES = 5
MAX_FILE = 65536
MAX_PATH = 255

#: Where business containers find what they are told of themselves.
FOLDER = "/run/caas"

#: Not of the file system of a container: what is written below is not seen.
_NOT_OF_IMAGE = ("/proc", "/sys", "/dev", FOLDER)
#: Files that all containers of a set have from its infra container.
_OF_NETWORK = ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf")


@dataclasses.dataclass(frozen=True)
class File:
    """:ivar path: absolute, in each container.
    :ivar contents: base64.
    """

    path: str
    contents: str

    @property
    def data(self) -> bytes:
        return base64.b64decode(self.contents)


@dataclasses.dataclass(frozen=True)
class Inputs:
    """:ivar user_data: base64; "" for none.
    :ivar files: written into each business container before its first start.
    """

    user_data: str = ""
    files: tuple[File, ...] = ()

    @property
    def digest(self) -> str:
        """Tells one from another; "" where there is nothing."""
        if self == Inputs():
            return ""
        text = json.dumps(self.to_dict(), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON types, the form on the wire."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Inputs":
        """The inverse of :meth:`to_dict`; unknown keys are ignored."""
        return cls(
            user_data=str(data.get("user_data") or ""),
            files=tuple(
                spec.pick(File, each) for each in data.get("files") or ()
            ),
        )


def unwritable(path: str, mounts: Iterable[str]) -> str:
    """Why no file can be written to a path of a container; "" if one can.

    Says nothing of what the image has there.

    :param mounts: paths at which something is mounted into it.
    :returns: the end of a sentence.
    """
    if (
        not path.startswith("/")
        or path.endswith("/")
        or not all(text.isprintable() for text in path)
        or {"..", "."} & set(path.split("/"))
    ):
        return "it is not an absolute path of a file"
    return covered(path, mounts)


def covered(path: str, mounts: Iterable[str]) -> str:
    """As :func:`unwritable`, of a path that is well-formed."""
    target = plain(path)
    for each in mounts:
        mount = plain(each)
        if target.is_relative_to(mount):
            return f"{each} is mounted there"
        if mount.is_relative_to(target):
            return f"it is a folder: {each} is mounted below"
    for each in _NOT_OF_IMAGE:
        if target.is_relative_to(each):
            return f"{each} is not of the image"
    if str(target) in _OF_NETWORK:
        return "all containers of the set share it"
    return ""


def plain(path: str) -> pathlib.PurePosixPath:
    """An absolute path in the one way to write it: "//" is no other root."""
    return pathlib.PurePosixPath("/" + path.lstrip("/"))
