"""The files by which the containers of a set know names.

Docker would make them with a network of its own; ours has none, which saves
the start of an infra container half its time.
"""

import ipaddress
import pathlib
import shutil
from collections.abc import Mapping, Sequence

from caas.drivers.runtime.base import EngineError

_LOCAL = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
_RESOLV = (
    "/etc/resolv.conf",
    # where systemd-resolved keeps the servers behind its stub
    "/run/systemd/resolve/resolv.conf",
)


class Names:
    """:param folder: holds a folder with the files of each set."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._folder = folder

    def write(
        self, set_id: str, hosts: Mapping[str, str], dns: Sequence[str]
    ) -> dict[str, str]:
        """Write the files of a set.

        :param hosts: addresses by name.
        :param dns: addresses of name servers; those of the host if empty.
        :returns: where they are, by where they belong.
        """
        folder = self._of(set_id)
        named = "".join(f"{a}\t{name}\n" for name, a in hosts.items())
        content = {
            "/etc/hosts": _LOCAL + named,
            "/etc/resolv.conf": (
                "".join(f"nameserver {server}\n" for server in dns)
                or _of_host()
            ),
        }
        found = {}
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for target, text in content.items():
                path = folder / pathlib.PurePosixPath(target).name
                # in place: running containers have this very file
                path.write_text(text, encoding="utf-8")
                path.chmod(0o644)
                found[target] = str(path)
        except OSError as e:
            raise EngineError(
                f"The names of the set cannot be written: {e.strerror}."
            ) from e
        return found

    def remove(self, set_id: str) -> None:
        shutil.rmtree(self._of(set_id), ignore_errors=True)

    def _of(self, set_id: str) -> pathlib.Path:
        if "/" in set_id or set_id.startswith(".") or not set_id:
            raise EngineError(f"{set_id!r} is no id of a set.", permanent=True)
        return self._folder / set_id


def _of_host(paths: Sequence[str] = _RESOLV) -> str:
    """The resolver of the host, as far as a container can use it."""
    for path in paths:
        try:
            text = pathlib.Path(path).read_text("utf-8", "replace")
        except OSError:
            continue
        usable = [line for line in text.splitlines() if not _is_local(line)]
        if any(line.startswith("nameserver") for line in usable):
            return "\n".join(usable) + "\n"
    return ""


def _is_local(line: str) -> bool:
    """A name server on the loopback, which is another one in a container."""
    words = line.split()
    if len(words) < 2 or words[0] != "nameserver":
        return False
    try:
        return ipaddress.ip_address(words[1].partition("%")[0]).is_loopback
    except ValueError:
        return True
