"""What a conductor is told once, at its start."""

import dataclasses
import ipaddress
from typing import Any

from caas import exception
from caas.model import addressing, wire
from caas.store.claims import Ratios


@dataclasses.dataclass(frozen=True)
class Network:
    """Where addresses of sets come from, and what goes with them."""

    pool: str
    cidr: ipaddress.IPv4Network
    gateway: str
    dns: tuple[str, ...] = ()
    mtu: int = 1500

    @classmethod
    def from_conf(cls, group: Any) -> "Network":
        """:param group: ``[network]`` of the configuration.

        :raises BadRequest: it makes no sense.
        """
        try:
            cidr = ipaddress.IPv4Network(group.cidr)
            first = cidr.network_address + 1
            gateway = ipaddress.IPv4Address(str(group.gateway or first))
        except ValueError as error:
            raise exception.BadRequest(
                f"[network] is not usable: {error}."
            ) from None
        if gateway not in cidr or cidr.num_addresses < 4:
            raise exception.BadRequest(
                f"[network] is not usable: {cidr} has no room for the "
                f"gateway {gateway} and one more address."
            )
        return cls(
            group.pool,
            cidr,
            str(gateway),
            tuple(str(address) for address in group.dns),
            group.mtu,
        )

    def nic(self, address: str) -> wire.Nic:
        """The interface of the set with this address."""
        return wire.Nic(
            address=address,
            prefix_len=self.cidr.prefixlen,
            gateway=self.gateway,
            mac=addressing.mac_of(address),
            mtu=self.mtu,
            dns=self.dns,
        )


@dataclasses.dataclass(frozen=True)
class Settings:
    """Times in seconds; see :mod:`caas.conf.conductor`.

    :ivar name: of this conductor.
    :ivar resize_confirm_window: 0 for none; so is ``reclaim_interval``.
    :ivar event_retention: days, 0 for ever; so is ``deleted_set_retention``.
    """

    name: str
    network: Network
    heartbeat_timeout: float = 45
    batch_delay: float = 0.001
    sweep_interval: float = 10
    lease_time: float = 15
    settle_timeout: float = 120
    resize_confirm_window: float = 0
    reclaim_interval: float = 0
    ratios: Ratios = dataclasses.field(default_factory=Ratios)
    enable_new_hosts: bool = True
    event_retention: int = 90
    deleted_set_retention: int = 90

    @classmethod
    def from_conf(cls, conf: Any) -> "Settings":
        group = conf.conductor
        return cls(
            name=conf.host,
            network=Network.from_conf(conf.network),
            heartbeat_timeout=group.heartbeat_timeout,
            batch_delay=group.batch_delay,
            sweep_interval=group.sweep_interval,
            lease_time=group.lease_time,
            settle_timeout=group.settle_timeout,
            resize_confirm_window=group.resize_confirm_window,
            reclaim_interval=group.reclaim_interval,
            ratios=Ratios(
                group.cpu_allocation_ratio,
                group.memory_allocation_ratio,
                group.disk_allocation_ratio,
            ),
            enable_new_hosts=group.enable_new_hosts,
            event_retention=group.event_retention_days,
            deleted_set_retention=group.deleted_set_retention_days,
        )

    def settle_time(self, attempts: int) -> float:
        """How long a host is given that was asked again so many times."""
        return self.settle_timeout * (1, 2, 4, 8)[min(attempts, 3)]
