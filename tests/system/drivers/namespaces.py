"""Stand-ins for infra containers: a process in a network namespace."""

import os
import pathlib
import subprocess
import time

BUSYBOX = os.environ.get("CAAS_TEST_BUSYBOX", "/bin/busybox")


class Namespace:
    """A process with a network namespace of its own."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(["unshare", "--net", "sleep", "1000"])
        self.pid = self._process.pid
        own = os.readlink("/proc/self/ns/net")
        deadline = time.monotonic() + 10
        while os.readlink(f"/proc/{self.pid}/ns/net") == own:
            assert time.monotonic() < deadline
            time.sleep(0.005)

    def run(self, *command: str, check: bool = True) -> str:
        """The output of a command in the namespace."""
        done = subprocess.run(
            ["nsenter", f"--target={self.pid}", "--net", *command],
            capture_output=True,
            text=True,
            check=False,
        )
        if check:
            assert done.returncode == 0, f"{command}: {done.stderr}"
        return done.stdout

    def reaches(self, address: str, wait: int = 5) -> bool:
        """Whether a ping is answered within ``wait`` seconds."""
        ping = (BUSYBOX, "ping", "-c", "1", "-W", str(wait), address)
        return " 0% packet loss" in self.run(*ping, check=False)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


def host_reaches(address: str) -> bool:
    done = subprocess.run(
        [BUSYBOX, "ping", "-c", "1", "-W", "5", address],
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


def rules(*command: str) -> list[str]:
    """The rules of the packet filter, without their counters."""
    output = subprocess.run(
        command or ("iptables-save",),
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return [
        line.split(" [")[0]
        for line in output.splitlines()
        if not line.startswith("#")
    ]


def interfaces(prefix: str) -> list[str]:
    """Names of the interfaces of the host that begin so."""
    lines = (
        pathlib.Path("/proc/net/dev")
        .read_text(encoding="utf-8")
        .splitlines()[2:]
    )
    names = [line.split(":")[0].strip() for line in lines]
    return [name for name in names if name.startswith(prefix)]
