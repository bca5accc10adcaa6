"""A host without time or threads, to run converge() in.

Actions take effect when :meth:`World.finish` says so, in any order, and may
fail before or after they took effect.  Nothing here decides anything: it does
what a real engine does, and says no where a real engine says no.
"""

import contextlib
import dataclasses
import datetime
import functools

from caas.agent import actions as act
from caas.agent import config
from caas.agent.converge import converge
from caas.agent.found import Container, Found
from caas.agent.plan import Rules
from caas.drivers.runtime import base
from caas.model.states import Phase

RULES = Rules()
UP = ("running", "paused")


class Refused(Exception):
    """The engine would not do this; the agent should not have asked."""


class World:
    def __init__(self, wanted, *, now=1_000_000.0):
        self.now = now
        self.wanted = wanted
        self.listed = True
        self.trouble = None
        self.containers: dict[str, base.RuntimeContainer] = {}
        self.made_for: dict[str, str] = {}
        self.netns: dict[str, str] = {}
        self.boosted = False
        self.limits = None
        self.signals = []
        #: what is wrong with containers, by name
        self.answers = {}
        self.used_mb = 0
        self.volume = self.group = self.network = False
        self.images: set[str] = set()
        self.plugged: str | None = None
        #: digest of what containers are told
        self.shown: str | None = None
        self.events: list[base.RuntimeEvent] = []
        self.log: list[tuple[str, str]] = []
        self.made = 0
        #: somebody started infra by hand: for a moment all bets are off
        self.meddled = False
        self.calls = {}
        #: calls of the engine that outlived the agent that made them
        self.orphans = []
        self.images_known: dict[str, str] = {}
        self.found = Found(images=self.images_known)
        self.kept = self.found.to_dict()
        self.inventory()

    # The agent.

    def restart_agent(self, *, books=True, rng=None):
        """Forget all but what is on the disk.

        Calls the engine was busy with may go on.
        """
        kept = self.kept if books else {}
        for action in sorted(self.found.busy, key=repr):
            call = self.calls[action]
            fate = rng.random() if rng else 1
            if fate < 0.4:
                self._orphan(call)
            elif fate < 0.6 and isinstance(action, (act.Start, act.Stop)):
                self.orphans.append(call)
        self.images_known = {}
        self.events.clear()
        self.found = Found.from_dict(kept, self.images_known)
        self.inventory()

    def inventory(self):
        self.found.inventory(self.containers.values(), self.netns)

    def decide(self):
        """converge(), with notes noted; new actions become busy."""
        for _ in range(10):
            step = converge(
                self.wanted,
                self.found,
                listed=self.listed,
                now=self.now,
                engine_trouble=self.trouble,
                rules=RULES,
            )
            notes = [a for a in step.actions if isinstance(a, act.Note)]
            if not notes:
                break
            for note in notes:
                self.log.append(("note", type(note).__name__))
                self.found.note(note)
        else:
            raise AssertionError(f"notes for ever: {notes}")
        assert not set(step.actions) & self.found.busy
        for action in step.actions:
            # all a call needs is read now, as Hands.take() does
            self.calls[action] = self._take(action)
        self.found.busy.update(step.actions)
        if step.phase in (Phase.RUNNING, Phase.FINISHED):
            self.found.settle(self.wanted.revision)
        self.kept = self.found.to_dict()
        return step

    def finish(self, action, *, fail=None, permanent=False):
        """Carry out a busy action.

        :param fail: "before" or "after" it took effect.
        """
        assert action in self.found.busy
        revision = self.wanted.revision if self.wanted else 0
        result = None
        if fail != "before":
            try:
                result = self.calls[action]()
            except base.EngineError as error:
                fail, permanent = "before", permanent or error.permanent
        if fail:
            self.found.failed(
                action,
                "no",
                permanent=permanent,
                revision=revision,
                now=self.now,
            )
        else:
            self.found.done(action, result, revision)
        self.kept = self.found.to_dict()

    def late(self):
        """What a dead agent asked for happens now."""
        if self.orphans:
            self._orphan(self.orphans.pop())

    def _orphan(self, call):
        # nobody who asks now is to blame if the time for it is wrong
        with contextlib.suppress(base.EngineError, Refused):
            call()

    def hear(self, count=None):
        """Tell the agent of events."""
        for _ in range(len(self.events) if count is None else count):
            self.found.event(self.events.pop(0))
        self.kept = self.found.to_dict()

    # The engine.

    def _take(self, action):
        entry = (type(action).__name__, getattr(action, "name", ""))
        call = getattr(self, f"_do_{type(action).__name__}")(action)

        def logged():
            self.log.append(entry)
            return call()

        return logged

    def _do_EnsureImage(self, action):  # noqa: N802
        def call():
            self.images.add(action.digest)
            return f"ref-{action.digest}"

        return call

    def _do_MakeVolume(self, action):  # noqa: N802
        return lambda: setattr(self, "volume", True)

    def _do_MakeGroup(self, action):  # noqa: N802
        wanted = self.wanted

        def call():
            self.group, self.boosted = True, action.boost
            self.boosted = action.boost or wanted.cpu_burst
            self.limits = wanted.resources
            return "/group", wanted.resources, {}, not self.boosted

        return call

    def _do_Limit(self, action):  # noqa: N802
        wanted = self.wanted
        members = {
            self.found.containers[name].id: limits
            for name, limits in config.other_limits(
                wanted, self.found.containers
            ).items()
        }

        def call():
            if self.used_mb > wanted.resources.memory_mb:
                raise base.EngineError("in use", permanent=True)
            self.group, self.boosted = True, wanted.cpu_burst
            self.limits = wanted.resources
            for runtime_id, limits in members.items():
                there = self.containers.get(runtime_id)
                if there is None:
                    raise base.EngineError("gone")
                self.containers[runtime_id] = dataclasses.replace(
                    there, limits=limits
                )
            return "/group", wanted.resources, members, not self.boosted

        return call

    def _do_PrepareNetwork(self, action):  # noqa: N802
        return lambda: setattr(self, "network", True)

    def _do_Show(self, action):  # noqa: N802
        return lambda: setattr(self, "shown", action.digest)

    def _do_Plug(self, action):  # noqa: N802
        def call():
            for runtime_id, there in self.containers.items():
                if there.pid == action.pid:
                    self.plugged = self.netns[runtime_id]
                    return
            raise base.EngineError("nothing to plug")

        return call

    def _do_Create(self, action):  # noqa: N802
        infra = self.found.containers.get(config.INFRA)
        return functools.partial(
            self._create, action.name, self.wanted, infra.id if infra else ""
        )

    def _do_Start(self, action):  # noqa: N802
        return functools.partial(
            self._start, self.found.containers[action.name].id
        )

    def _do_Stop(self, action):  # noqa: N802
        return functools.partial(
            self._stop, self.found.containers[action.name].id
        )

    def _do_Rename(self, action):  # noqa: N802
        new = config.full_name("set-1", self.found.incarnation, action.new)

        def call():
            if action.runtime_id not in self.containers:
                raise base.EngineError("no such container")
            if any(c.name == new for c in self.containers.values()):
                raise Refused(f"two are called {new}")
            self._put(action.runtime_id, name=new)
            self._emit(action.runtime_id, "rename")

        return call

    def _do_Pause(self, action):  # noqa: N802
        return functools.partial(
            self.pause, self.found.containers[action.name].id, action.paused
        )

    def _do_Signal(self, action):  # noqa: N802
        runtime_id = self.found.containers[action.name].id
        return lambda: self.signals.append((runtime_id, action.signal))

    def _do_Probe(self, action):  # noqa: N802
        return lambda: (self.answers.get(action.name, ""), self.now)

    def _do_Remove(self, action):  # noqa: N802
        return functools.partial(self.destroy, action.runtime_id)

    def _do_Release(self, action):  # noqa: N802
        def call():
            if self.containers:
                raise Refused("released below running containers")
            self.volume = self.group = self.network = False
            self.plugged = self.shown = None

        return call

    def _do_Refresh(self, action):  # noqa: N802
        return lambda: (list(self.containers.values()), dict(self.netns))

    def _create(self, name, wanted, infra_id):
        if not (self.volume and self.group):
            raise Refused(f"{name} created without volume or group")
        if name == config.INFRA:
            infra_id = ""
            made = config.infra(wanted, source=str, group="/group")
        else:
            (container,) = (
                c for c in wanted.containers if c.spec.name == name
            )
            if self.shown is None:
                raise Refused(f"{name} created before it can be told")
            if container.spec.image.digest not in self.images:
                raise base.EngineError("no such image")
            if infra_id not in self.containers:
                raise base.EngineError("no infra container")
            made = config.business(
                wanted,
                container,
                image="ref",
                infra_id=infra_id,
                source=str,
                group="/group",
            )
        digest = made.labels.get(base.LABEL_CONFIG, "")
        for there in list(self.containers.values()):
            if there.name == made.name:
                if (
                    there.labels.get(base.LABEL_CONFIG, "") == digest
                    and self.made_for[there.id] == infra_id
                ):
                    return self._made(there.id, digest, infra_id)
                self.destroy(there.id)
        self.made += 1
        runtime_id = f"{name}-{self.made}"
        self.containers[runtime_id] = base.RuntimeContainer(
            runtime_id,
            made.name,
            made.labels,
            "created",
            limits=base.Limits(made.millicpus, made.memory_bytes or 0),
        )
        self.made_for[runtime_id] = infra_id
        return self._made(runtime_id, digest, infra_id)

    def _made(self, runtime_id, digest, infra_id):
        there = self.containers[runtime_id]
        return Container(
            runtime_id,
            config=digest,
            infra=infra_id,
            limits=there.limits,
            member=there.labels.get(base.LABEL_CONTAINER, ""),
            pre_stop=config.pre_stop(there.labels),
        )

    def _start(self, runtime_id):
        there = self.containers.get(runtime_id)
        if there is None:
            raise base.EngineError("no such container")
        if there.state in UP:
            return there
        name = there.labels[base.LABEL_NAME]
        if name == config.INFRA:
            space = f"netns-{len(self.log)}"
        else:
            infra = self.containers.get(self.made_for[runtime_id])
            if infra is None or infra.state not in UP:
                raise base.EngineError("its infra container does not run")
            space = self.netns[infra.id]
            linked = self.wanted is None or self.wanted.nic is None
            if self.plugged != space and not self.meddled and not linked:
                raise Refused(f"{name} started without a network")
        self.tick()
        self.netns[runtime_id] = space
        self._put(
            runtime_id,
            state="running",
            pid=100 + len(self.log),
            exit_code=None,
            started_at=self._iso(),
            finished_at=None,
        )
        self._emit(runtime_id, "start")
        return self.containers[runtime_id]

    def pause(self, runtime_id, paused=True):
        there = self.containers.get(runtime_id)
        if there is None:
            raise base.EngineError("no such container")
        state = "paused" if paused else "running"
        if there.state in UP and there.state != state:
            self._put(runtime_id, state=state)
            self._emit(runtime_id, "pause" if paused else "unpause")
        return self.containers[runtime_id]

    def _stop(self, runtime_id):
        if runtime_id not in self.containers:
            raise base.EngineError("no such container")
        self.die(runtime_id, 143)
        return self.containers[runtime_id]

    # What happens to it.

    def tick(self, seconds=0.001):
        self.now += seconds

    def running(self):
        return sorted(
            config.name_of(c)
            for c in self.containers.values()
            if c.state in UP
        )

    def left(self):
        """What there is of the set."""
        parts = {
            "volume": self.volume,
            "group": self.group,
            "network": self.network,
        }
        return {*self.containers, *(p for p, there in parts.items() if there)}

    def id_of(self, name):
        for there in self.containers.values():
            if config.name_of(there) == name:
                return there.id
        raise KeyError(name)

    def die(self, runtime_id, exit_code=1):
        if self.containers[runtime_id].state not in UP:
            return
        self.tick()
        self.netns.pop(runtime_id)
        self._put(
            runtime_id,
            state="exited",
            pid=0,
            exit_code=exit_code,
            finished_at=self._iso(),
        )
        self._emit(runtime_id, "die", exit_code)

    def start_by_hand(self, runtime_id):
        infra = self.made_for[runtime_id]
        self.meddled = self.meddled or not infra
        if not infra or self.plugged == self.netns.get(infra, ""):
            self._start(runtime_id)

    def destroy(self, runtime_id):
        if runtime_id in self.containers:
            self.die(runtime_id, 137)
            self._emit(runtime_id, "destroy")
            del self.containers[runtime_id], self.made_for[runtime_id]

    def reboot(self):
        """The host went down and came back; nobody heard of it."""
        for runtime_id in list(self.containers):
            self.die(runtime_id, 137)
        self.events.clear()

    def _put(self, runtime_id, **changes):
        self.containers[runtime_id] = dataclasses.replace(
            self.containers[runtime_id], **changes
        )

    def _emit(self, runtime_id, action, exit_code=None):
        self.tick()
        self.events.append(
            base.RuntimeEvent(
                id=runtime_id,
                action=action,
                labels=self.containers[runtime_id].labels,
                at=datetime.datetime.fromtimestamp(self.now, datetime.UTC),
                exit_code=exit_code,
            )
        )

    def _iso(self):
        return datetime.datetime.fromtimestamp(
            self.now, datetime.UTC
        ).isoformat()

    # Loops.

    def settle(self, limit=200):
        """Do all there is to do in order; return the last step."""
        for _ in range(limit):
            step = self.decide()
            if self.events:
                self.hear()
            elif self.found.busy:
                busy = sorted(self.found.busy, key=repr)
                self.finish(busy[0])
            else:
                return step
        raise AssertionError(f"no end after {limit} steps: {step}")
