"""Packet filter rules for the bridges: a fixed number, in chains of ours.

Docker sets the policy of FORWARD to DROP and has bridged packets filtered
too, so even sets of one project need to be let through.
"""

import logging
import pathlib
import subprocess

from caas.drivers.network.base import NetworkError

LOG = logging.getLogger(__name__)

# Either tells that bridged packets may come by the packet filter.
_BRIDGE_FILTER = (
    pathlib.Path("/proc/sys/net/bridge/bridge-nf-call-iptables"),
    pathlib.Path("/sys/module/br_netfilter"),
)
#: Docker's own networks: what goes there is Docker's to judge.
_DOCKER = ("docker0", "br-+")


class Firewall:
    """:param bridges: pattern that matches the names of our bridges.
    :param chain: begins the names of our chains.
    :param command: iptables, of the back end that Docker uses.
    :param told: level at which the log is told of what is written.
    """

    def __init__(
        self, bridges: str, chain: str, command: str, told: int = logging.INFO
    ) -> None:
        self._told = told
        self._bridges = bridges
        self._forward = f"{chain}-FORWARD"
        self._nat = f"{chain}-POSTROUTING"
        self._command = command

    def ensure(self) -> None:
        """Let each set reach its project, the outside, and nobody else."""
        ours, chain = self._bridges, self._forward
        between = f"-A {chain} -i {ours} -o {ours}"
        # One bridge is one project.  Only where it is needed: the match has
        # the kernel load the filter for all bridges of the host.
        bridged = f"{between} -m physdev --physdev-is-bridged -j ACCEPT"
        rules = [
            *([bridged] if any(p.exists() for p in _BRIDGE_FILTER) else []),
            f"{between} -j DROP",
            *(f"-A {chain} -i {ours} -o {d} -j RETURN" for d in _DOCKER),
            f"-A {chain} -i {ours} -j ACCEPT",
            f"-A {chain} -o {ours} -m conntrack "
            "--ctstate RELATED,ESTABLISHED -j ACCEPT",
            f"-A {chain} -o {ours} -j DROP",
        ]
        there = self._save("filter")
        # Docker empties FORWARD's head when it starts, never DOCKER-USER; who
        # flushes all chains leaves one that nothing leads to
        docker = "-A FORWARD -j DOCKER-USER" in there
        hooks = ("DOCKER-USER", "FORWARD") if docker else ("FORWARD",)
        lines = []
        if not any(f"-A {hook} -j {chain}" in there for hook in hooks):
            lines.append(f"-I {hooks[0]} 1 -j {chain}")
        if [r for r in there if r.startswith(f"-A {chain} ")] != rules:
            # naming the chain empties it; all in one transaction
            lines = [f":{chain} - [0:0]", *rules, *lines]
        self._restore("filter", lines)

    def masquerade(self, network: str) -> None:
        """Have what leaves the host from ``network`` bear its address."""
        chain = self._nat
        rule = f"-A {chain} -s {network} ! -o {self._bridges} -j MASQUERADE"
        hook = f"-A POSTROUTING -j {chain}"
        there = self._save("nat")
        lines = []
        if not any(line.startswith(f":{chain} ") for line in there):
            lines.append(f":{chain} - [0:0]")
        lines += [line for line in (rule, hook) if line not in there]
        self._restore("nat", lines)

    def _save(self, table: str) -> list[str]:
        return self._run(f"{self._command}-save", "-t", table).splitlines()

    def _restore(self, table: str, lines: list[str]) -> None:
        if not lines:
            return
        text = "\n".join([f"*{table}", *lines, "COMMIT", ""])
        self._run(f"{self._command}-restore", "-w", "10", "-n", stdin=text)
        LOG.log(self._told, "Wrote %d lines to table %s", len(lines), table)

    def _run(self, *command: str, stdin: str = "") -> str:
        try:
            return subprocess.run(  # noqa: S603 - no part of it is a user's
                command,
                input=stdin,
                capture_output=True,
                check=True,
                text=True,
                timeout=30,
            ).stdout
        except subprocess.CalledProcessError as e:
            said = e.stderr.strip().splitlines()
            raise NetworkError(
                f"{command[0]} refused our rules: "
                f"{said[0] if said else e.returncode}."
            ) from e
        except (OSError, subprocess.TimeoutExpired) as e:
            raise NetworkError(f"{command[0]} cannot be run: {e}.") from e
