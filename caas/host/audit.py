"""Notes of who went into a container from its host.

To the log of the system (authpriv, which journald and syslogd take at
``/dev/log``) or, on a host without one, to a file of the agent's.
"""

import datetime
import os
import pathlib
import pwd
import syslog

from caas.host.errors import REFUSED, HostError

_SOCKET = pathlib.Path("/dev/log")


def who() -> str:
    """Who is at the keyboard, as far as can be told."""
    uid = os.getuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = "?"
    sudo = os.environ.get("SUDO_USER", "")
    told = f"{name} (uid {uid})"
    # what an environment says must not look like more than one word
    return f"{sudo!r} as {told}" if sudo else told


def note(state_path: str, what: str) -> None:
    """:raises HostError: it can be written nowhere."""
    line = f"{who()} {what}"
    if _SOCKET.exists():
        syslog.openlog("caas-host", syslog.LOG_PID, syslog.LOG_AUTHPRIV)
        syslog.syslog(syslog.LOG_NOTICE, line)
        return
    at = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    path = pathlib.Path(state_path) / "entries.log"
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(path, flags, 0o600), "a") as file:
            file.write(f"{at} caas-host[{os.getpid()}]: {line}\n")
    except OSError as error:
        raise HostError(
            "There is no /dev/log, and it cannot be noted in "
            f"{path} that you enter ({error.strerror}): run it as root.",
            REFUSED,
        ) from error
