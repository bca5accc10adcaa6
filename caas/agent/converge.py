"""From what is wanted and what is found to what is to be done next.  Pure.

:func:`converge` is called whenever something may have changed.  It names every
action that can be in progress now, and those that are already are left alone;
so each step follows from the level, never from what was done before, and an
agent that died anywhere goes on from what its successor finds.

Order within a set: volume, cgroup and network first; the infra container is
created and started; business containers are created meanwhile, as their
images come; the network is plugged; business containers start by Index, the
next when the one before is up: running, and healthy where it has a check, or
ended well if it runs to completion.  Down it goes in reverse, infra last.
"""

import dataclasses
from collections.abc import Iterable

from caas.agent import actions as act
from caas.agent import health, single
from caas.agent.config import INFRA, other_limits, sub_paths
from caas.agent.found import Container, Found, ended, iso
from caas.agent.plan import UNLISTED, Plan, Rules, Step
from caas.model import wire
from caas.model.states import Desired, Phase


def converge(
    wanted: wire.Wanted | None,
    found: Found,
    *,
    listed: bool,
    now: float,
    refusal: str = "",
    engine_trouble: str | None = None,
    rules: Rules,
) -> Step:
    """What to do next about one set.

    :param wanted: None when it is not on the list.
    :param listed: the full list has come in this run of the agent; before
        that nothing is created or removed.
    :param now: seconds since the epoch.
    :param refusal: why this host will not run what is wanted; "" if it will.
    :param engine_trouble: the engine does not answer: do nothing and say
        this; None when it does.
    """
    if engine_trouble is not None or not found.known:
        return Step(None, engine_trouble or "")
    plan = _Branches(wanted, found, listed, now, rules)
    if found.stale:
        plan.refresh()
        return plan.step(None)
    if wanted is None or wanted.desired == Desired.DELETED:
        return plan.clear()
    if found.incarnation != wanted.incarnation:
        return plan.give_way()
    if found.epoch is None:
        return plan.note(act.Adopt(wanted.restart_epoch))
    if wanted.desired == Desired.STOPPED:
        return plan.stop()
    if refusal:
        return Step(Phase.FAILED, refusal)
    return plan.run()


class _Branches(Plan):
    """One for each thing that can be wanted, and their parts."""

    def remove_strays(self) -> None:
        for runtime_id, name in self.found.strays.items():
            self.do(act.Remove(name, runtime_id))

    def refresh(self) -> None:
        if all(isinstance(a, act.HARMLESS) for a in self.found.busy):
            self.do(act.Refresh())

    def clear(self) -> Step:
        """Everything goes, business first."""
        if self.building:
            return self.step(Phase.STOPPING)
        self.remove_strays()
        business = list(self.business())
        for name, there in business:
            self.do(self._end(name, there))
        if business or self.found.strays:
            return self.step(Phase.STOPPING)
        if self.infra:
            self.do(act.Remove(INFRA, self.infra.id))
        elif not self.found.released:
            self.do(act.Release())
        elif self.listed:
            return Step(Phase.GONE)
        return self.step(Phase.STOPPING)

    def _end(self, name: str, there: Container) -> act.Action:
        """Its hook runs once, if that does no harm."""
        stop = act.Stop(name, self.wanted.grace_period if self.wanted else 0)
        if (
            there.state == "running"
            and there.pre_stop is not None
            and stop.grace_period
            and stop not in self.found.faults
        ):
            return stop
        return act.Remove(name, there.id)

    def give_way(self) -> Step:
        """Another incarnation's things go before anything else is done."""
        wanted, found = self.target, self.found
        if found.incarnation is not None or found.containers or found.strays:
            step = self.clear()
            if step.phase != Phase.GONE:
                return dataclasses.replace(
                    step,
                    phase=Phase.PREPARING,
                    reason=step.reason
                    or "removing what an earlier incarnation left",
                )
        elif not self.listed:
            return Step(Phase.PREPARING, UNLISTED)
        return self.note(act.Begin(wanted.incarnation))

    def stop(self) -> Step:
        wanted = self.target
        if self._asked_to_restart() or any(
            self.launched(name) for name, _ in self.business()
        ):
            # whatever comes next starts them all
            return self.note(act.NewRound("stop", wanted.restart_epoch))
        if self.building:
            return self.step(Phase.STOPPING)
        self.remove_strays()
        self._limit(True)
        self._tidy()
        running = [name for name, there in self.business() if there.running]
        self.stop_reverse(running, wanted.grace_period)
        if running:
            return self.step(Phase.STOPPING)
        if self.infra_up:
            self.do(act.Stop(INFRA, 0))
            return self.step(Phase.STOPPING)
        return self.step(Phase.STOPPED)

    def _tidy(self) -> None:
        """What was changed while nothing runs."""
        single.rename(self)
        wanted = {c.spec.name for c in self.target.containers}
        for name, there in self.business():
            unwanted = name not in wanted and name not in self.renames
            if unwanted and not there.running:
                self.do(act.Remove(name, there.id))

    def run(self) -> Step:
        wanted, found = self.target, self.found
        if (note := self._new_round() or single.asked(self)) is not None:
            return self.note(note)
        self.remove_strays()
        single.rename(self)
        if self._finished():
            return self.step(Phase.FINISHED, self._failures())
        if self._older_round_runs():
            return self.step(self._on_the_way(), self._why())
        self._replace()
        self._create()
        backoff = self._start()
        said = [*backoff, *single.care(self)]
        up = all(self._is_up(c) for c in wanted.containers)
        self._limit(up or bool(self.failed))
        if self.failed:
            return self.step(Phase.FAILED)
        if up and self._resizing() and not self.refused:
            return self.step(Phase.STARTING)
        if up and self.has(act.Signal, act.Pause):
            return self.step(Phase.STARTING)
        waits = [
            f"container {c.spec.name}: {single.waits_for(self, c)}"
            for c in wanted.containers
            if self.in_place(c) and not self.proved(c)
        ]
        waits += [
            f"container {c.spec.name}: its pre_start hook runs"
            for c in wanted.containers
            if c.spec.hooks.pre_start and found.doing(act.Start, c.spec.name)
        ]
        if up and not waits:
            return self.step(Phase.RUNNING, "; ".join(said))
        if self.unlisted:
            return self.step(self._on_the_way())
        coming = [
            c.spec.image
            for c in wanted.containers
            if c.spec.image.digest not in found.images and not self.fits(c)
        ]
        if coming:
            said = [
                f"image {i.ref}: {found.progress.get(i.digest, 'on its way')}"
                for i in coming
            ]
            return self.step(Phase.PREPARING, "; ".join(dict.fromkeys(said)))
        return self.step(
            self._on_the_way(), "; ".join([*said, *waits]) or self._why()
        )

    def _is_up(self, container: wire.WantedContainer) -> bool:
        """It was started as is wanted, and is not to be replaced."""
        name = container.spec.name
        if not self.in_place(container):
            return False
        if not self.making_way(name):
            return True
        # ill, and started again in a moment
        there = self.found.containers[name]
        return there.running and health.ill(there, self.found.books[name])

    def _new_round(self) -> act.NewRound | None:
        """Whether all business containers are to be started once more."""
        wanted, found = self.target, self.found
        if self._asked_to_restart():
            return act.NewRound("restart", wanted.restart_epoch)
        launched = [name for name, _ in self.business() if self.launched(name)]
        if not launched:
            return None
        if self._finished():
            if wanted.revision > found.settled:
                return act.NewRound("start", wanted.restart_epoch)
            return None
        if not self.infra_up or self._namespaces_differ(launched):
            # They sit in a namespace that is gone or unreachable.
            return act.NewRound("infra", wanted.restart_epoch)
        return None

    def _asked_to_restart(self) -> bool:
        done = self.found.epoch
        return done is not None and self.target.restart_epoch > done

    def _namespaces_differ(self, names: Iterable[str]) -> bool:
        infra = self.infra
        if infra is None or infra.netns is None:
            return False
        return any(
            there.running and there.netns not in (None, infra.netns)
            for there in (self.found.containers[name] for name in names)
        )

    def _finished(self) -> bool:
        """All business containers ended and none is to be started again."""
        infra = self.infra
        for container in self.target.containers:
            name = container.spec.name
            if not self.launched(name):
                return False
            there = self.found.containers[name]
            if there.running or self.restarts_at(container) is not None:
                return False
            if infra is None or infra.running:
                continue
            ended_with_it = (there.finished or 0.0) + self.rules.same_cause
            if infra.finished is None or ended_with_it > infra.finished:
                return False
        return True

    def _failures(self) -> str:
        """Which containers did not end well."""
        there = self.found.containers
        names = (c.spec.name for c in self.target.containers)
        return "; ".join(
            f"container {name} {ended(there[name])}"
            for name in names
            if not there[name].well
        )

    def _older_round_runs(self) -> bool:
        """Take down what still runs from an older round."""
        wanted = self.target
        # the round of those whose answer is still to come
        starting = {
            a.name: a.round
            for a in self.found.busy
            if isinstance(a, act.Start) and a.name != INFRA
        }
        if any(round_ != self.found.round for round_ in starting.values()):
            return True
        old = [
            name
            for name, there in self.business()
            if there.running
            and not self.launched(name)
            and name not in starting
        ]
        self.stop_reverse(old, wanted.grace_period)
        return bool(old)

    def _replace(self) -> None:
        """Those not (or no longer) as wanted make way."""
        wanted = self.target
        members = {c.spec.name: c for c in wanted.containers}
        for name, there in self.business():
            if name in self.renames:
                continue
            member = members.get(name)
            if member is not None and self.fits(member):
                continue
            if member is not None and there.running:
                # it goes on until there is something to take its place
                image = member.spec.image.digest
                if image not in self.found.images:
                    self.do(act.EnsureImage(image))
                    continue
                if not self.has_place(member):
                    self._make_volume()
                    continue
            if there.running:
                self.stop_reverse([name], wanted.grace_period)
            else:
                self.do(act.Remove(name, there.id))
        if self.infra and self.infra.state == "dead":
            self.do(act.Remove(INFRA, self.infra.id))

    def _create(self) -> None:
        """Volume, cgroup, network, images, then the containers."""
        wanted, found = self.target, self.found
        missing = [
            c
            for c in wanted.containers
            if c.spec.name not in found.containers
            and c.spec.name not in self.renames.values()
        ]
        asleep = not self.infra_up or any(
            not found.containers[c.spec.name].running
            for c in wanted.containers
            if c.spec.name in found.containers
        )
        if missing or asleep:
            self._make_volume()
            self._group()
        if not self.informed:
            self.do(act.Show(self.told))
        if not self.infra_up and not self._linked:
            self.do(act.PrepareNetwork())
        for container in missing:
            image = container.spec.image.digest
            if image not in found.images:
                self.do(act.EnsureImage(image))
        if not (found.volume and found.grouped):
            return
        if self.infra is None:
            self.do(act.Create(INFRA))
            return
        for container in missing:
            there = container.spec.image.digest in found.images
            if there and self.has_place(container) and self.informed:
                self.do(act.Create(container.spec.name))

    @property
    def _linked(self) -> bool:
        """The network is ready for it, if it is to have one."""
        return self.found.prepared or self.target.nic is None

    def _grounded(self, container: wire.WantedContainer) -> bool:
        there = self.found.containers.get(container.spec.name)
        # one that ran before finds what it found then, if need be
        informed = self.informed or (there and there.state != "created")
        return bool(
            self.has_place(container) and self.found.grouped and informed
        )

    def _make_volume(self) -> None:
        containers = self.target.containers
        if not all(self.has_place(c) for c in containers):
            folders = sub_paths(*(c.spec for c in containers))
            self.do(act.MakeVolume(tuple(folders)))

    def _group(self) -> None:
        """The cgroup; without a cap on CPU time where nothing runs yet."""
        boost = self.rules.boost > 0
        again = boost and self.found.capped and not self.infra_up
        if (again or not self.found.grouped) and not self.has(act.Limit):
            self.do(act.MakeGroup(boost=boost))

    def _resizing(self) -> bool:
        """The set runs with other limits than it is to have."""
        wanted, found = self.target, self.found
        return (
            found.limits not in (None, wanted.resources)
            or (found.capped and wanted.cpu_burst)
            or bool(other_limits(wanted, found.containers))
        )

    def _limit(self, started: bool) -> None:
        """All limits, with that on CPU time once all have started, or after
        a while."""
        infra = self.infra
        if infra is None or not infra.running or self.has(act.MakeGroup):
            return
        if self._resizing():
            self.do(act.Limit())
            return
        found = self.found
        if found.capped or (self.target.cpu_burst and found.limits):
            return
        began = infra.started or 0.0
        due = began + self.rules.boost
        if not started and began <= self.now < due:
            self.look_at(due)
        else:
            self.do(act.Limit())

    def _start(self) -> list[str]:
        """Infra, plug, then business by Index.

        :returns: what is to be said of those that wait for their next start.
        """
        wanted, found = self.target, self.found
        infra = self.infra
        if infra is None or self.making_way(INFRA):
            return []
        if not infra.running:
            # a business container starting now would miss the plugging
            alone = not any(isinstance(a, act.Start) for a in found.busy)
            if alone and found.volume and found.grouped and self._linked:
                self.do(act.Start(INFRA, 0))
            return []
        if wanted.nic is not None and not found.plugged:
            self.do(act.Plug(infra.pid))
            return []
        backoff = self._restart()
        by_index: dict[int, list[wire.WantedContainer]] = {}
        for container in wanted.containers:
            by_index.setdefault(container.spec.index, []).append(container)
        for index in sorted(by_index):
            # all of them are seen to, and only then is it asked if all are up
            up = [self._up(c) for c in by_index[index]]
            if not all(up):
                break
        return backoff

    def _up(self, container: wire.WantedContainer) -> bool:
        """It runs, or has run and ended for good; else see to its start."""
        name = container.spec.name
        there = self.found.containers.get(name)
        if there is None or self.making_way(name) or not self.fits(container):
            return False
        if not self.launched(name):
            if self._grounded(container):
                self._do_start(container)
            return False
        again = self.restarts_at(container)
        if container.spec.run_to_completion:
            return self._completed(container, there, again)
        if container.spec.health_check is not None:
            return self.proved(container)
        return there.running or again is None

    def _completed(
        self,
        container: wire.WantedContainer,
        there: Container,
        again: float | None,
    ) -> bool:
        """It ended well; if it ended badly for good, nothing comes after."""
        if there.running or again is not None:
            return False
        if there.well:
            return True
        index = container.spec.index
        if any(
            c.spec.index > index and not self.launched(c.spec.name)
            for c in self.target.containers
        ):
            name = container.spec.name
            self.verdicts[name] = (
                f"container {name} {ended(there)}, so what has a higher Index "
                "does not start"
            )
            self.failed.append(self.verdicts[name])
        return False

    def _do_start(
        self, container: wire.WantedContainer, *, again: bool = False
    ) -> None:
        image = container.spec.image.digest
        if container.spec.hooks.pre_start and image not in self.found.images:
            # a container for the hook has to be made of it
            self.do(act.EnsureImage(image))
            return
        self.do(act.Start(container.spec.name, self.found.round, again=again))

    def _restart(self) -> list[str]:
        """Start again what ended and whose policy says so."""
        wanted, found = self.target, self.found
        said = []
        for container in wanted.containers:
            name = container.spec.name
            if not self.launched(name) or self.making_way(name):
                continue
            due = self.restarts_at(container)
            if due is None:
                continue
            there = found.containers[name]
            if health.key(container) == health.MONITOR and not self.proved(
                container
            ):
                # what does not run at first is not to run again
                continue
            said.append(
                f"container {name} {ended(there)};"
                f" starts again at {(iso(due) or '')[:19]}Z"
            )
            if self.now < due <= self.now + self.rules.backoff_cap:
                self.look_at(due)
            elif self._grounded(container):
                self._do_start(container, again=True)
        return said

    def _on_the_way(self) -> Phase:
        if self.found.cause in ("restart", "infra"):
            return Phase.RESTARTING
        return Phase.STARTING

    def _why(self) -> str:
        if self.found.cause == "infra":
            return "the infra container ended, so all containers start anew"
        return ""
