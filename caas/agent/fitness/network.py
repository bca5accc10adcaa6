"""Addresses that clash, forwarding, the packet filter."""

import dataclasses
import ipaddress
import logging
import pathlib
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence

from pyroute2 import IPRoute

from caas.agent.fitness.finding import Finding, ok, unfit, warning
from caas.drivers.network import bridge, namespaces
from caas.drivers.network.base import NetworkError
from caas.drivers.network.firewall import Firewall

_FORWARD = pathlib.Path("/proc/sys/net/ipv4/ip_forward")
_MAIN_TABLE = 254


@dataclasses.dataclass(frozen=True)
class Taken:
    """Addresses somebody else has.

    :ivar where: in words, such as "interface eth0".
    :ivar routed: they are beyond a gateway, not at an interface.
    :ivar agents: another agent of caas made the interface.
    """

    network: str
    where: str
    routed: bool = False
    agents: bool = False


def taken(prefix: str) -> list[Taken]:
    """All this host knows, but for bridges of ours.

    :param prefix: of their names.
    """
    found = []
    with IPRoute() as ipr:
        names, agents = {}, set()
        for link in ipr.link("dump"):
            name = link.get("ifname")
            names[link["index"]] = name
            if link.get("address") == bridge.mac_of(name):
                agents.add(name)
        for address in ipr.addr("dump", family=2):
            name = names.get(address["index"], "")
            if not name.startswith(f"{prefix}-"):
                own = address.get("local") or address.get("address")
                network = ipaddress.ip_network(
                    f"{own}/{address['prefixlen']}", strict=False
                )
                where = f"interface {name}"
                found.append(Taken(str(network), where, False, name in agents))
        for route in ipr.route("dump", family=2, table=_MAIN_TABLE):
            name = names.get(route.get("oif"), "")
            if route["dst_len"] and not name.startswith(f"{prefix}-"):
                gateway = route.get("gateway")
                where = (
                    f"route by way of {gateway}"
                    if gateway
                    else f"route to interface {name}"
                )
                found.append(
                    Taken(
                        f"{route.get('dst')}/{route['dst_len']}",
                        where,
                        bool(gateway),
                        name in agents,
                    )
                )
    return found


def engines(subnets: Iterable[tuple[str, str]]) -> list[Taken]:
    """:param subnets: of :class:`caas.agent.fitness.engine.EngineFacts`."""
    return [Taken(n, f"network {name} of Docker") for name, n in subnets]


def forwards() -> bool:
    return _FORWARD.read_text().strip() == "1"


def try_rules(command: str) -> None:
    """Write the rules of sets where nobody sees them.

    :param command: iptables.
    :raises NetworkError: they cannot be written.
    """

    def work() -> None:
        firewall = Firewall("t-+", "T", command, told=logging.DEBUG)
        firewall.ensure()
        firewall.masquerade("192.0.2.0/24")

    namespaces.call_apart(work)


#: Commands of both back ends of iptables.
_BACK_ENDS = ("iptables-nft-save", "iptables-legacy-save")


def docker_elsewhere(command: str, timeout: float) -> bool:
    """Whether Docker's rules are in another back end than ``command`` has."""
    if _has_docker(f"{command}-save", timeout):
        return False
    return any(
        shutil.which(other) and _has_docker(other, timeout)
        for other in _BACK_ENDS
    )


def _has_docker(command: str, timeout: float) -> bool:
    done = subprocess.run(  # noqa: S603 - no part of it is a user's
        (command, "-t", "filter"),
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout,
    )
    return ":DOCKER " in done.stdout


# What is judged.


def subnets(
    networks: Sequence[str], others: Sequence[Taken], *, masquerade: bool
) -> list[Finding]:
    """Whether sets can have the addresses conductors give them.

    A wider network beyond a gateway is none of a clash: the routes to sets
    are narrower.

    :param networks: of the sets.
    :param masquerade: what sets send bears the address of the host; else
        the network around it has routes to them.
    """
    name = "subnets"
    if not networks:
        return [
            ok(name, "It is not known yet what addresses sets are to have.")
        ]
    found: dict[Finding, None] = {}
    for text in networks:
        ours = ipaddress.IPv4Network(text, strict=False)
        told = set()
        for other in others:
            theirs = ipaddress.IPv4Network(other.network, strict=False)
            # an interface comes again as a route, and as Docker's
            if theirs in told or not ours.overlaps(theirs):
                continue
            clash = _clash(ours, theirs, other, masquerade)
            if clash is not None:
                told.add(theirs)
                found[clash] = None
    return list(found) or [
        ok(name, f"Nobody else has addresses of {', '.join(networks)}.")
    ]


def _clash(
    ours: ipaddress.IPv4Network,
    theirs: ipaddress.IPv4Network,
    other: Taken,
    masquerade: bool,
) -> Finding | None:
    name = "subnets"
    what = (
        f"Sets are to have addresses of {ours}, which overlaps with {theirs} "
        f"({other.where})"
    )
    if other.agents:
        return warning(
            name,
            f"Another agent on this machine has sets in {ours}, which is well "
            "only if it is of the same cloud.",
        )
    if other.routed and theirs.prefixlen < ours.prefixlen:
        return None
    if other.routed and not masquerade:
        return warning(name, f"{what}: is that the way to them?")
    right = (
        "give that network another subnet ('bip' in daemon.json is that of "
        "docker0)"
        if "ocker" in other.where
        else "change that"
    )
    return unfit(
        name, f"{what}: {right}, or change [network] cidr of the conductors."
    )


def forwarding(on: bool) -> Finding:
    if on:
        return ok("forwarding", "The kernel forwards packets.")
    return warning(
        "forwarding",
        "net.ipv4.ip_forward is 0. The agent sets it to 1 for its first set; "
        "see that nothing in /etc/sysctl.d sets it back.",
    )


def packet_filter(refused: str, elsewhere: bool, command: str) -> Finding:
    """:param refused: why our rules cannot be written, "" if they can.
    :param elsewhere: Docker's rules are in another back end.
    """
    name = "packet-filter"
    if refused:
        return unfit(
            name,
            f"{refused} Install iptables, or set [bridge] iptables to the "
            "command that Docker uses.",
        )
    if elsewhere:
        return warning(
            name,
            f"Docker's rules are not where {command} writes ours: set "
            "[bridge] iptables to the command of the back end that Docker "
            "uses (iptables-nft or iptables-legacy).",
        )
    return ok(name, f"{command} takes our rules.")


Probe = Callable[[], None]


def refusal(probe: Probe) -> str:
    """What a probe says that it cannot be done, "" if it can."""
    try:
        probe()
    except NetworkError as error:
        return str(error)
    return ""
