"""Containers in a Docker Engine, with the least number of calls to it."""

import asyncio
import contextlib
import dataclasses
import datetime
import json
import os
import pathlib
import re
import signal
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import requests

from caas.drivers.network import namespaces
from caas.drivers.network.base import NetworkError
from caas.drivers.runtime import (
    base,
    cgroups,
    changes,
    execution,
    infra,
    inspection,
    options,
    placing,
    processes,
    streaming,
    terminals,
)
from caas.drivers.runtime.base import Absent, Conflict
from caas.drivers.runtime.engine import Engine, cannot_set, translate
from caas.drivers.runtime.names import Names
from caas.drivers.runtime.views import Views, hidden
from caas.model import spec

#: Ports of a business container, which Docker wants to know of the infra
#: container only.
LABEL_PORTS = "caas.ports"

#: How long the engine may take to notice that a container has ended, in s.
END_TIMEOUT = 1.0

#: How long another create of the same container may take, in s.
CREATE_TIMEOUT = 20.0

#: How long the engine may take to make an image of a container, in s.
COMMIT_TIMEOUT = 3600.0

_INFRA_MEMORY = 16 << 20
_INFRA_PIDS = 16
_NEVER = "0001-01-01T00:00:00Z"
_EVENTS = (
    *("start", "die", "oom", "pause", "unpause"),
    *("rename", "update", "destroy"),
)
# Lines of a log that are read for the end of it; each has 16 KiB at most.
_LOG_LINES = 64
_STATES = {"restarting": "running", "removing": "dead"}
# How Docker's init process says that it cannot run the command.
_INIT_SAYS = re.compile(r"\[FATAL tini \(\d+\)\] (exec .* failed: .*)")


class DockerRuntime(base.Runtime):
    """:param conf: with the groups ``docker`` and ``agent``."""

    def __init__(self, conf: Any) -> None:
        self._conf = conf.docker
        self._deployment: str = conf.agent.deployment
        self._engine = Engine(conf.docker.url, conf.docker.timeout)
        self._patient = Engine(conf.docker.url, COMMIT_TIMEOUT)
        self._streaming = streaming.Streaming(
            self._engine, conf.docker.url, conf.docker.timeout
        )
        state = pathlib.Path(conf.agent.state_path)
        self._names = Names(state / "names")
        lxcfs = conf.docker.lxcfs
        self._views = Views(
            state / "views", pathlib.Path(lxcfs) if lxcfs else None
        )
        self._mark = terminals.Mark()
        self._data: str | None = None
        self._lock = threading.Lock()
        self._groups: cgroups.Groups | cgroups.Slices | None = None
        self._infra_image: str | None = None
        self._infra_build = threading.Lock()
        self._streams: set[Any] = set()

    def info(self) -> base.RuntimeInfo:
        with self._engine.call("The engine cannot be asked what it is") as api:
            found = api.info()
            self._data = found["DockerRootDir"]
            version = int(found.get("CgroupVersion") or 1)
            # from now on cgroups are read without the engine
            self._groups = self._groups or (
                cgroups.Slices()
                if found["CgroupDriver"] == "systemd"
                else cgroups.Groups(version, self._conf.cgroup_root)
            )
            return base.RuntimeInfo(
                engine="docker",
                version=found["ServerVersion"],
                api_version=api.api_version,
                storage_driver=found["Driver"],
                cgroup_driver=found["CgroupDriver"],
                cgroup_version=version,
                kernel=found["KernelVersion"],
                os=found["OperatingSystem"],
                cpus=found["NCPU"],
                memory_mb=found["MemTotal"] >> 20,
            )

    def list(
        self, set_id: str | None = None
    ) -> Sequence[base.RuntimeContainer]:
        labels = [f"{base.LABEL_DEPLOYMENT}={self._deployment}"]
        if set_id is not None:
            labels.append(f"{base.LABEL_SET}={set_id}")
        with self._engine.call("The containers cannot be listed") as api:
            listed = api.containers(all=True, filters={"label": labels})
        found = []
        for item in listed:
            if item["State"] == "created":
                found.append(
                    base.RuntimeContainer(
                        id=item["Id"],
                        name=item["Names"][0].lstrip("/"),
                        labels=item["Labels"],
                        state="created",
                    )
                )
            else:
                # gone since it was listed: no error
                with contextlib.suppress(Absent):
                    found.append(self._inspect(item["Id"]))
        return found

    def create(self, config: base.ContainerConfig) -> str:
        body = self._body(config)
        deadline = time.monotonic() + CREATE_TIMEOUT
        while True:
            try:
                return self._create(config, body)
            except Conflict:
                there = self._same(config, body)
                if there is not None:
                    return there
                if time.monotonic() > deadline:
                    raise
                # taken, yet not there: another create of it is under way
                time.sleep(0.02)
            except Absent as e:
                if config.image or not e.permanent:
                    raise
                self._build_infra()

    def start(
        self, runtime_id: str, *, look: bool = True
    ) -> base.RuntimeContainer:
        # before the start, so that no end of it can seem to be older
        began = datetime.datetime.now(datetime.UTC)
        with self._engine.call("The container cannot be started") as api:
            api.start(runtime_id)
        if look:
            return self._inspect(runtime_id)
        return base.RuntimeContainer(
            id=runtime_id,
            name="",
            labels={},
            state="running",
            started_at=began.isoformat(),
        )

    def stop(
        self, runtime_id: str, grace_period: int
    ) -> base.RuntimeContainer:
        with self._engine.call("The container cannot be stopped") as api:
            api.stop(runtime_id, timeout=grace_period)
        return self._inspect(runtime_id)

    def remove(self, runtime_id: str) -> None:
        what = "The container cannot be removed"
        with contextlib.suppress(Absent):
            try:
                with self._engine.call(what) as api:
                    api.remove_container(runtime_id, force=True, v=True)
            except Conflict:
                # somebody else's removal is on its way
                with self._engine.call(what) as api:
                    api.wait(runtime_id, condition="removed")

    def pause(self, runtime_id: str, paused: bool) -> base.RuntimeContainer:
        there = self._inspect(runtime_id)
        before = "running" if paused else "paused"
        if there.state != before:
            return there
        done = "paused" if paused else "thawed"
        try:
            with self._engine.call(f"The container cannot be {done}") as api:
                (api.pause if paused else api.unpause)(runtime_id)
        except base.EngineError:
            # One that ends meanwhile takes its cgroup along, which the engine
            # misses before it notices the end.
            deadline = time.monotonic() + END_TIMEOUT
            while (there := self._inspect(runtime_id)).state == before:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)
            return there
        return self._inspect(runtime_id)

    def signal(self, runtime_id: str, name: str) -> None:
        # gone, or it does not run
        with contextlib.suppress(Absent, Conflict):
            there = self._inspect(runtime_id)
            number = getattr(signal, f"SIG{name}", None)
            if there.state == "paused" and number and name != "KILL":
                # the engine would thaw it; it cannot end meanwhile, so the
                # process is the one meant
                os.kill(there.pid, number)
                return
            # It notes that the container was stopped by hand.  Only restart
            # policies heed that, and ours have none.
            with self._engine.call("The signal cannot be sent") as api:
                api.kill(runtime_id, name)

    def rename(self, runtime_id: str, name: str) -> None:
        if self._inspect(runtime_id).name == name:
            return
        with self._engine.call("The container cannot be renamed") as api:
            api.rename(runtime_id, name)

    def commit(
        self,
        runtime_id: str,
        reference: str,
        *,
        message: str = "",
        author: str = "",
        changes: Sequence[str] = (),
    ) -> None:
        name, _, tag = reference.rpartition(":")
        with self._patient.call("The container cannot be committed") as api:
            api.commit(
                runtime_id,
                repository=name,
                tag=tag,
                message=message or None,
                author=author or None,
                pause=False,
                changes="\n".join(changes) or None,
            )

    def execute(
        self, runtime_id: str, command: Sequence[str], timeout: float
    ) -> base.Executed:
        return execution.execute(self._engine, runtime_id, command, timeout)

    def show(self, set_id: str, files: Mapping[str, bytes]) -> None:
        self._views.show(set_id, files)

    def place(self, runtime_id: str, files: Mapping[str, bytes]) -> None:
        placing.place(self._engine, runtime_id, files)

    def run(
        self,
        config: base.ContainerConfig,
        timeout: float,
        files: Mapping[str, bytes] = MappingProxyType({}),
    ) -> base.Executed:
        # like no other, so that one left over is replaced
        labels = {**config.labels, base.LABEL_CONFIG: uuid.uuid4().hex}
        runtime_id = self.create(dataclasses.replace(config, labels=labels))
        try:
            if files:
                self.place(runtime_id, files)
            self.start(runtime_id, look=False)
            exit_code = self._wait(runtime_id, timeout)
            with self._engine.call("The log cannot be read") as api:
                log = api.logs(runtime_id, tail=_LOG_LINES)
            output = base.tail(log)
            if exit_code in (126, 127):
                said = _INIT_SAYS.findall(output)
                if said:
                    output = f"The command cannot be run: {said[-1]}."
            return base.Executed(exit_code, output)
        finally:
            self.remove(runtime_id)

    def _wait(self, runtime_id: str, timeout: float) -> int | None:
        """Its exit code; None if it has not ended after ``timeout`` s."""
        deadline = time.monotonic() + timeout
        with self._engine.call("The container cannot be waited for") as api:
            try:
                ended = api.wait(
                    runtime_id,
                    timeout=timeout,  # type: ignore[arg-type]
                )
                return int(ended["StatusCode"])
            except (
                requests.exceptions.ReadTimeout,
                requests.exceptions.ConnectionError,
            ):
                # waiting for more of an answer that has begun is the latter
                if time.monotonic() < deadline:
                    raise
                return None

    def events(self, since: datetime.datetime) -> Iterator[base.RuntimeEvent]:
        label = f"{base.LABEL_DEPLOYMENT}={self._deployment}"
        what = "The events of the engine are lost"
        with self._engine.call(what) as api:
            stream = api.events(
                since=int(since.timestamp()),
                filters={
                    "type": "container",
                    "label": label,
                    "event": list(_EVENTS),
                },
                decode=True,
            )
        with self._lock:
            self._streams.add(stream)
        try:
            while True:
                with self._engine.call(what):
                    raw = next(stream, None)
                if raw is None:
                    return
                event = self._event(raw)
                if event.at >= since:
                    yield event
        except json.JSONDecodeError as e:
            raise base.EngineError(f"{what}: {e}.") from e
        finally:
            self._end(stream)

    def group(
        self,
        set_id: str,
        resources: spec.Resources | None,
        *,
        boost: bool = False,
        members: Mapping[str, base.Limits] | None = None,
        shares: Mapping[str, base.Share] | None = None,
    ) -> str | None:
        groups = self._groups_of_engine()
        if resources is not None:
            parent = self._limit(
                groups, set_id, resources, boost, members or {}
            )
            self._views.update(set_id, shares or {})
            return parent
        groups.remove(set_id)
        self._names.remove(set_id)
        self._views.remove(set_id)
        return None

    def strayed(
        self,
        set_id: str,
        resources: spec.Resources,
        *,
        boost: bool = False,
        members: Mapping[str, base.Limits] | None = None,
    ) -> Mapping[str, base.Limits]:
        groups = self._groups_of_engine()
        given = {
            "": base.Limits(
                None if boost else resources.millicpus,
                resources.memory_mb << 20,
            )
        }
        for runtime_id, limits in (members or {}).items():
            memory = options.at_least(limits.memory_bytes)
            given[runtime_id] = base.Limits(limits.millicpus, memory)
        there = {i: groups.limits(set_id, i) for i in given}
        return {
            i: limits
            for i, limits in there.items()
            if limits is not None
            and not cgroups.alike(limits, given[i], groups.SLACK)
        }

    def ping(self) -> None:
        with self._engine.call("The engine does not answer") as api:
            api.ping()

    def log_file(self, runtime_id: str) -> pathlib.Path | None:
        folder = pathlib.Path(self._data_root(), "containers")
        if not folder.is_dir():
            # an engine on another machine
            return None
        return folder / runtime_id / f"{runtime_id}-json.log"

    def tune(self, pid: int, sysctls: Mapping[str, str]) -> None:
        def write() -> None:
            for key, value in sysctls.items():
                path = pathlib.Path("/proc/sys", *key.split("."))
                try:
                    path.write_text(value, encoding="ascii")
                except OSError as e:
                    raise base.EngineError(
                        "The network of the set cannot be set up: "
                        + cannot_set(key, e.strerror or ""),
                        permanent=True,
                    ) from e

        try:
            namespace = namespaces.open_of(pid)
        except NetworkError as e:
            raise base.EngineError(str(e)) from e
        try:
            namespaces.call_in(namespace, write)
        finally:
            os.close(namespace)

    def usage(
        self, set_id: str, runtime_ids: Sequence[str]
    ) -> Mapping[str, base.Usage]:
        groups = self._groups_of_engine()
        found = {i: groups.usage(set_id, i) for i in ("", *runtime_ids)}
        return {i: used for i, used in found.items() if used is not None}

    def processes(
        self, set_id: str, runtime_id: str
    ) -> Sequence[base.Process]:
        folder = self._groups_of_engine().folder(set_id, runtime_id)
        return processes.read(processes.pids(folder))

    def first_process(self, set_id: str, runtime_id: str) -> int:
        folder = self._groups_of_engine().folder(set_id, runtime_id)
        return processes.first(processes.pids(folder))

    async def exec(
        self, runtime_id: str, command: base.Command
    ) -> base.Terminal:
        return await terminals.run(
            self._streaming, self._mark, runtime_id, command
        )

    async def end_left(self) -> None:
        running = await asyncio.to_thread(self._running)
        for runtime_id in running:
            await terminals.end_left(self._streaming, self._mark, runtime_id)

    def _running(self) -> Sequence[str]:
        label = f"{base.LABEL_DEPLOYMENT}={self._deployment}"
        with self._engine.call("The containers cannot be listed") as api:
            found = api.containers(filters={"label": label})
        return [item["Id"] for item in found]

    async def attach(
        self, runtime_id: str, *, stdin: bool, width: int = 0, height: int = 0
    ) -> base.Terminal:
        return await terminals.attach(
            self._streaming,
            self._mark,
            self,
            runtime_id,
            stdin=stdin,
            width=width,
            height=height,
        )

    async def diff(
        self, runtime_id: str, most: int
    ) -> tuple[Sequence[base.Change], bool]:
        return await changes.diff(self._streaming, runtime_id, most)

    async def inspect(self, runtime_id: str) -> Mapping[str, Any]:
        found = await self._streaming.json(
            "The container cannot be looked at",
            "GET",
            f"/containers/{runtime_id}/json",
        )
        return inspection.shown(found)

    def _groups_of_engine(self) -> cgroups.Groups | cgroups.Slices:
        if self._groups is None:
            self.info()
        assert self._groups is not None
        return self._groups

    def _limit(
        self,
        groups: cgroups.Groups | cgroups.Slices,
        set_id: str,
        resources: spec.Resources,
        boost: bool,
        members: Mapping[str, base.Limits],
    ) -> str:
        """No member may ever have more than its parent: that is made wide
        enough for what they had and will have, and narrowed after them."""
        memory = resources.memory_mb << 20
        before = groups.memory(set_id) or 0
        new = {i: limits.memory_bytes for i, limits in members.items()}
        if memory < before:
            new[""] = memory
        for runtime_id, limit in new.items():
            used = groups.used(set_id, runtime_id)
            if used > limit:
                raise base.in_use(used, limit)
        if members:
            wide = dataclasses.replace(
                resources, memory_mb=max(memory, before) >> 20
            )
            groups.set(set_id, wide, boost=True)
        for runtime_id, limits in members.items():
            self._update(runtime_id, limits)
        return groups.set(set_id, resources, boost=boost)

    def _update(self, runtime_id: str, limits: base.Limits) -> None:
        memory = options.at_least(limits.memory_bytes)
        # -1 takes a cap off; 0 would leave it as it is
        quota, period = (
            (-1, None)
            if limits.millicpus is None
            else cgroups.cpu_cap(limits.millicpus)
        )
        what = "The limits of the container cannot be changed"
        with self._engine.call(what) as api:
            api.update_container(
                runtime_id,
                cpu_quota=quota,
                cpu_period=period,
                mem_limit=memory,
                memswap_limit=memory,
            )

    def close(self) -> None:
        with self._lock:
            streams = list(self._streams)
        for stream in streams:
            self._end(stream)

    def _end(self, stream: Any) -> None:
        with self._lock:
            self._streams.discard(stream)
        # the engine may have closed it first
        with contextlib.suppress(Exception):
            stream.close()

    def _inspect(self, runtime_id: str) -> base.RuntimeContainer:
        with self._engine.call("The container cannot be looked at") as api:
            return self._container(api.inspect_container(runtime_id))

    def _container(self, found: Mapping[str, Any]) -> base.RuntimeContainer:
        state = found["State"]
        status = _STATES.get(state["Status"], state["Status"])
        ended = status in ("exited", "dead")
        return base.RuntimeContainer(
            id=found["Id"],
            name=found["Name"].lstrip("/"),
            labels=found["Config"]["Labels"] or {},
            state=status,
            pid=state["Pid"],
            exit_code=state["ExitCode"] if ended else None,
            oom_killed=bool(state.get("OOMKilled")),
            started_at=_time(state["StartedAt"]),
            finished_at=_time(state["FinishedAt"]) if ended else None,
            error=(
                self._why_not_run(found["Id"], state["ExitCode"])
                if ended and found["HostConfig"].get("Init")
                else ""
            ),
            limits=_limits(found["HostConfig"]),
        )

    def _event(self, raw: Mapping[str, Any]) -> base.RuntimeEvent:
        labels = dict(raw["Actor"]["Attributes"])
        code = labels.pop("exitCode", None)
        exit_code = None if code is None else int(code)
        runtime_id = raw["Actor"]["ID"]
        error = ""
        if (
            raw["Action"] == "die"
            and self._conf.init
            and labels.get(base.LABEL_ROLE) != "infra"
        ):
            error = self._why_not_run(runtime_id, exit_code)
        return base.RuntimeEvent(
            id=runtime_id,
            action=raw["Action"],
            labels=labels,
            at=datetime.datetime.fromtimestamp(
                raw["timeNano"] / 1e9, datetime.UTC
            ),
            exit_code=exit_code,
            error=error,
        )

    def _why_not_run(self, runtime_id: str, exit_code: int | None) -> str:
        """What the init process left in the log, if it was not to run."""
        if exit_code not in (126, 127):
            return ""
        with (
            contextlib.suppress(base.EngineError),
            self._engine.call("The log cannot be read") as api,
        ):
            log = api.logs(runtime_id, stdout=False, tail=3)
            said = _INIT_SAYS.findall(log.decode(errors="replace"))
            if said:
                return f"The container cannot be started: {said[-1]}."
        return ""

    def _create(
        self, config: base.ContainerConfig, body: dict[str, Any]
    ) -> str:
        with self._engine.call("The container cannot be created") as api:
            made = api.create_container_from_config(  # type: ignore[no-untyped-call]
                body, config.name
            )
            return str(made["Id"])

    def _same(
        self, config: base.ContainerConfig, body: dict[str, Any]
    ) -> str | None:
        """The id of the container of that name if it is as it should be.

        Any other one is removed.
        """
        try:
            with self._engine.call("The container cannot be created") as api:
                there = api.inspect_container(config.name)
        except Absent:
            return None
        labels = there["Config"]["Labels"] or {}
        mine = labels.get(base.LABEL_DEPLOYMENT) == self._deployment
        if not mine:
            raise base.EngineError(
                f"The container cannot be created: the name {config.name} is "
                "taken by one that is not of this deployment.",
            )
        if (
            labels.get(base.LABEL_CONFIG)
            == config.labels.get(base.LABEL_CONFIG)
            and there["HostConfig"]["NetworkMode"]
            == body["HostConfig"]["NetworkMode"]
            and there["State"]["Status"] not in ("dead", "removing")
        ):
            return str(there["Id"])
        self.remove(there["Id"])
        return None

    def _body(self, config: base.ContainerConfig) -> dict[str, Any]:
        """What POST /containers/create is told."""
        ports: dict[str, Any] = {
            f"{p.port}/{p.protocol}": {} for p in config.ports
        }
        labels = {**config.labels, base.LABEL_DEPLOYMENT: self._deployment}
        host: dict[str, Any] = {
            "CgroupParent": config.cgroup_parent or "",
            "LogConfig": {
                "Type": "json-file",
                "Config": {
                    "max-size": self._conf.log_max_size,
                    "max-file": str(self._conf.log_max_file),
                    # whatever daemon.json says: they are read as they are
                    "compress": "false",
                },
            },
            "Mounts": [
                {
                    "Type": "bind",
                    "Source": bind.source,
                    "Target": bind.target,
                    "ReadOnly": bind.read_only,
                }
                for bind in config.binds
            ],
            "RestartPolicy": {"Name": "no"},
            "SecurityOpt": ["no-new-privileges"],
        }
        host |= options.capped(config)
        body: dict[str, Any] = {
            "Image": config.image or self._infra(),
            "Labels": labels,
            "HostConfig": host,
            **options.process(config),
        }
        if config.infra_id is not None:
            shared = f"container:{config.infra_id}"
            host |= {
                "NetworkMode": shared,
                "IpcMode": shared,
                "Init": self._conf.init,
            }
            host |= options.asked_for(config, self._conf, self._data_root)
            host["Mounts"] += self._views.mounts(config)
            body |= self._script(config, labels)
            if ports:
                labels[LABEL_PORTS] = ",".join(ports)
            return body
        host |= {"NetworkMode": "none", "IpcMode": "shareable"}
        if config.sysctls:
            host["Sysctls"] = config.sysctls
        body["ExposedPorts"] = ports
        # a namespace of its own, without the hook by which Docker would
        # manage it; that starts another dockerd for a moment
        body["NetworkDisabled"] = True
        files = self._names.write(
            config.labels[base.LABEL_SET], config.hosts, config.dns
        )
        host["Mounts"] += [
            {"Type": "bind", "Source": source, "Target": target}
            for target, source in files.items()
        ]
        if config.hostname:
            body["Hostname"] = config.hostname
        if not config.image:
            host |= {
                "CapDrop": ["ALL"],
                "PidsLimit": _INFRA_PIDS,
                "Memory": _INFRA_MEMORY,
                "MemorySwap": _INFRA_MEMORY,
                "ReadonlyRootfs": True,
            }
            body |= {
                "Cmd": list(infra.COMMAND),
                "User": "65534:65534",
                # a first process takes no heed of SIGTERM by itself
                "StopSignal": "SIGKILL",
            }
        return body

    def _script(
        self, config: base.ContainerConfig, labels: dict[str, str]
    ) -> dict[str, Any]:
        """What is run instead, where user data are a script and the image
        wants them to start its containers: the script, with what would have
        been run as its arguments.

        :param labels: of the container, to which is added what that was.
        """
        if labels.get(base.LABEL_ROLE) == base.HOOK or not self._views.script(
            labels[base.LABEL_SET]
        ):
            return {}
        with self._engine.call("The image cannot be looked at") as api:
            found = api.inspect_image(  # type: ignore[no-untyped-call]
                config.image
            )
        image = found["Config"] or {}
        label, value = base.LABEL_SCRIPT
        if (image.get("Labels") or {}).get(label) != value:
            return {}
        if hidden(config):
            raise base.EngineError(
                "The container cannot be started by the user data of its "
                f"set: a mount hides {base.VIEW_TARGET}.",
                permanent=True,
            )
        entrypoint, command = config.entrypoint, config.command
        if command is None and entrypoint is None:
            command = image.get("Cmd")
        if entrypoint is None:
            entrypoint = image.get("Entrypoint")
        # images made of the container are to run that
        labels[base.LABEL_STARTED] = json.dumps(
            {"Entrypoint": entrypoint, "Cmd": command}
        )
        return {
            "Entrypoint": [f"{base.VIEW_TARGET}/user_data"],
            "Cmd": [*(entrypoint or ()), *(command or ())],
        }

    def _data_root(self) -> str:
        if self._data is None:
            self.info()
        return self._data or ""

    def _infra(self) -> str:
        if self._infra_image is None:
            data = infra.read_binary(self._conf.infra_binary)
            self._infra_image = infra.reference(data)
        return self._infra_image

    def _build_infra(self) -> None:
        data = infra.read_binary(self._conf.infra_binary)
        image = infra.reference(data)
        what = "The image of infra containers cannot be made"
        with self._infra_build, self._engine.call(what) as api:
            if not api.images(name=image, quiet=True):
                name, _, tag = image.rpartition(":")
                answer = api.import_image_from_data(
                    infra.archive(data), repository=name, tag=tag
                )
                if '"error"' in str(answer):
                    raise translate(what, 500, str(answer))
        self._infra_image = image


def _limits(host: Mapping[str, Any]) -> base.Limits:
    """The caps of a container, of what the engine tells of it."""
    quota, period = host["CpuQuota"], host["CpuPeriod"] or 100_000
    return base.Limits(
        millicpus=quota * 1000 // period if quota > 0 else None,
        memory_bytes=host["Memory"],
    )


def _time(value: str) -> str | None:
    return None if value == _NEVER else value
