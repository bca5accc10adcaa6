"""What each command of caas-host does."""

import contextlib
import dataclasses
import json
import os
import sys
from collections.abc import Sequence
from typing import Any

from caas.agent import state
from caas.agent.fitness.finding import Finding, Level
from caas.agent.logs import of_host
from caas.agent.streams.logfiles import GAP
from caas.drivers.runtime.sessions import stat
from caas.host import audit, logs, names, shell, usage
from caas.host.errors import FAILED, REFUSED, HostError
from caas.host.listing import Container, Listing, Set, listing
from caas.model.streams import Channel

_MIB = 1024 * 1024
_HEADER = (
    *("SET", "SET ID", "CONTAINER", "ROLE", "STATE", "PID"),
    *("ADDRESS", "CPU %", "MEMORY MIB"),
)


def _look(conf: Any, timeout: float) -> Listing:
    found = listing(conf, timeout)
    for sentence in found.trouble:
        _say(sentence)
    return found


def _say(sentence: str) -> None:
    sys.stderr.write(f"{sentence}\n")


def ps(conf: Any, timeout: float, name: str, as_json: bool) -> int:
    """Show sets and their containers.

    :param name: of what to show; "" for all.
    """
    there = _look(conf, timeout)
    sets = (names.find_set(there, name),) if name else there.sets
    used = usage.usage(c.pid for s in sets for c in s.containers if c.pid)
    if as_json:
        _print(json.dumps([_as_dict(s, used) for s in sets], indent=1))
        return 0
    rows: list[tuple[str, ...]] = [_HEADER]
    for one in sets:
        rows += [_row(one, c, used) for c in one.containers] or [
            _row(one, None, used)
        ]
    _print(_columns(rows))
    return 0


def _row(
    one: Set, container: Container | None, used: dict[int, usage.Usage]
) -> tuple[str, ...]:
    if container is None:
        about = ("-", "-", "-", "-", one.address, "-", "-")
        return (one.name, one.id, *about)
    use = used.get(container.pid)
    return (
        one.name,
        one.id,
        container.name,
        container.role,
        container.state,
        str(container.pid or "-"),
        one.address,
        f"{use.cpu:.1f}" if use else "-",
        f"{use.memory / _MIB:.1f}" if use else "-",
    )


def _as_dict(one: Set, used: dict[int, usage.Usage]) -> dict[str, Any]:
    data = dataclasses.asdict(one)
    for container in data["containers"]:
        use = used.get(container["pid"])
        container["cpu_percent"] = round(use.cpu, 1) if use else None
        container["memory_bytes"] = use.memory if use else None
    return data


def ip(conf: Any, timeout: float, name: str) -> int:
    one = names.find_set(_look(conf, timeout), name)
    if not one.address:
        raise HostError(
            f"The address of set {one.called} is not known on this host."
        )
    _print(one.address)
    return 0


def pid(conf: Any, timeout: float, name: str) -> int:
    there = names.find_container(_look(conf, timeout), name)
    if not there.pid:
        raise HostError(
            f"Container {there.name} does not run; it is {there.state}."
        )
    _print(str(there.pid))
    return 0


def enter(
    conf: Any, timeout: float, name: str, user: str, command: Sequence[str]
) -> int:
    """Run a command in a business container; a shell if there is none."""
    there = names.find_container(_look(conf, timeout), name)
    where = f"container {there.name} of set {there.set_id}"
    if there.role != "business":
        audit.note(
            conf.agent.state_path,
            f"was refused to enter {where}: its role is {there.role}",
        )
        raise HostError(
            f"Container {there.name} is of the platform ({there.role}), and "
            "nobody can enter it; enter a business container of the set.",
            REFUSED,
        )
    if there.state != "running":
        raise HostError(
            f"Container {there.name} does not run; it is {there.state}."
        )
    audit.note(
        conf.agent.state_path,
        f"enters {where}: {json.dumps(list(command)) if command else 'shell'}",
    )
    code: int | str = "none"
    try:
        code = shell.run(
            conf.docker.url,
            there.engine_id,
            command,
            user=user,
            timeout=timeout,
        )
        return code
    finally:
        # it was noted that it began, and cannot be undone
        with contextlib.suppress(HostError):
            audit.note(
                conf.agent.state_path, f"left {where}, exit code {code}"
            )


def show_logs(
    conf: Any,
    timeout: float,
    name: str,
    *,
    follow: bool,
    tail: int | None,
    timestamps: bool,
) -> int:
    there = names.find_container(_look(conf, timeout), name)
    if there.pid:
        began = _began(there.pid)
        goes_on = lambda: _began(there.pid) == began  # noqa: E731
    else:
        goes_on = lambda: False  # noqa: E731
    with contextlib.suppress(BrokenPipeError, KeyboardInterrupt):
        for entry in logs.read(
            there, of_host(conf), tail=tail, follow=follow, runs=goes_on
        ):
            if entry is GAP:
                _say(
                    "Lines may be missing: they were removed before they "
                    "could be read."
                )
                continue
            at, channel, data, continued = entry
            stamp = b"" if continued or not timestamps else f"{at} ".encode()
            file = sys.stderr if channel == Channel.STDERR else sys.stdout
            file.buffer.write(stamp + data)
            file.buffer.flush()
    return 0


def _began(pid: int) -> str:
    """When a process started, in clock ticks; "" if it is gone."""
    fields = stat(pid)
    return fields[19] if fields else ""


def check(conf: Any, timeout: float, as_json: bool) -> int:
    """:returns: 0 if the host is fit, 1 if not."""
    if os.geteuid() != 0:
        raise HostError(
            "What a host can do only root can try: run it as root."
        )
    # what it takes to try is half of what any command has to load
    from caas.agent.fitness import checks

    folder = state.folder(conf.agent.state_path)
    findings = checks.run(
        conf,
        checks.ALL,
        networks=state.networks(folder) or [conf.network.cidr],
        agent=state.holder(folder),
        timeout=timeout,
    )
    is_fit = all(f.level != Level.UNFIT for f in findings)
    if as_json:
        _print(
            json.dumps(
                {
                    "host": conf.host,
                    "fit": is_fit,
                    "findings": [dataclasses.asdict(f) for f in findings],
                },
                indent=1,
            )
        )
    else:
        _print(_told(conf.host, findings, is_fit))
    return 0 if is_fit else FAILED


def _told(host: str, findings: Sequence[Finding], is_fit: bool) -> str:
    rows = [(f.level.value, f.name, f.message) for f in findings]
    text = _columns(rows)
    return f"{text}\nHost {host} is {'fit' if is_fit else 'unfit'}."


def _columns(rows: Sequence[Sequence[str]]) -> str:
    """Rows of one length, in columns as wide as need be."""
    wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(
            word.ljust(width) for word, width in zip(row, wide, strict=True)
        ).rstrip()
        for row in rows
    )


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
