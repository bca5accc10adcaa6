"""A Linux bridge for each project on a host, a port of it for each set.

Sets of one project see each other at layer 2.  Those of different projects
share no bridge, and :mod:`caas.drivers.network.firewall` keeps the host from
routing between them.  The host is the gateway of all: it bears the gateway's
address on every bridge and has a route to each set.
"""

import contextlib
import errno
import hashlib
import ipaddress
import logging
import os
import pathlib
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from caas.drivers.locks import Locks
from caas.drivers.network import base, namespaces
from caas.drivers.network.firewall import Firewall
from caas.drivers.network.records import Record, Records
from caas.model import wire

LOG = logging.getLogger(__name__)

#: How often the packet filter is looked at, in s; others may flush it.
FILTER_INTERVAL = 60.0

#: How long an interface may take to come up, in s.
UP_TIMEOUT = 5.0

_NAME_LENGTH = 15
_GONE = frozenset({errno.ENODEV, errno.ENOENT, errno.ESRCH, errno.ENXIO})
_SYSCTL = pathlib.Path("/proc/sys/net")


class BridgeNetwork(base.Network):
    """:param conf: with the groups ``bridge`` and ``agent``."""

    def __init__(self, conf: Any) -> None:
        self._prefix: str = conf.bridge.prefix
        self._masquerade: bool = conf.bridge.masquerade
        self._records = Records(
            pathlib.Path(conf.agent.state_path) / "network"
        )
        self._firewall = Firewall(
            bridges=f"{self._prefix}-+",
            chain=self._prefix.upper(),
            command=conf.bridge.iptables,
        )
        self._locks = Locks()
        self._filter_lock = threading.Lock()
        self._filter_seen = -FILTER_INTERVAL
        self._networks: set[str] = set()
        # index and address of bridges that bear the gateway's
        self._gateways: set[tuple[int, str]] = set()

    def prepare(self, set_id: str, project_id: str) -> None:
        with self._locks.held(set_id), _told("prepared"), IPRoute() as ipr:
            self._prepare(ipr, set_id, project_id)
        self._filter()

    def plug(
        self, set_id: str, project_id: str, pid: int, nic: wire.Nic
    ) -> None:
        with self._locks.held(set_id):
            namespace = namespaces.open_of(pid)
            try:
                with _told("plugged"), IPRoute() as ipr:
                    bridge = self._prepare(ipr, set_id, project_id)
                    self._plug(ipr, set_id, project_id, bridge, namespace, nic)
            finally:
                os.close(namespace)
        self._filter(
            str(
                ipaddress.ip_network(
                    f"{nic.address}/{nic.prefix_len}", strict=False
                )
            )
        )

    def unplug(self, set_id: str) -> None:
        with self._locks.held(set_id), _told("unplugged"), IPRoute() as ipr:
            record = self._records.get(set_id)
            veth = _link(ipr, self._veth_name(set_id))
            bridge = None
            if record is not None:
                bridge = self._bridge_name(record.project_id)
            elif veth is not None and veth.get("master"):
                (master,) = ipr.link("get", index=veth.get("master"))
                bridge = master.get("ifname")
            if veth is not None:
                with _unless_gone():
                    ipr.link("del", index=veth["index"])
            if bridge is not None:
                self._leave(ipr, set_id, record, bridge)

    def list(self) -> Sequence[str]:
        found = set(self._records.all())
        with _told("listed"), IPRoute() as ipr:
            for link in ipr.link("dump"):
                name, alias = link.get("ifname"), link.get("ifalias")
                if alias and name == self._veth_name(alias):
                    found.add(alias)
        return sorted(found)

    def tend(self) -> Sequence[str]:
        self._filter()
        with _told("looked at"), IPRoute() as ipr:
            there = {link.get("ifname") for link in ipr.link("dump")}
        return [
            set_id
            for set_id, record in sorted(self._records.all().items())
            if record.address and self._veth_name(set_id) not in there
        ]

    # Bridges.

    def _bridge_name(self, project_id: str) -> str:
        return self._name("-", project_id)

    def _veth_name(self, set_id: str) -> str:
        return self._name("v", set_id)

    def _name(self, kind: str, of: str) -> str:
        start = f"{self._prefix}{kind}"
        digest = hashlib.sha256(of.encode()).hexdigest()
        return start + digest[: _NAME_LENGTH - len(start)]

    def _prepare(self, ipr: Any, set_id: str, project_id: str) -> int:
        """Note the set and have its project's bridge; return its index."""
        name = self._bridge_name(project_id)
        with self._locks.held(name):
            if self._records.get(set_id) is None:
                self._records.put(set_id, Record(project_id))
            link = _link(ipr, name)
            if link is None:
                ipr.link(
                    "add", ifname=name, kind="bridge", address=mac_of(name)
                )
                link = _link(ipr, name)
                assert link is not None
            index = int(link["index"])
            alias = link.get("ifalias")
            if alias not in (None, project_id):
                raise base.NetworkError(
                    f"The bridge {name} belongs to another project."
                )
            if link.get("state") != "up":
                ipr.link("set", index=index, ifalias=project_id)
                _harden(name)
                # last: up means that nothing above is missing
                ipr.link("set", index=index, state="up")
            return index

    def _leave(
        self, ipr: Any, set_id: str, record: Record | None, name: str
    ) -> None:
        """Remove the route of a set, and the bridge after its last set."""
        with self._locks.held(name):
            link = _link(ipr, name)
            if link is not None and record is not None and record.address:
                _drop_route(ipr, record.address, int(link["index"]))
            others = any(
                self._bridge_name(r.project_id) == name
                for other, r in self._records.all().items()
                if other != set_id
            )
            if link is not None and not others:
                index = int(link["index"])
                if not list(ipr.link("dump", master=index)):
                    with _unless_gone():
                        ipr.link("del", index=index)
                    self._gateways -= {
                        g for g in self._gateways if g[0] == index
                    }
            # last: until then a crash leaves the set on the list
            self._records.drop(set_id)

    # Ports.

    def _plug(
        self,
        ipr: Any,
        set_id: str,
        project_id: str,
        bridge: int,
        namespace: int,
        nic: wire.Nic,
    ) -> None:
        if (bridge, nic.gateway) not in self._gateways:
            ipr.addr(
                "replace", index=bridge, address=nic.gateway, prefixlen=32
            )
            self._gateways.add((bridge, nic.gateway))
        record = self._records.get(set_id)
        if record and record.address not in (None, nic.address):
            assert record.address is not None
            _drop_route(ipr, record.address, bridge)
        self._records.put(set_id, Record(project_id, nic.address))
        self._connect(ipr, set_id, bridge, namespace, nic)
        # Without prefsrc: the kernel would drop all routes that bear the
        # gateway's address as soon as one bridge with it goes.
        ipr.route("replace", dst=f"{nic.address}/32", oif=bridge, scope="link")

    def _connect(
        self,
        ipr: Any,
        set_id: str,
        bridge: int,
        namespace: int,
        nic: wire.Nic,
    ) -> None:
        """Make the pair of interfaces, one end on the bridge, one inside."""
        name = self._veth_name(set_id)
        there = _link(ipr, name)
        if there is not None:
            if there.get("ifalias") not in (None, set_id):
                raise base.NetworkError(
                    f"The interface {name} belongs to another set."
                )
            if there.get("master") == bridge and namespaces.call_in(
                namespace, lambda: _is_plugged(there, nic)
            ):
                return
            # its other end is in the namespace of an earlier infra container
            with _unless_gone():
                ipr.link("del", index=there["index"])
        ipr.link(
            "add",
            ifname=name,
            kind="veth",
            master=bridge,
            mtu=nic.mtu,
            state="up",
            peer={
                "ifname": namespaces.NIC,
                "net_ns_fd": namespace,
                "address": nic.mac,
                "mtu": nic.mtu,
            },
        )
        ipr.link("set", ifname=name, ifalias=set_id)
        namespaces.call_in(namespace, lambda: _configure(nic))
        _await_up(ipr, name)
        _await_up(ipr, bridge)

    # Packet filter.

    def _filter(self, network: str | None = None) -> None:
        """Have our rules, looked at now and then and for a new network."""
        with self._filter_lock:
            due = time.monotonic() - self._filter_seen >= FILTER_INTERVAL
            fresh = network is not None and network not in self._networks
            if due:
                _write_sysctl("ipv4/ip_forward", "1")
                self._firewall.ensure()
            if network is not None:
                self._networks.add(network)
            if self._masquerade and (due or fresh):
                for each in sorted(self._networks):
                    self._firewall.masquerade(each)
            if due:
                self._filter_seen = time.monotonic()


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    """Turn errors of the kernel into ours."""
    try:
        yield
    except NetlinkError as e:
        raise base.NetworkError(
            f"The interface of the set cannot be {what}: "
            f"{os.strerror(e.code)}."
        ) from e
    except OSError as e:
        raise base.NetworkError(
            f"The interface of the set cannot be {what}: {e.strerror}."
        ) from e


@contextlib.contextmanager
def _unless_gone() -> Iterator[None]:
    try:
        yield
    except NetlinkError as e:
        if e.code not in _GONE:
            raise


def _link(ipr: Any, name: str) -> Any | None:
    """The interface of that name."""
    with _unless_gone():
        for link in ipr.link("get", ifname=name):
            return link
    return None


def _await_up(ipr: Any, of: str | int) -> None:
    """Wait until the kernel sends through it: it begins to a little later.

    Whatever was sent until then, such as the answer to the first ARP request
    of the set, would be lost.
    """
    key = {"ifname": of} if isinstance(of, str) else {"index": of}
    deadline = time.monotonic() + UP_TIMEOUT
    while True:
        (link,) = ipr.link("get", **key)
        if link.get("operstate") == "UP":
            return
        if time.monotonic() > deadline:
            raise base.NetworkError("The interface of the set stays down.")
        time.sleep(0.001)


def _drop_route(ipr: Any, address: str, bridge: int) -> None:
    with _unless_gone():
        ipr.route("del", dst=f"{address}/32", oif=bridge, scope="link")


def mac_of(name: str) -> str:
    """The fixed address of a bridge of ours: else it takes that of a port, and
    changes it."""
    digest = hashlib.sha256(name.encode()).digest()
    return ":".join(f"{b:02x}" for b in (0x02, *digest[:5]))


def _harden(bridge: str) -> None:
    # what bears the address of another project's set is not let in
    _write_sysctl(f"ipv4/conf/{bridge}/rp_filter", "1")
    # no link-local way to the services of the host
    _write_sysctl(f"ipv6/conf/{bridge}/disable_ipv6", "1")


def _write_sysctl(name: str, value: str) -> None:
    path = _SYSCTL / name
    # a kernel without IPv6 has no such file
    with contextlib.suppress(FileNotFoundError):
        if path.read_text().strip() != value:
            path.write_text(value)


def _is_plugged(host_end: Any, nic: wire.Nic) -> bool:
    """Inside: whether this is where the other end is, and as it should be."""
    with IPRoute() as ipr:
        link = _link(ipr, namespaces.NIC)
        if (
            link is None
            or link["index"] != host_end.get("link")
            or link.get("link") != host_end["index"]
            or link.get("state") != "up"
            or link.get("address") != nic.mac.lower()
            or link.get("mtu") != nic.mtu
        ):
            return False
        addresses = [
            (a.get("address"), a["prefixlen"])
            for a in ipr.addr("dump", index=link["index"], family=2)
        ]
        gateways = [
            r.get("gateway")
            for r in ipr.route("dump", family=2)
            if r["dst_len"] == 0
        ]
    return addresses == [(nic.address, nic.prefix_len)] and gateways == [
        nic.gateway
    ]


def _configure(nic: wire.Nic) -> None:
    """Inside: address, loopback, default route."""
    with IPRoute() as ipr:
        link = _link(ipr, namespaces.NIC)
        if link is None:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        index = link["index"]
        ipr.addr(
            "replace",
            index=index,
            address=nic.address,
            prefixlen=nic.prefix_len,
        )
        ipr.link("set", ifname="lo", state="up")
        ipr.link("set", index=index, state="up")
        ipr.route("replace", dst="default", gateway=nic.gateway, oif=index)
