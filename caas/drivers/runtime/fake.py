"""A container engine in memory, held to the contract of the real one.

An instance stands for the engine, not for the connection to it: hand the same
one to the next agent and that one finds the containers of the last.
"""

import dataclasses
import datetime
import hashlib
import json
import pathlib
import re
import shutil
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from caas.drivers.faults import Faults
from caas.drivers.runtime import base, fake_terminal
from caas.model import inputs, spec

_EXIT = re.compile(r"exit (\d+)\s*$")
_SLEEP = re.compile(r"sleep (\d+)$")
_ALIVE = ("running", "paused")
# Signals that do not end a program which has made no arrangements.
_HARMLESS = {"CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "WINCH"}


def _now() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _limits(config: base.ContainerConfig) -> base.Limits | None:
    if config.memory_bytes is None:
        return None
    return base.Limits(config.millicpus, config.memory_bytes)


def _program(config: base.ContainerConfig) -> str:
    return " ".join((*(config.entrypoint or ()), *(config.command or ())))


def _cannot(program: str) -> str:
    """Why a program cannot be run, "" if it can."""
    if not program.startswith("no-such"):
        return ""
    return f"{program.split()[0]}: executable file not found in $PATH."


def _used(there: base.RuntimeContainer) -> base.Usage:
    limits = there.limits
    return base.Usage(
        cpu_ns=0,
        memory_bytes=0,
        limit_bytes=limits.memory_bytes if limits else None,
        pids=1,
    )


def _exit_code(program: str) -> int | None:
    """What it ends with at once; None if it goes on."""
    done = _EXIT.search(program)
    if done:
        return int(done[1])
    if program.startswith("echo "):
        return 0
    return {"true": 0, "false": 1}.get(program)


class FakeRuntime(base.Runtime):
    """Containers are records; their commands decide what they do.

    ``true``, ``false`` and ``sh -c "... exit N"`` end as soon as they are
    started, and ``echo`` with what follows it in the log; one that begins with
    ``no-such`` cannot be run; one that holds ``trap '' TERM`` does not end of
    SIGTERM; everything else runs until it is stopped or killed.

    Commands run in containers, and containers run to their end, come out as
    ``answers`` say; those not in it as above, with no output, ``sleep N``
    ending after its time, and everything else at once with code 0.

    :param faults: shared with the other fakes of the host.
    :param images: references the engine has; None for every one.
    :param init: as the option of Docker: what cannot be run starts, and ends
        with code 127 and an error, instead of refusing to start.
    :param clock: time of events and states.
    :param logs: folder for what containers write; None for nowhere.
    :ivar containers: by engine id.
    :ivar configs: what each was made from, by engine id.
    :ivar groups: caps of the cgroups there are, by set id.
    :ivar boosted: those of them whose CPU time is not capped.
    :ivar used_mb: memory in use in them; 0 if not here.
    :ivar answers: what comes of commands, by entrypoint and command.
    :ivar executed: names of containers and what was run in them, or by
        :meth:`run`, in order.
    :ivar signals: names of containers and signals sent to them, in order.
    :ivar tampered: what cgroups have that nobody was told of, by the id of
        the set or the engine's of a container.
    :ivar shares: what containers are told that they may use, by the id of the
        set and their own.
    :ivar shown: files that containers find, by the id of their set.
    :ivar placed: files that were written into containers, by the id of the
        engine and their path.
    :ivar commits: references of images made of containers, with the name and
        state that those had, in order.
    :ivar tuned: kernel parameters that came with an interface, by pid.
    """

    def __init__(
        self,
        conf: Any = None,
        *,
        faults: Faults | None = None,
        images: set[str] | None = None,
        init: bool = False,
        clock: Callable[[], datetime.datetime] = _now,
        logs: pathlib.Path | None = None,
    ) -> None:
        self.faults = faults or Faults()
        self.images = images
        self.init = init
        self.clock = clock
        self.logs = logs
        self.containers: dict[str, base.RuntimeContainer] = {}
        self.configs: dict[str, base.ContainerConfig] = {}
        self.groups: dict[str, spec.Resources] = {}
        self.boosted: set[str] = set()
        self.used_mb: dict[str, int] = {}
        self.answers: dict[tuple[str, ...], base.Executed] = {}
        self.executed: list[tuple[str, tuple[str, ...]]] = []
        self.signals: list[tuple[str, str]] = []
        # signals of paused containers
        self._pending: dict[str, list[str]] = {}
        self.tampered: dict[str, base.Limits] = {}
        self.shares: dict[str, dict[str, base.Share]] = {}
        self.shown: dict[str, dict[str, bytes]] = {}
        self.placed: dict[str, dict[str, bytes]] = {}
        self.tuned: dict[int, dict[str, str]] = {}
        self.commits: list[tuple[str, str, str]] = []
        self._events: list[base.RuntimeEvent] = []
        self._changed = threading.Condition(threading.RLock())
        self._streams = 0
        self._losing = False
        self._made = 0
        self._pid = 1000

    # What the agent calls.

    def info(self) -> base.RuntimeInfo:
        with self.faults.call("runtime.info"):
            return base.RuntimeInfo(
                engine="fake",
                version="1.0",
                api_version="1.41",
                storage_driver="memory",
                cgroup_driver="cgroupfs",
                cgroup_version=2,
                kernel="6.0.0",
                os="Fake",
                cpus=16,
                memory_mb=65536,
            )

    def list(
        self, set_id: str | None = None
    ) -> Sequence[base.RuntimeContainer]:
        with self.faults.call("runtime.list", set_id or ""), self._changed:
            return tuple(
                c
                for c in self.containers.values()
                if set_id in (None, c.labels.get(base.LABEL_SET))
            )

    def create(self, config: base.ContainerConfig) -> str:
        with self.faults.call("runtime.create", config.name), self._changed:
            return self._create(config)

    def start(
        self, runtime_id: str, *, look: bool = True
    ) -> base.RuntimeContainer:
        with self.faults.call("runtime.start", runtime_id), self._changed:
            there = self._get(runtime_id)
            if there.state == "running":
                return there
            if there.state == "paused":
                raise base.EngineError(
                    "The container cannot be started: it is paused."
                )
            self._start(runtime_id)
            program = _program(self.configs[runtime_id])
            why = _cannot(program)
            exit_code = 127 if why else _exit_code(program)
            if why:
                self._put(
                    runtime_id,
                    error=f"The container cannot be started: {why}",
                )
            if exit_code is not None:
                self._die(runtime_id, exit_code)
            return self.containers[runtime_id]

    def stop(
        self, runtime_id: str, grace_period: int
    ) -> base.RuntimeContainer:
        with self.faults.call("runtime.stop", runtime_id), self._changed:
            if self._get(runtime_id).state in _ALIVE:
                self._thaw(runtime_id)
            if self._get(runtime_id).state == "running":
                program = _program(self.configs[runtime_id])
                deaf = grace_period == 0 or "trap '' TERM" in program
                self._die(runtime_id, 137 if deaf else 143)
            return self.containers[runtime_id]

    def remove(self, runtime_id: str) -> None:
        with self.faults.call("runtime.remove", runtime_id), self._changed:
            if runtime_id in self.containers:
                self._remove(runtime_id)

    def pause(self, runtime_id: str, paused: bool) -> base.RuntimeContainer:
        with self.faults.call("runtime.pause", runtime_id), self._changed:
            there = self._get(runtime_id)
            if paused and there.state == "running":
                self._put(runtime_id, state="paused")
                self._emit(runtime_id, "pause")
            elif not paused:
                self._thaw(runtime_id)
            return self.containers[runtime_id]

    def signal(self, runtime_id: str, name: str) -> None:
        with self.faults.call("runtime.signal", runtime_id), self._changed:
            there = self.containers.get(runtime_id)
            if f"SIG{name}" not in signal.Signals.__members__:
                raise base.EngineError(
                    f"The signal cannot be sent: there is no {name}.",
                    permanent=True,
                )
            if there is None or there.state not in _ALIVE:
                return
            self.signals.append((there.name, name))
            if there.state == "paused" and name != "KILL":
                self._pending.setdefault(runtime_id, []).append(name)
            else:
                self._deliver(runtime_id, name)

    def rename(self, runtime_id: str, name: str) -> None:
        with self.faults.call("runtime.rename", runtime_id), self._changed:
            there = self._get(runtime_id)
            other = self.named(name)
            if there.name == name:
                return
            if other is not None:
                raise base.EngineError(
                    "The container cannot be renamed: the name "
                    f"{name} is in use by the container {other.id[:12]}."
                )
            self._put(runtime_id, name=name)
            self._emit(runtime_id, "rename")

    def commit(
        self,
        runtime_id: str,
        reference: str,
        *,
        message: str = "",
        author: str = "",
        changes: Sequence[str] = (),
    ) -> None:
        with self.faults.call("runtime.commit", runtime_id), self._changed:
            there = self.containers.get(runtime_id)
            if there is None:
                raise base.Absent(
                    "The container cannot be committed: there is none."
                )
            if any(change.startswith("RUN ") for change in changes):
                raise base.EngineError(
                    "The container cannot be committed: RUN is not a valid "
                    "change.",
                    permanent=True,
                )
            self.commits.append((reference, there.name, there.state))
            if self.images is not None:
                self.images.add(reference)

    def execute(
        self, runtime_id: str, command: Sequence[str], timeout: float
    ) -> base.Executed:
        with self.faults.call("runtime.execute", runtime_id), self._changed:
            there = self._get(runtime_id)
            if there.state != "running":
                is_not = "paused" if there.state == "paused" else "not running"
                raise base.EngineError(
                    "The command cannot be run: the container "
                    f"{runtime_id[:12]} is {is_not}."
                )
            self.executed.append((there.name, tuple(command)))
            return self._answer(tuple(command), timeout)

    def show(self, set_id: str, files: Mapping[str, bytes]) -> None:
        with self.faults.call("runtime.show", set_id), self._changed:
            self.shown[set_id] = dict(files)

    def place(self, runtime_id: str, files: Mapping[str, bytes]) -> None:
        with self.faults.call("runtime.place", runtime_id), self._changed:
            self._place(runtime_id, files)

    def _place(self, runtime_id: str, files: Mapping[str, bytes]) -> None:
        if self._get(runtime_id).state != "created":
            raise AssertionError("files for a container that was started")
        mounts = [bind.target for bind in self.configs[runtime_id].binds]
        for path, data in files.items():
            if problem := inputs.unwritable(path, mounts):
                raise base.EngineError(
                    f"The file {path} cannot be written: {problem}.",
                    permanent=True,
                )
            self.placed.setdefault(runtime_id, {})[path] = data

    def run(
        self,
        config: base.ContainerConfig,
        timeout: float,
        files: Mapping[str, bytes] = MappingProxyType({}),
    ) -> base.Executed:
        with self.faults.call("runtime.run", config.name), self._changed:
            runtime_id = self._create(config, anew=True)
            try:
                self._place(runtime_id, files)
                self._start(runtime_id)
                command = (*(config.entrypoint or ()), *(config.command or ()))
                self.executed.append((config.name, command))
                answer = self._answer(command, timeout)
                if answer.exit_code is not None:
                    self._die(runtime_id, answer.exit_code)
            finally:
                self._remove(runtime_id)
            return answer

    def events(self, since: datetime.datetime) -> Iterator[base.RuntimeEvent]:
        with self.faults.call("runtime.events"), self._changed:
            stream = self._streams
        seen = 0
        while True:
            with self._changed:
                while stream == self._streams and seen == len(self._events):
                    self._changed.wait()
                fresh = self._events[seen:]
                seen += len(fresh)
                gone = stream != self._streams
            for event in fresh:
                if event.at >= since:
                    yield event
            if gone:
                return

    def group(
        self,
        set_id: str,
        resources: spec.Resources | None,
        *,
        boost: bool = False,
        members: Mapping[str, base.Limits] | None = None,
        shares: Mapping[str, base.Share] | None = None,
    ) -> str | None:
        with self.faults.call("runtime.group", set_id), self._changed:
            if resources is None:
                self.shares.pop(set_id, None)
                self.shown.pop(set_id, None)
                self.boosted.discard(set_id)
                self.groups.pop(set_id, None)
                return None
            used = self.used_mb.get(set_id, 0)
            if used > resources.memory_mb:
                raise base.in_use(used << 20, resources.memory_mb << 20)
            for runtime_id, limits in (members or {}).items():
                self._get(runtime_id)
                self.tampered.pop(runtime_id, None)
                self._put(runtime_id, limits=limits)
                self._emit(runtime_id, "update")
            self.boosted.discard(set_id)
            self.groups[set_id] = resources
            if boost:
                self.boosted.add(set_id)
            self.tampered.pop(set_id, None)
            seen = self.shares.get(set_id, {})
            seen |= {n: s for n, s in (shares or {}).items() if n in seen}
            return f"/fake/{set_id}"

    def strayed(
        self,
        set_id: str,
        resources: spec.Resources,
        *,
        boost: bool = False,
        members: Mapping[str, base.Limits] | None = None,
    ) -> Mapping[str, base.Limits]:
        with self.faults.call("runtime.strayed", set_id), self._changed:
            found = {}
            has = self.groups.get(set_id)
            if has is not None:
                free = set_id in self.boosted
                there = self.tampered.get(set_id) or base.Limits(
                    None if free else has.millicpus, has.memory_mb << 20
                )
                if there != base.Limits(
                    None if boost else resources.millicpus,
                    resources.memory_mb << 20,
                ):
                    found[""] = there
            for runtime_id, limits in (members or {}).items():
                member = self.containers.get(runtime_id)
                if member is None or member.state != "running":
                    continue
                own = self.tampered.get(runtime_id) or member.limits
                if own is not None and own != limits:
                    found[runtime_id] = own
            return found

    def tune(self, pid: int, sysctls: Mapping[str, str]) -> None:
        with self.faults.call("runtime.tune", str(pid)), self._changed:
            if not any(c.pid == pid for c in self.containers.values()):
                raise base.EngineError(
                    "The infra container of the set does not run."
                )
            self.tuned[pid] = dict(sysctls)

    def log_file(self, runtime_id: str) -> pathlib.Path | None:
        if self.logs is None:
            return None
        return self.logs / runtime_id / f"{runtime_id}-json.log"

    def usage(
        self, set_id: str, runtime_ids: Sequence[str]
    ) -> Mapping[str, base.Usage]:
        with self.faults.call("runtime.usage", set_id), self._changed:
            running = {
                c.id: c
                for c in self.containers.values()
                if c.state in _ALIVE and c.labels[base.LABEL_SET] == set_id
            }
            found = {i: _used(running[i]) for i in runtime_ids if i in running}
            if set_id in self.groups:
                memory = self.groups[set_id].memory_mb << 20
                found[""] = dataclasses.replace(
                    base.Usage(cpu_ns=0, memory_bytes=0, limit_bytes=memory),
                    pids=len(running),
                )
            return found

    def processes(
        self, set_id: str, runtime_id: str
    ) -> Sequence[base.Process]:
        with self.faults.call("runtime.processes", set_id), self._changed:
            there = self.containers.get(runtime_id)
            if there is None or there.state not in _ALIVE:
                return ()
            program = _program(self.configs[runtime_id])
            return (base.Process(0, 1, 0, "S", 0.0, 0, 0.0, program),)

    async def exec(
        self, runtime_id: str, command: base.Command
    ) -> base.Terminal:
        with self.faults.call("runtime.exec", runtime_id), self._changed:
            there = self._alive(runtime_id)
            if there.state == "paused":
                raise base.Conflict(
                    "The command cannot be run: the container is paused."
                )
            self.executed.append((there.name, command.words))
            return fake_terminal.run(command, self.answers)

    async def attach(
        self, runtime_id: str, *, stdin: bool, width: int = 0, height: int = 0
    ) -> base.Terminal:
        with self.faults.call("runtime.attach", runtime_id), self._changed:
            self._alive(runtime_id)
            config = self.configs[runtime_id]
            return fake_terminal.attach(
                self, runtime_id, tty=config.tty, stdin=stdin and config.stdin
            )

    async def diff(
        self, runtime_id: str, most: int
    ) -> tuple[Sequence[base.Change], bool]:
        with self.faults.call("runtime.diff", runtime_id), self._changed:
            self._there(runtime_id)
            return (), True

    async def inspect(self, runtime_id: str) -> Mapping[str, Any]:
        with self.faults.call("runtime.inspect", runtime_id), self._changed:
            there = self._there(runtime_id)
            config = self.configs[runtime_id]
            return {
                "state": {
                    "status": there.state,
                    "running": there.state in _ALIVE,
                    "paused": there.state == "paused",
                    "exit_code": there.exit_code,
                },
                "config": {
                    "command": list(config.command or ()),
                    "env": [f"{k}={v}" for k, v in config.env.items()],
                    "tty": config.tty,
                    "stdin": config.stdin,
                },
            }

    def ended(self, runtime_id: str) -> int | None:
        """Exit code of a container that has ended."""
        with self._changed:
            there = self.containers.get(runtime_id)
            return there.exit_code if there else 137

    def close(self) -> None:
        self.disconnect()

    # What tests do to it.

    def kill(
        self, runtime_id: str, exit_code: int = 137, *, oom: bool = False
    ) -> None:
        """End a running container from outside."""
        with self._changed:
            if oom:
                self._put(runtime_id, oom_killed=True)
                self._emit(runtime_id, "oom")
            self._die(runtime_id, exit_code)

    def limit(self, runtime_id: str, limits: base.Limits) -> None:
        """Change the limits of a container by hand."""
        with self._changed:
            self._put(runtime_id, limits=limits)
            self._emit(runtime_id, "update")

    def named(self, name: str) -> base.RuntimeContainer | None:
        """The container of that name."""
        with self._changed:
            for there in self.containers.values():
                if there.name == name:
                    return there
        return None

    def disconnect(self) -> None:
        """End every open stream of events, as a lost connection does."""
        with self._changed:
            self._streams += 1
            self._changed.notify_all()

    def lose_events(self, losing: bool = True) -> None:
        """From now on, until called with False, no event is kept."""
        with self._changed:
            self._losing = losing

    def restart(self) -> None:
        """Restart the engine without live-restore: everything has ended."""
        with self._changed:
            self.lose_events()
            for there in list(self.containers.values()):
                if there.state in _ALIVE:
                    self._die(there.id, 137)
            self.lose_events(False)
            self.disconnect()

    # All below with the lock held.

    def _there(self, runtime_id: str) -> base.RuntimeContainer:
        if runtime_id not in self.containers:
            raise base.Absent(f"There is no container {runtime_id[:12]}.")
        return self.containers[runtime_id]

    def _alive(self, runtime_id: str) -> base.RuntimeContainer:
        there = self._there(runtime_id)
        if there.state not in _ALIVE:
            raise base.Conflict("The container is not running.")
        return there

    def _get(self, runtime_id: str) -> base.RuntimeContainer:
        try:
            return self.containers[runtime_id]
        except KeyError:
            raise base.EngineError(
                f"There is no container {runtime_id[:12]}."
            ) from None

    def _create(
        self, config: base.ContainerConfig, *, anew: bool = False
    ) -> str:
        """:param anew: replace one of that name even if it is the same."""
        if (
            config.image
            and self.images is not None
            and config.image not in self.images
        ):
            raise base.EngineError(
                f"The engine has no image {config.image}.", permanent=True
            )
        if config.infra_id and config.infra_id not in self.containers:
            raise base.EngineError(
                f"There is no infra container {config.infra_id}."
            )
        there = self.named(config.name)
        if there is not None:
            if (
                not anew
                and there.labels.get(base.LABEL_CONFIG)
                == config.labels.get(base.LABEL_CONFIG)
                and self.configs[there.id].infra_id == config.infra_id
            ):
                return there.id
            self._remove(there.id)
        self._made += 1
        runtime_id = hashlib.sha256(
            f"{config.name} {self._made}".encode()
        ).hexdigest()
        self.configs[runtime_id] = config
        if config.share is not None:
            seen = self.shares.setdefault(config.labels[base.LABEL_SET], {})
            seen[config.labels[base.LABEL_CONTAINER]] = config.share
        self.containers[runtime_id] = base.RuntimeContainer(
            id=runtime_id,
            name=config.name,
            labels=dict(config.labels),
            state="created",
            limits=_limits(config),
        )
        return runtime_id

    def _start(self, runtime_id: str) -> None:
        config = self.configs[runtime_id]
        if config.infra_id:
            infra = self.containers.get(config.infra_id)
            if infra is None or infra.state not in _ALIVE:
                raise base.EngineError(
                    "The infra container of the set does not run."
                )
        why = _cannot(_program(config))
        if why and not self.init:
            raise base.EngineError(
                f"The container cannot be started: {why}", permanent=True
            )
        self._pid += 1
        self._put(
            runtime_id,
            state="running",
            pid=self._pid,
            exit_code=None,
            oom_killed=False,
            started_at=self.clock().isoformat(),
            finished_at=None,
            error="",
        )
        self._emit(runtime_id, "start")
        self._write(runtime_id)

    def _write(self, runtime_id: str) -> None:
        """What its program writes first, to its log."""
        log = self.log_file(runtime_id)
        if log is None:
            return
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            program = _program(self.configs[runtime_id])
            if program.startswith("echo "):
                time = self.clock().isoformat().replace("+00:00", "Z")
                line = {
                    "log": program.removeprefix("echo ") + "\n",
                    "stream": "stdout",
                    "time": time,
                }
                file.write(json.dumps(line) + "\n")

    def _thaw(self, runtime_id: str) -> None:
        if self.containers[runtime_id].state != "paused":
            return
        self._put(runtime_id, state="running")
        self._emit(runtime_id, "unpause")
        for name in self._pending.pop(runtime_id, ()):
            self._deliver(runtime_id, name)

    def _deliver(self, runtime_id: str, name: str) -> None:
        program = _program(self.configs[runtime_id])
        ended = self.containers[runtime_id].state not in _ALIVE
        deaf = name == "TERM" and "trap '' TERM" in program
        if not (ended or deaf or name in _HARMLESS):
            self._die(runtime_id, 128 + signal.Signals[f"SIG{name}"])

    def _answer(
        self, command: tuple[str, ...], timeout: float
    ) -> base.Executed:
        if command in self.answers:
            return self.answers[command]
        program = " ".join(command)
        why = _cannot(program)
        if why:
            return base.Executed(127, f"The command cannot be run: {why}")
        sleep = _SLEEP.match(program)
        if sleep and int(sleep[1]) > timeout:
            return base.Executed(None, "")
        return base.Executed(_exit_code(program) or 0, "")

    def _put(self, runtime_id: str, **changes: Any) -> None:
        self.containers[runtime_id] = dataclasses.replace(
            self.containers[runtime_id], **changes
        )

    def _die(self, runtime_id: str, exit_code: int) -> None:
        self._pending.pop(runtime_id, None)
        self._put(
            runtime_id,
            state="exited",
            pid=0,
            exit_code=exit_code,
            finished_at=self.clock().isoformat(),
        )
        self._emit(runtime_id, "die")

    def _remove(self, runtime_id: str) -> None:
        if self.containers[runtime_id].state in _ALIVE:
            self._die(runtime_id, 137)
        self._emit(runtime_id, "destroy")
        del self.containers[runtime_id], self.configs[runtime_id]
        if self.logs is not None:
            shutil.rmtree(self.logs / runtime_id, ignore_errors=True)

    def _emit(self, runtime_id: str, action: str) -> None:
        if self._losing:
            return
        there = self.containers[runtime_id]
        self._events.append(
            base.RuntimeEvent(
                id=runtime_id,
                action=action,
                labels=there.labels,
                at=self.clock(),
                exit_code=there.exit_code if action == "die" else None,
                error=there.error if action == "die" else "",
            )
        )
        self._changed.notify_all()
