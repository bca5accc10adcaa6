"""Carries out actions with the drivers of this host.

:meth:`Hands.take` reads all an action needs out of what is known and returns
a call that knows nothing of the set any more, so it can run on any thread
while the set changes.
"""

import dataclasses
import functools
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from caas.agent import actions as act
from caas.agent import config
from caas.agent.found import Found
from caas.drivers.image import base as image_base
from caas.drivers.network import base as network_base
from caas.drivers.runtime import base as runtime_base
from caas.drivers.volume import base as volume_base
from caas.model import spec, wire

Call = Callable[[], Any]

#: What a driver raises when something did not work.
DRIVER_ERRORS = (
    runtime_base.EngineError,
    image_base.ImageError,
    network_base.NetworkError,
    volume_base.VolumeError,
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
    :ivar images: references by digest that the engine is known to have.
    """

    def __init__(
        self,
        drivers: Drivers,
        netns: Callable[[int], str | None] = netns_of,
    ) -> None:
        self.drivers = drivers
        self.images: dict[str, str] = {}
        self._netns = netns
        self._looking = threading.Lock()
        self._releasing = threading.BoundedSemaphore(RELEASES)

    def namespaces(
        self, containers: Sequence[runtime_base.RuntimeContainer]
    ) -> dict[str, str]:
        """Network namespaces by engine id of those that run."""
        spaces = {c.id: self._netns(c.pid) for c in containers if c.pid}
        return {i: space for i, space in spaces.items() if space}

    def strayed(
        self, wanted: wire.Wanted | None, found: Found
    ) -> Mapping[str, runtime_base.Limits]:
        """Limits that the cgroups of a set have instead of what they were
        given, see :meth:`Runtime.strayed`; nothing while that changes."""
        if (
            wanted is None
            or found.limits is None
            or not found.capped
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
                call = functools.partial(
                    runtime.stop, found.containers[name].id, grace_period
                )
                # the engine keeps the caller waiting
                return functools.partial(Slow, call) if grace_period else call
            case act.Start(name):
                # of others nothing is needed but that they run
                return functools.partial(
                    runtime.start,
                    found.containers[name].id,
                    look=name == config.INFRA,
                )
            case act.Remove(_, runtime_id):
                return functools.partial(runtime.remove, runtime_id)
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
            case act.EnsureImage(digest):
                return functools.partial(
                    self._ensure, _container_of(wanted, digest), progress
                )
            case act.MakeVolume():
                return functools.partial(
                    drivers.volume.create,
                    wanted.id,
                    wanted.resources.disk_gb if wanted.resources else 0,
                    config.sub_paths(wanted),
                )
            case act.MakeGroup(boost):
                return functools.partial(self._group, wanted, boost, {})
            case act.Limit():
                members = {
                    found.containers[name].id: limits
                    for name, limits in config.other_limits(
                        wanted, found.containers
                    ).items()
                }
                return functools.partial(self._group, wanted, False, members)
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
    ) -> tuple[str | None, spec.Resources | None, Any]:
        """:returns: the group, its limits, and those of containers by id."""
        group = None
        if wanted.resources is not None:
            group = self.drivers.runtime.group(
                wanted.id,
                wanted.resources,
                boost=boost,
                members=members,
                shares=config.shares(wanted),
            )
        return group, wanted.resources, members

    def _create_infra(
        self, wanted: wire.Wanted, group: str | None
    ) -> tuple[str, str, str, runtime_base.Limits | None]:
        source = functools.partial(self.drivers.volume.source, wanted.id)
        made = config.infra(wanted, source=source, group=group)
        return self.drivers.runtime.create(made), "", "", None

    def _create(self, name: str, wanted: wire.Wanted, found: Found) -> Call:
        (container,) = (c for c in wanted.containers if c.spec.name == name)
        digest = container.spec.image.digest
        infra_id = found.containers[config.INFRA].id
        image, group = found.images[digest], found.group

        def create() -> tuple[str, str, str, runtime_base.Limits | None]:
            made = config.business(
                wanted,
                container,
                image=image,
                infra_id=infra_id,
                source=functools.partial(
                    self.drivers.volume.source, wanted.id
                ),
                group=group,
            )
            try:
                runtime_id = self.drivers.runtime.create(made)
            except runtime_base.EngineError as error:
                if (
                    error.permanent
                    and self.drivers.image.present(digest) is None
                ):
                    self.images.pop(digest, None)
                    raise ImageLostError(
                        f"the image {container.spec.image.ref} was removed"
                        " from the engine"
                    ) from None
                raise
            return (
                runtime_id,
                config.digest(container.spec),
                infra_id,
                config.limits(wanted, container.spec),
            )

        return create

    def _ensure(
        self,
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
                self.drivers.image.ensure,
                image,
                container.pull,
                functools.partial(progress, image.digest),
            )
        )

    def _release(self, set_id: str) -> None:
        with self._releasing:
            self.drivers.network.unplug(set_id)
            self.drivers.volume.delete(set_id)
            self.drivers.runtime.group(set_id, None)

    def _refresh(
        self, set_id: str
    ) -> tuple[Sequence[runtime_base.RuntimeContainer], Mapping[str, str]]:
        containers = self.drivers.runtime.list(set_id)
        return containers, self.namespaces(containers)


def _container_of(wanted: wire.Wanted, digest: str) -> wire.WantedContainer:
    """One that is made from the image, with leave to pull it if any has."""
    of_it = [c for c in wanted.containers if c.spec.image.digest == digest]
    return next((c for c in of_it if c.pull), of_it[0])
