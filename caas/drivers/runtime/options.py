"""What a business container may use, in the words of Docker's HostConfig."""

from collections.abc import Callable
from typing import Any

from caas.drivers.runtime import base, cgroups, disks
from caas.model import spec

#: With less, Docker does not make a container.
LEAST_MEMORY = 6 << 20


def at_least(memory_bytes: int) -> int:
    """The limit that is really given."""
    return max(memory_bytes, LEAST_MEMORY)


def process(config: base.ContainerConfig) -> dict[str, Any]:
    """What it runs and how, in the words of the body around HostConfig."""
    body: dict[str, Any] = {}
    if config.command is not None:
        body["Cmd"] = list(config.command)
    if config.entrypoint is not None:
        body["Entrypoint"] = list(config.entrypoint)
    if config.env:
        body["Env"] = [f"{k}={v}" for k, v in config.env.items()]
    if config.working_dir:
        body["WorkingDir"] = config.working_dir
    if config.user:
        body["User"] = config.user
    if config.tty:
        body["Tty"] = True
    if config.stdin:
        # open for whoever attaches next
        body |= {"OpenStdin": True, "StdinOnce": False}
    return body


def capped(config: base.ContainerConfig) -> dict[str, Any]:
    """CPU time and memory."""
    host: dict[str, Any] = {}
    if config.millicpus is not None:
        host["CpuQuota"], host["CpuPeriod"] = cgroups.cpu_cap(config.millicpus)
    if config.memory_bytes is not None:
        memory = at_least(config.memory_bytes)
        host["Memory"] = host["MemorySwap"] = memory
    return host


def asked_for(
    config: base.ContainerConfig, conf: Any, data_root: Callable[[], str]
) -> dict[str, Any]:
    """Everything else that can be asked for.

    :param conf: the group ``docker``.
    :param data_root: tells the folder of the engine.
    :raises EngineError: more than this host gives.
    """
    host: dict[str, Any] = {
        "PidsLimit": config.pids_limit or conf.pids_limit or None
    }
    if conf.pids_limit_max and (config.pids_limit or 0) > conf.pids_limit_max:
        # fewer than it counts on would fail it later, and less clearly
        raise base.EngineError(
            f"{config.pids_limit} processes and threads are more than the "
            f"{conf.pids_limit_max} a container may have on this host.",
            permanent=True,
        )
    if config.cpuset:
        host["CpusetCpus"] = config.cpuset
    if config.ulimits:
        host["Ulimits"] = [
            {"Name": u.name, "Soft": u.soft, "Hard": u.hard}
            for u in config.ulimits
        ]
    if config.block_io:
        host |= _throttles(config, config.block_io, data_root())
    return host


def _throttles(
    config: base.ContainerConfig, io: spec.BlockIo, data_root: str
) -> dict[str, Any]:
    """The caps, on each disk the container reads or writes."""
    nodes = disks.below([data_root, *(bind.source for bind in config.binds)])
    if not nodes:
        raise base.EngineError(
            "Reading and writing cannot be capped: the containers of this "
            "host are not on a disk.",
            permanent=True,
        )
    return {
        f"BlkioDevice{name}": [{"Path": node, "Rate": rate} for node in nodes]
        for name, rate in (
            ("ReadBps", io.read_bps),
            ("WriteBps", io.write_bps),
            ("ReadIOps", io.read_iops),
            ("WriteIOps", io.write_iops),
        )
        if rate is not None
    }
