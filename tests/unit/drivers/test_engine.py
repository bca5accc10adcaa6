"""Answers of Docker Engines, 20.10 to 28, as sentences."""

import pytest

from caas.drivers.runtime.base import Absent, Conflict
from caas.drivers.runtime.engine import clean, translate

WHAT = "The container cannot be started"


@pytest.mark.parametrize(
    ("status", "text", "permanent", "sentence"),
    [
        (
            400,
            "failed to create shim task: OCI runtime create failed: runc "
            "create failed: unable to start container process: exec: "
            '"nginx": executable file not found in $PATH: unknown',
            True,
            f'{WHAT}: exec: "nginx": executable file not found in $PATH.',
        ),
        (
            400,
            "OCI runtime create failed: container_linux.go:380: starting "
            'container process caused: exec: "nginx": executable file not '
            "found in $PATH: unknown",
            True,
            f'{WHAT}: exec: "nginx": executable file not found in $PATH.',
        ),
        (
            500,
            "failed to create task for container: failed to create shim "
            "task: OCI runtime create failed: runc create failed: unable to "
            'start container process: error during container init: exec: "/x"'
            ": permission denied: unknown",
            True,
            f'{WHAT}: exec: "/x": permission denied.',
        ),
        (
            500,
            "OCI runtime exec failed: exec failed: unable to start container "
            'process: exec: "/x": permission denied: unknown\r\n',
            True,
            f'{WHAT}: exec: "/x": permission denied.',
        ),
        (
            500,
            "unable to find user joe: no matching entries in passwd file",
            True,
            f"{WHAT}: unable to find user joe: no matching entries in passwd "
            "file.",
        ),
        (
            400,
            "failed to create shim task: OCI runtime create failed: runc "
            "create failed: unable to start container process: error during "
            "container init: open /proc/sys/net/ipv4/nonsense: no such file "
            "or directory: unknown",
            True,
            f"{WHAT}: the kernel of this host has no parameter "
            "net.ipv4.nonsense for a set.",
        ),
        (
            500,
            "failed to create task for container: failed to create shim "
            "task: OCI runtime create failed: runc create failed: unable to "
            "start container process: error during container init: write "
            "sysctl key net.core.somaxconn: write /proc/sys/net/core/"
            "somaxconn: invalid argument: unknown",
            True,
            f"{WHAT}: the kernel parameter net.core.somaxconn does not take "
            "its value: invalid argument.",
        ),
        (
            400,
            "failed to create shim task: OCI runtime create failed: runc "
            "create failed: unable to start container process: error during "
            "container init: error setting rlimits for ready process: error "
            "setting rlimit type 7: operation not permitted: unknown",
            True,
            f"{WHAT}: the ulimit nofile is more than the engine of this host "
            "can give (rlimit type 7: operation not permitted).",
        ),
        (
            400,
            'sysctl "vm.swappiness" is not in a separate kernel namespace',
            True,
            f'{WHAT}: sysctl "vm.swappiness" is not in a separate kernel '
            "namespace.",
        ),
        (
            400,
            'invalid mount config for type "bind": bind source path does not '
            "exist: /var/lib/lxcfs/proc/cpuinfo",
            False,
            f'{WHAT}: mounting "cpuinfo" of this host, which cannot be found.',
        ),
        (
            400,
            'invalid mount config for type "bind": stat /var/lib/lxcfs/proc/'
            "cpuinfo: transport endpoint is not connected",
            False,
            f'{WHAT}: mounting "cpuinfo" of this host, which cannot be found.',
        ),
        (
            400,
            "No such container: 12ab",
            False,
            f"{WHAT}: No such container: 12ab.",
        ),
        (
            400,
            "Requested CPUs are not available - requested 5, available: 0-1",
            True,
            f"{WHAT}: Requested CPUs are not available - requested 5, "
            "available: 0-1.",
        ),
        (
            400,
            "the working directory 'a' is invalid, it needs to be an "
            "absolute path",
            True,
            f"{WHAT}: the working directory 'a' is invalid, it needs to be "
            "an absolute path.",
        ),
        (
            400,
            "failed to create task for container: failed to create shim "
            "task: OCI runtime create failed: runc create failed: unable to "
            "start container process: error during container init: error "
            'mounting "/var/lib/caas/volumes/1/data" to rootfs at "/etc": '
            "mount src=/var/lib/caas/volumes/1/data, dst=/etc, flags=MS_BIND:"
            " not a directory: unknown: Are you trying to mount a directory "
            "onto a file (or vice-versa)? Check if the specified host path "
            "exists and is the expected type",
            True,
            f'{WHAT}: error mounting the volume at "/etc": are you trying to '
            "mount a directory onto a file.",
        ),
        (
            400,
            "OCI runtime create failed: runc create failed: unable to start "
            "container process: error during container init: error mounting "
            '"/var/lib/docker/containers/ab/mounts/shm" to rootfs at '
            '"/dev/shm": no such file or directory: unknown',
            False,
            f'{WHAT}: error mounting the volume at "/dev/shm".',
        ),
        (
            409,
            "cannot join network of a non running container: 12ab",
            False,
            f"{WHAT}: cannot join network of a non running container: 12ab.",
        ),
        (
            500,
            "error creating overlay mount to /var/lib/docker/overlay2/12/"
            "merged: no space left on device",
            False,
            f"{WHAT}: error creating overlay mount to ...: no space left on "
            "device.",
        ),
        (
            500,
            "dial unix /run/containerd/containerd.sock: connect: connection "
            "refused",
            False,
            f"{WHAT}: dial unix ...: connect: connection refused.",
        ),
        (503, "node is busy", False, f"{WHAT}: node is busy."),
    ],
)
def test_translate(
    status: int, text: str, permanent: bool, sentence: str
) -> None:
    error = translate(WHAT, status, text)
    assert error.message == sentence
    assert error.permanent == permanent


def test_what_is_absent() -> None:
    image = translate(WHAT, 404, "No such image: a:b")
    assert isinstance(image, Absent)
    assert image.permanent
    container = translate(WHAT, 404, "No such container: 12ab")
    assert isinstance(container, Absent)
    assert not container.permanent


def test_conflict_may_pass() -> None:
    error = translate(WHAT, 409, "removal of container 1 is in progress")
    assert isinstance(error, Conflict)
    assert not error.permanent


def test_no_folder_of_the_host_is_told() -> None:
    text = (
        "Cannot unpause container 0a1b: OCI runtime resume failed: read "
        "/sys/fs/cgroup/caas.slice/docker-0a1b.scope/cgroup.freeze: no such "
        "device: unknown"
    )
    assert translate("The container cannot be thawed", 500, text).message == (
        "The container cannot be thawed: Cannot unpause container 0a1b: OCI "
        "runtime resume failed: read ...: no such device."
    )


def test_one_line() -> None:
    assert clean("a\n  b\tc") == "a b c"


def test_an_infra_container_that_just_ended_is_no_fault_for_good() -> None:
    error = translate(
        "The container cannot be started",
        500,
        "unable to create new parent process: namespace path: lstat "
        "/proc/9045/ns/ipc: no such file or directory",
    )
    assert not error.permanent
