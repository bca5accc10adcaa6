"""From the host into a container, for good."""

import contextlib
import os
import select
import time

from caas.agent.inside import groups, outside
from caas.agent.inside.outside import FIRST, STDERR, STDOUT, Problem
from caas.agent.inside.privileges import Privileges, join_namespace
from caas.drivers.runtime.membership import is_of

#: In this order: to join that of mounts changes what paths mean.  Never that
#: of pids: while the container cannot see this process it cannot open
#: ``/proc/PID/exe``, which is a file of the host, nor trace or signal it.
_NAMESPACES = ("ipc", "uts", "net", "mnt")


def enter(pid: int, pidfd: int, runtime_id: str) -> None:
    """Become what the first process of a container is.

    Everything is opened by way of ``/proc/PID`` first.  That it was of the
    container is known when the process of ``pidfd``, which is in the
    container's cgroup, still runs after that.

    :param runtime_id: of the container in the engine.
    :raises Problem: it does not run any more, or cannot be entered.
    """
    # what time.localtime() might else read in the container
    time.tzset()
    try:
        proc = os.open(f"/proc/{pid}", os.O_PATH | os.O_DIRECTORY)
        cgroups = _read(proc, "cgroup")
        root = os.open("root", os.O_PATH | os.O_DIRECTORY, dir_fd=proc)
        namespaces = [
            os.open(f"ns/{name}", os.O_RDONLY, dir_fd=proc)
            for name in _NAMESPACES
        ]
        owner = os.stat("ns/user", dir_fd=proc)
        directory = os.readlink("cwd", dir_fd=proc)
    except OSError as e:
        raise Problem(409, "The container does not run.") from e
    mine = os.stat("/proc/self/ns/user")
    if (owner.st_dev, owner.st_ino) != (mine.st_dev, mine.st_ino):
        user = os.open("ns/user", os.O_RDONLY, dir_fd=proc)
    else:
        user = -1
    if _ended(pidfd) or not is_of(cgroups, runtime_id):
        raise Problem(409, "The container does not run.")

    # of all in its cgroup, this is what the kernel shall kill first
    with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write("1000")
    groups.join(cgroups)
    for namespace in namespaces:
        join_namespace(namespace)
    os.fchdir(root)
    os.chroot(".")
    if user >= 0:
        join_namespace(user)
    # as seen from its own user namespace, if it has one
    privileges = Privileges.of(_read(proc, "status"))
    os.dup2(pidfd, FIRST)
    os.closerange(FIRST + 1, os.sysconf("SC_OPEN_MAX"))
    privileges.take()
    os.umask(0o022)
    # where its own command began; / if it may not, or that is elsewhere
    with contextlib.suppress(OSError):
        os.chdir(directory)
    for pipe in (STDOUT, STDERR):
        os.set_blocking(pipe, False)
    outside.seal()


def _read(proc: int, name: str) -> str:
    fd = os.open(name, os.O_RDONLY | os.O_CLOEXEC, dir_fd=proc)
    with open(fd, encoding="utf-8", errors="surrogateescape") as file:
        return file.read()


def _ended(pidfd: int) -> bool:
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(0))
