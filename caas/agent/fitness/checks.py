"""All checks: which there are, what they gather and who judges it."""

import dataclasses
import os
import pathlib
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from caas.agent.fitness import (
    certificates,
    engine,
    kernel,
    machine,
    network,
)
from caas.agent.fitness.deadline import within
from caas.agent.fitness.finding import (
    Finding,
    ok,
    tolerated,
    unfit,
    warning,
)
from caas.drivers.runtime.base import EngineError

_PROC = pathlib.Path("/proc")


@dataclasses.dataclass(frozen=True)
class Subject:
    """What checks look at.

    :ivar conf: of the agent.
    :ivar engine: None if it does not answer, or is no Docker Engine.
    :ivar networks: addresses of sets are of, as far as known.
    :ivar agent: process id of the agent, None if it does not run.
    :ivar timeout: seconds for one thing.
    """

    conf: Any
    engine: engine.EngineFacts | None
    networks: tuple[str, ...]
    agent: int | None
    timeout: float


Check = Callable[[Subject], Iterable[Finding]]


def _kernel(subject: Subject) -> Iterable[Finding]:
    yield kernel.release(os.uname().release)
    yield kernel.kinds(kernel.namespaces_of())


def _cgroups(subject: Subject) -> Iterable[Finding]:
    there = kernel.groups((_PROC / "self/mountinfo").read_text())
    facts = subject.engine
    yield from kernel.controllers(
        there, facts.cgroup_version if facts else None
    )
    if facts is None:
        return
    systemd = pathlib.Path("/run/systemd/system").is_dir()
    yield kernel.driver(facts.cgroup_driver, systemd)
    figures = machine.memory((_PROC / "meminfo").read_text())
    yield kernel.swap(facts.swap_limit, figures.get("SwapTotal", 0))


def _links(subject: Subject) -> Iterable[Finding]:
    if subject.conf.agent.network == "bridge":
        yield kernel.links(kernel.try_links())


def _engine(subject: Subject) -> Iterable[Finding]:
    facts = subject.engine
    if facts is not None:
        yield engine.version(facts.version)
        yield engine.storage(facts.storage_driver, facts.storage)
        yield engine.live_restore(facts.live_restore)
        yield engine.security(facts.security)


def _subnets(subject: Subject) -> Iterable[Finding]:
    conf = subject.conf
    if conf.agent.network != "bridge":
        return
    others = network.taken(conf.bridge.prefix)
    if subject.engine is not None:
        others = network.engines(subject.engine.subnets) + others
    yield from network.subnets(
        subject.networks, others, masquerade=conf.bridge.masquerade
    )


def _packets(subject: Subject) -> Iterable[Finding]:
    conf = subject.conf
    if conf.agent.network != "bridge":
        return
    command = conf.bridge.iptables
    yield network.forwarding(network.forwards())
    refused = network.refusal(lambda: network.try_rules(command))
    elsewhere = not refused and network.docker_elsewhere(
        command, subject.timeout
    )
    yield network.packet_filter(refused, elsewhere, command)


def _space(subject: Subject) -> Iterable[Finding]:
    folders = {subject.conf.agent.state_path: "volumes of sets"}
    if subject.engine is not None:
        folders[subject.engine.root] = "images and containers"
    for folder, what in folders.items():
        yield machine.space(machine.space_of(folder), what)


def _memory(subject: Subject) -> Iterable[Finding]:
    figures = machine.memory((_PROC / "meminfo").read_text())
    yield machine.memory_for_sets(
        figures["MemTotal"],
        figures["MemAvailable"],
        subject.conf.agent.reserved_memory_mb,
    )


def _clock(subject: Subject) -> Iterable[Finding]:
    yield machine.clock(machine.synchronised())


def _files(subject: Subject) -> Iterable[Finding]:
    if subject.agent is not None:
        yield machine.files(
            machine.files_of(subject.agent),
            subject.conf.streams.max_streams,
        )


def _infra(subject: Subject) -> Iterable[Finding]:
    if subject.conf.agent.runtime == "docker":
        yield machine.infra_binary(subject.conf.docker.infra_binary)


def _lxcfs(subject: Subject) -> Iterable[Finding]:
    path = subject.conf.docker.lxcfs
    found = within(subject.timeout / 2, {"": lambda: machine.lxcfs_at(path)})
    there = found.get("")
    if isinstance(there, Exception):
        raise there
    yield machine.lxcfs(there, path)


def _certificate(subject: Subject) -> Iterable[Finding]:
    options = subject.conf.streams
    if not options.ca_file:
        yield certificates.none()
        return
    host = subject.conf.host
    try:
        found = certificates.read(
            options.ca_file,
            options.cert_file or "",
            options.key_file or "",
            host,
        )
    except OSError as error:
        yield unfit(
            "certificate",
            "The certificate of this host, its key or that of the authority "
            f"([streams]) is of no use: {error}.",
        )
        return
    yield certificates.certificate(found, host, time.time())


#: What an agent looks at whenever its engine is back.
CHEAP: dict[str, Check] = {
    "kernel": _kernel,
    "cgroups": _cgroups,
    "links": _links,
    "engine": _engine,
    "subnets": _subnets,
    "packet-filter": _packets,
    "space": _space,
    "memory": _memory,
    "clock": _clock,
    "files": _files,
    "infra": _infra,
    "lxcfs": _lxcfs,
    "certificate": _certificate,
}


def _start(subject: Subject) -> Iterable[Finding]:
    if subject.engine is None:
        return
    docker = subject.conf.docker
    found = within(
        subject.timeout,
        {
            "": lambda: engine.start_one(
                docker.url, docker.infra_binary, subject.timeout
            )
        },
    )
    result = found.get("")
    if isinstance(result, Exception) and not isinstance(result, EngineError):
        raise result
    yield engine.start(result, subject.timeout)


#: And now and then.
THOROUGH: dict[str, Check] = {**CHEAP, "start": _start}


def _agent(subject: Subject) -> Iterable[Finding]:
    if subject.agent is None:
        yield warning(
            "agent",
            "No agent works with "
            f"{subject.conf.agent.state_path}: start caas-agent, or name its "
            "configuration with --config-dir.",
        )
    else:
        yield ok("agent", f"The agent runs (process {subject.agent}).")


def _registry(subject: Subject) -> Iterable[Finding]:
    options = subject.conf.pull
    found = within(
        subject.timeout / 2,
        {
            "": lambda: machine.ahead_of(
                options.endpoint, options.ca_file, subject.timeout / 2
            )
        },
    )
    yield machine.compared(found.get(""), options.endpoint)


def _port(subject: Subject) -> Iterable[Finding]:
    number = subject.conf.streams.port
    if not subject.conf.streams.ca_file or not number:
        return
    inode = certificates.listener(number)
    ours = (
        inode is not None
        and subject.agent is not None
        and certificates.has(subject.agent, inode)
    )
    yield certificates.port(number, inode is not None, ours)


#: What an operator is told.
ALL: dict[str, Check] = {
    **THOROUGH,
    "agent": _agent,
    "registry": _registry,
    "streams-port": _port,
}


def run(
    conf: Any,
    checks: dict[str, Check],
    *,
    networks: Sequence[str],
    agent: int | None,
    timeout: float,
) -> list[Finding]:
    """Look at this host; takes a little more than twice ``timeout`` s at
    most.

    :param networks: of sets, as far as known.
    :param agent: its process id.
    :param timeout: seconds for one check.
    """
    facts, findings = None, []
    if conf.agent.runtime == "docker":
        asked = within(
            timeout, {"": lambda: engine.ask(conf.docker.url, timeout)}
        ).get("")
        if isinstance(asked, engine.EngineFacts):
            facts = asked
        else:
            findings.append(_unanswered(asked, conf.docker.url, timeout))
    subject = Subject(conf, facts, tuple(networks), agent, timeout)
    calls = {n: _call(check, subject) for n, check in checks.items()}
    # those that wait for something say so themselves
    found = within(timeout + 1, calls)
    for name in calls:
        result = found.get(name)
        if isinstance(result, list):
            findings += result
        elif isinstance(result, Exception):
            findings.append(
                warning(name, f"It cannot be looked at: {result}.")
            )
        else:
            findings.append(
                unfit(
                    name,
                    f"It could not be looked at within {timeout:g} s: "
                    "something of this host hangs.",
                )
            )
    return tolerated(findings, conf.agent.tolerate)


def _call(check: Check, subject: Subject) -> Callable[[], list[Finding]]:
    return lambda: list(check(subject))


def _unanswered(error: Exception | None, url: str, timeout: float) -> Finding:
    if within(timeout / 2, {"": lambda: engine.pings(url, timeout / 2)}).get(
        ""
    ):
        return engine.silent(timeout)
    why = (
        str(error)
        if error
        else f"The Docker Engine did not answer within {timeout:g} s."
    )
    return unfit("engine", f"{why} It is asked at {url}; restart dockerd.")
