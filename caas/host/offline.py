"""What an engine that does not answer has written about its containers.

Its own files, which it keeps for itself to read at its next start: their form
has been the same since Docker 1.10.  What they say of a process is not taken
for true unless that process is in the container's control group.
"""

import json
import pathlib
import socket
import struct
from typing import Any

from caas.drivers.runtime.membership import is_of, text_of

DEFAULT_ROOT = "/var/lib/docker"
DEFAULT_CONFIG = "/etc/docker/daemon.json"

_CREDENTIALS = struct.Struct("3i")


def root_of(url: str) -> pathlib.Path:
    """The folder of an engine, by what its process was started with.

    It lets connect even while it hangs, and the kernel says who listens.
    """
    words: list[str] = []
    if url.startswith("unix://"):
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(1)
                connection.connect(url.removeprefix("unix://"))
                told = connection.getsockopt(
                    socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size
                )
            pid = _CREDENTIALS.unpack(told)[0]
            text = pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().decode()
            words = text.rstrip("\0").split("\0")
        except (OSError, ValueError):
            words = []
    if root := (_option(words, "--data-root") or _option(words, "-g")):
        return pathlib.Path(root)
    file = _option(words, "--config-file") or DEFAULT_CONFIG
    try:
        told_root = json.loads(pathlib.Path(file).read_text()).get("data-root")
    except (OSError, ValueError, AttributeError):
        told_root = None
    return pathlib.Path(told_root or DEFAULT_ROOT)


def _option(words: list[str], name: str) -> str:
    for number, word in enumerate(words):
        if word == name:
            return "".join(words[number + 1 : number + 2])
        if word.startswith(f"{name}="):
            return word.partition("=")[2]
    return ""


def containers(root: pathlib.Path) -> list[dict[str, Any]]:
    """Much as the engine would show them; one whose process is not there has
    the state ``unknown``."""
    found = []
    for file in (root / "containers").glob("*/config.v2.json"):
        try:
            raw = json.loads(file.read_text())
            state, labels = raw["State"], raw["Config"]["Labels"]
            pid = int(state.get("Pid") or 0)
            if not isinstance(labels, dict):
                continue
        except (OSError, ValueError, KeyError, TypeError):
            continue
        runs = bool(pid) and is_of(text_of(pid), str(raw["ID"]))
        paused = "paused" if state.get("Paused") else "running"
        raw["State"] = {
            "Status": paused if runs else "unknown",
            "Pid": pid if runs else 0,
        }
        found.append(raw)
    return found
