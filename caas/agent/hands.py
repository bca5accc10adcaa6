"""Carries out actions with the drivers of this host.

:meth:`Hands.take` reads all an action needs out of what is known and returns
a call that knows nothing of the set any more, so it can run on any thread
while the set changes.
"""

import dataclasses
import functools
import logging
import os
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from caas.agent import actions as act
from caas.agent import config, probes, told
from caas.agent.found import Container, Found, iso
from caas.agent.inputs import Handed, InputsError
from caas.agent.logs import FormerLogs
from caas.drivers.image import base as image_base
from caas.drivers.network import base as network_base
from caas.drivers.runtime import base as runtime_base
from caas.drivers.volume import base as volume_base
from caas.model import inputs, spec, wire
from caas.model.states import Desired

LOG = logging.getLogger(__name__)

Call = Callable[[], Any]
Ask = Callable[[spec.HealthCheck, int, str | None], str]
Tell = Callable[[wire.AgentEvent], None]

#: What a driver raises when something did not work.
DRIVER_ERRORS = (
    runtime_base.EngineError,
    image_base.ImageError,
    network_base.NetworkError,
    volume_base.VolumeError,
    InputsError,
)


#: Volumes removed at once; each may take long.
RELEASES = 4


class ImageLostError(Exception):
    """An image known to be in the engine is not there any more."""


@dataclasses.dataclass(frozen=True)
class Slow:
    """What is left of an action takes long: it needs a thread of its own."""

    call: Call


@dataclasses.dataclass(frozen=True)
class Drivers:
    runtime: runtime_base.Runtime
    network: network_base.Network
    volume: volume_base.Volume
    image: image_base.Image


def netns_of(pid: int) -> str | None:
    """Identity of the network namespace of a process; None if it is gone."""
    try:
        return os.readlink(f"/proc/{pid}/ns/net")
    except OSError:
        return None


class Hands:
    """:param netns: how to identify the network namespace of a process.
    :param ask: how to check health over the network, see :mod:`probes`.
    :param tell: told what conductors are to know of images.
    :param former: keeps the logs of containers that are removed, if any are
        to be kept.
    :param handed: what users handed into sets.
    :param zone: of this host.
    :ivar images: references by digest that the engine is known to have.
    """

    def __init__(
        self,
        drivers: Drivers,
        handed: Handed,
        netns: Callable[[int], str | None] = netns_of,
        ask: Ask = probes.probe,
        clock: Callable[[], float] = time.time,
        tell: Tell = lambda _event: None,
        former: FormerLogs | None = None,
        zone: str = "",
    ) -> None:
        self.drivers = drivers
        self._handed = handed
        self._zone = zone
        self.images: dict[str, str] = {}
        self._netns = netns
        self._ask = ask
        self._clock = clock
        self._tell = tell
        # when those under way were begun, by digest
        self._pulls: dict[str, float] = {}
        self._former = former
        self._looking = threading.Lock()
        self._releasing = threading.BoundedSemaphore(RELEASES)

    def namespaces(
        self, containers: Sequence[runtime_base.RuntimeContainer]
    ) -> dict[str, str]:
        """Network namespaces by engine id of those that run."""
        spaces = {c.id: self._netns(c.pid) for c in containers if c.pid}
        return {i: space for i, space in spaces.items() if space}

    def first_process(self, set_id: str, runtime_id: str) -> int:
        """See :meth:`Runtime.first_process`; 0 where it cannot be told."""
        try:
            return self.drivers.runtime.first_process(set_id, runtime_id)
        except runtime_base.EngineError:
            return 0

    def strayed(
        self, wanted: wire.Wanted | None, found: Found
    ) -> Mapping[str, runtime_base.Limits]:
        """Limits that the cgroups of a set have instead of what they were
        given, see :meth:`Runtime.strayed`; nothing while that changes."""
        if (
            wanted is None
            or found.limits is None
            or found.capped == wanted.cpu_burst
            or found.stale
            or any(
                isinstance(a, act.MakeGroup | act.Limit) for a in found.busy
            )
        ):
            return {}
        return self.drivers.runtime.strayed(
            wanted.id,
            found.limits,
            boost=wanted.cpu_burst,
            members={
                there.id: there.limits
                for name, there in found.containers.items()
                if there.limits is not None
                and there.running
                and name != config.INFRA
            },
        )

    def take(
        self,
        action: act.Action,
        set_id: str,
        wanted: wire.Wanted | None,
        found: Found,
        progress: Callable[[str, str], None],
    ) -> Call:
        """The call that does ``action``; its result is what Found.done takes.

        :param progress: told (digest, sentence) of images on their way.
        """
        runtime = self.drivers.runtime
        match action:
            case act.Stop(name, grace_period):
                return self._stop(name, grace_period, found)
            case act.Rename(_, runtime_id, new):
                return functools.partial(
                    runtime.rename,
                    runtime_id,
                    config.full_name(set_id, found.incarnation, new),
                )
            case act.Pause(name, paused):
                return functools.partial(
                    runtime.pause, found.containers[name].id, paused
                )
            case act.Signal(name, _, _, signal):
                return functools.partial(
                    runtime.signal, found.containers[name].id, signal
                )
            case act.Remove(name, runtime_id):
                return self._remove(name, runtime_id, set_id, wanted, found)
            case act.Release():
                return functools.partial(
                    Slow, functools.partial(self._release, set_id)
                )
            case act.Refresh():
                return functools.partial(self._refresh, set_id)
        assert wanted is not None, f"{action} needs to know what is wanted"
        return self._build(action, wanted, found, progress)

    def _build(
        self,
        action: act.Action,
        wanted: wire.Wanted,
        found: Found,
        progress: Callable[[str, str], None],
    ) -> Call:
        drivers = self.drivers
        match action:
            case act.Start(name):
                return self._start(name, wanted, found)
            case act.Probe(name, _, check):
                return self._probe(name, check, wanted, found)
            case act.EnsureImage(digest):
                return functools.partial(
                    self._ensure,
                    wanted.id,
                    _container_of(wanted, digest),
                    progress,
                )
            case act.MakeVolume(sub_paths):
                return functools.partial(
                    drivers.volume.create,
                    wanted.id,
                    wanted.resources.disk_gb if wanted.resources else 0,
                    sub_paths,
                )
            case act.MakeGroup(boost):
                return functools.partial(
                    self._group, wanted, boost or wanted.cpu_burst, {}
                )
            case act.Limit():
                members = {
                    found.containers[name].id: limits
                    for name, limits in config.other_limits(
                        wanted, found.containers
                    ).items()
                }
                return functools.partial(
                    self._group, wanted, wanted.cpu_burst, members
                )
            case act.Show():
                return functools.partial(self._show, wanted)
            case act.PrepareNetwork():
                return functools.partial(
                    drivers.network.prepare, wanted.id, wanted.project_id
                )
            case act.Plug(pid):
                assert wanted.nic is not None
                return functools.partial(self._plug, wanted, wanted.nic, pid)
            case act.Create(name) if name == config.INFRA:
                return functools.partial(
                    self._create_infra, wanted, found.group
                )
            case act.Create(name):
                return self._create(name, wanted, found)
        raise NotImplementedError(action)

    def _plug(self, wanted: wire.Wanted, nic: wire.Nic, pid: int) -> None:
        self.drivers.network.plug(wanted.id, wanted.project_id, pid, nic)
        sysctls = config.late_sysctls(wanted)
        if sysctls:
            self.drivers.runtime.tune(pid, sysctls)

    def _group(
        self,
        wanted: wire.Wanted,
        boost: bool,
        members: Mapping[str, runtime_base.Limits],
    ) -> tuple[str | None, spec.Resources | None, Any, bool]:
        """:returns: the group, its limits, those of containers by id, and
        whether CPU time is capped.
        """
        group = None
        if wanted.resources is not None:
            group = self.drivers.runtime.group(
                wanted.id,
                wanted.resources,
                boost=boost,
                members=members,
                shares=config.shares(wanted),
            )
        return group, wanted.resources, members, not boost

    def _show(self, wanted: wire.Wanted) -> Slow | None:
        """A conductor may have to be asked, which takes its time."""
        kept = self._handed.kept(wanted.id, wanted.inputs)
        if kept is None:
            return Slow(functools.partial(self._fetch, wanted))
        self._write(wanted, kept)
        return None

    def _fetch(self, wanted: wire.Wanted) -> None:
        self._write(wanted, self._handed.get(wanted.id, wanted.inputs))

    def _write(self, wanted: wire.Wanted, handed: inputs.Inputs) -> None:
        files = told.files(wanted, handed, self._zone)
        self.drivers.runtime.show(wanted.id, files)

    def _stop(self, name: str, grace_period: int, found: Found) -> Call:
        there = found.containers[name]
        stop = functools.partial(
            self.drivers.runtime.stop, there.id, grace_period
        )
        if not grace_period:
            return stop
        hook = there.pre_stop
        if found.doing(act.Stop, name):
            # another stop has done it
            hook = None

        frozen = there.state == "paused"

        def call() -> runtime_base.RuntimeContainer:
            if frozen:
                # it would not see SIGTERM
                self.drivers.runtime.pause(there.id, False)
            if hook is not None:
                # it is stopped whatever comes of it
                try:
                    done = self.drivers.runtime.execute(
                        there.id, hook.command, hook.timeout
                    )
                    said = _hook_failed("pre_stop", hook, done)
                except runtime_base.EngineError as error:
                    said = error.message
                if said:
                    LOG.warning("Container %s is stopped: %s", there.id, said)
            return stop()

        # the engine keeps the caller waiting
        return functools.partial(Slow, call)

    def _remove(
        self,
        name: str,
        runtime_id: str,
        set_id: str,
        wanted: wire.Wanted | None,
        found: Found,
    ) -> Call:
        remove = functools.partial(self.drivers.runtime.remove, runtime_id)
        there = found.containers.get(name)
        if (
            # of a set that goes, everything goes
            wanted is None
            or wanted.desired == Desired.DELETED
            or wanted.incarnation != found.incarnation
            or there is None
            or there.id != runtime_id
            or not there.member
            or self._former is None
        ):
            return remove
        former, member = self._former, there.member

        def call() -> None:
            try:
                log = self.drivers.runtime.log_file(runtime_id)
                if log is not None:
                    former.keep(set_id, member, name, runtime_id, log)
            except (OSError, runtime_base.EngineError) as error:
                LOG.warning(
                    "Set %s (%s): the log of container %s is lost with it: %s",
                    set_id,
                    wanted.request_id,
                    name,
                    error,
                )
            remove()

        # it may have to be copied
        return functools.partial(Slow, call)

    def _start(self, name: str, wanted: wire.Wanted, found: Found) -> Call:
        runtime = self.drivers.runtime
        there = found.containers[name]
        start = functools.partial(
            runtime.start,
            there.id,
            # of others nothing is needed but that they run
            look=name == config.INFRA,
        )
        if name == config.INFRA:
            return start
        container = _container(wanted, name)
        hook = container.spec.hooks.pre_start
        new = there.state == "created" and bool(wanted.inputs)
        if hook is None and not new:
            return start
        made = None
        if hook is not None:
            made = config.hook(self._business(container, wanted, found), hook)

        def call() -> runtime_base.RuntimeContainer:
            files = self._files(wanted)
            if new and files:
                runtime.place(there.id, files)
            if hook is None or made is None:
                return start()
            try:
                done = runtime.run(made, hook.timeout, files)
            except runtime_base.EngineError as error:
                self._check_lost(error, container.spec.image)
                raise
            if said := _hook_failed("pre_start", hook, done):
                raise runtime_base.EngineError(said)
            return start()

        return functools.partial(Slow, call)

    def _files(self, wanted: wire.Wanted) -> dict[str, bytes]:
        """Those its user wants to be in each container, by path."""
        handed = self._handed.get(wanted.id, wanted.inputs)
        return {each.path: each.data for each in handed.files}

    def _probe(
        self,
        name: str,
        check: spec.HealthCheck,
        wanted: wire.Wanted,
        found: Found,
    ) -> Call:
        runtime_id = found.containers[name].id
        infra = found.containers.get(config.INFRA)
        pid = infra.pid if infra else 0
        address = wanted.nic.address if wanted.nic else None

        def call() -> tuple[str | None, float]:
            """What is wrong, None if that cannot be told; and when."""
            try:
                if check.command is not None:
                    said = _checked(
                        check,
                        self.drivers.runtime.execute(
                            runtime_id, check.command, check.timeout
                        ),
                    )
                else:
                    said = self._ask(check, pid, address)
            except runtime_base.EngineError:
                return None, self._clock()
            return said, self._clock()

        return functools.partial(Slow, call)

    def _create_infra(
        self, wanted: wire.Wanted, group: str | None
    ) -> Container:
        source = functools.partial(self.drivers.volume.source, wanted.id)
        made = config.infra(wanted, source=source, group=group)
        return Container(self.drivers.runtime.create(made))

    def _create(self, name: str, wanted: wire.Wanted, found: Found) -> Call:
        container = _container(wanted, name)
        made = self._business(container, wanted, found)

        def create() -> Container:
            try:
                runtime_id = self.drivers.runtime.create(made)
            except runtime_base.EngineError as error:
                self._check_lost(error, container.spec.image)
                raise
            return Container(
                runtime_id,
                config=config.digest(container.spec),
                infra=made.infra_id or "",
                limits=config.limits(wanted, container.spec),
                member=container.id,
                pre_stop=container.spec.hooks.pre_stop,
            )

        return create

    def _check_lost(
        self, error: runtime_base.EngineError, image: spec.ImageRef
    ) -> None:
        """:raises ImageLostError: that was why."""
        if (
            error.permanent
            and self.drivers.image.present(image.digest) is None
        ):
            self.images.pop(image.digest, None)
            raise ImageLostError(
                f"the image {image.ref} was removed from the engine"
            ) from None

    def _business(
        self,
        container: wire.WantedContainer,
        wanted: wire.Wanted,
        found: Found,
    ) -> runtime_base.ContainerConfig:
        return config.business(
            wanted,
            container,
            image=found.images[container.spec.image.digest],
            infra_id=found.containers[config.INFRA].id,
            source=functools.partial(self.drivers.volume.source, wanted.id),
            group=found.group,
        )

    def _ensure(
        self,
        set_id: str,
        container: wire.WantedContainer,
        progress: Callable[[str, str], None],
    ) -> str | Slow:
        """The reference if the engine has the image, else how to get it."""
        image = container.spec.image
        with self._looking:
            # many sets want the same one: ask the engine once
            reference = self.images.get(image.digest)
            if reference is None:
                reference = self.drivers.image.present(image.digest)
                if reference is not None:
                    self.images[image.digest] = reference
        if reference is not None:
            return reference
        return Slow(
            functools.partial(
                self._pull,
                set_id,
                image,
                container.pull,
                functools.partial(progress, image.digest),
            )
        )

    def _pull(
        self,
        set_id: str,
        image: spec.ImageRef,
        leave: wire.Pull | None,
        progress: Callable[[str], None],
    ) -> str:
        """Have the image; what many sets wait for is told of once."""
        with self._looking:
            if image.digest in self.images:
                return self.images[image.digest]
            self._pulls.setdefault(image.digest, self._clock())
        # what will be tried again is no news yet
        refused: str | None = None
        reference = ""
        try:
            reference = self.drivers.image.ensure(image, leave, progress)
            refused = ""
            return reference
        except image_base.ImageError as error:
            refused = error.message if error.permanent else None
            raise
        finally:
            with self._looking:
                began = self._pulls.pop(image.digest, None)
                if reference:
                    self.images[image.digest] = reference
            if began is not None and refused is not None:
                self._pulled(set_id, image, began, refused)

    def _pulled(
        self, set_id: str, image: spec.ImageRef, began: float, refused: str
    ) -> None:
        now = self._clock()
        self._tell(
            wire.AgentEvent(
                id=str(uuid.uuid4()),
                set_id=set_id,
                action="image.pull",
                at=iso(now) or "",
                result="error" if refused else "success",
                reason=refused,
                object_id=image.id,
                details={
                    "image": image.ref,
                    "digest": image.digest,
                    "size": image.size,
                    "seconds": round(now - began, 3),
                    "set_id": set_id,
                },
            )
        )

    def _release(self, set_id: str) -> None:
        with self._releasing:
            self.drivers.network.unplug(set_id)
            self.drivers.volume.delete(set_id)
            self.drivers.runtime.group(set_id, None)
            self._handed.forget(set_id)
            if self._former is not None:
                self._former.remove(set_id)

    def _refresh(
        self, set_id: str
    ) -> tuple[Sequence[runtime_base.RuntimeContainer], Mapping[str, str]]:
        containers = self.drivers.runtime.list(set_id)
        return containers, self.namespaces(containers)


def _container(wanted: wire.Wanted, name: str) -> wire.WantedContainer:
    (found,) = (c for c in wanted.containers if c.spec.name == name)
    return found


def _hook_failed(
    which: str, hook: spec.Hook, done: runtime_base.Executed
) -> str:
    """What was wrong with it; "" if nothing."""
    if done.exit_code == 0:
        return ""
    how = (
        f"did not end within {hook.timeout:g} s"
        if done.exit_code is None
        else f"ended with exit code {done.exit_code}"
    )
    return f"its {which} hook {how}{_last_line(done)}"


def _checked(check: spec.HealthCheck, done: runtime_base.Executed) -> str:
    """What is wrong, by a command that was run."""
    if done.exit_code == 0:
        return ""
    if done.exit_code is None:
        return f"no answer within {check.timeout:g} s"
    return f"exit code {done.exit_code}{_last_line(done)}"


def _last_line(done: runtime_base.Executed) -> str:
    """What it printed last, as the end of a sentence; "" if nothing."""
    if not done.output:
        return ""
    line = done.output.split("\n")[-1]
    return ": " + "".join(c for c in line if c.isprintable())[:200]


def _container_of(wanted: wire.Wanted, digest: str) -> wire.WantedContainer:
    """One that is made from the image, with leave to pull it if any has."""
    of_it = [c for c in wanted.containers if c.spec.image.digest == digest]
    return next((c for c in of_it if c.pull), of_it[0])
