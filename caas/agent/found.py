"""What is known of one set on this host, and how it comes to be known.

A :class:`Found` is filled once from a listing of the engine and from the disk,
and from then on by the results of the agent's own calls and by the events of
the engine.  No I/O, no clock: whoever calls hands in what happened and when.
Times are seconds since the epoch.
"""

import dataclasses
import datetime
from collections.abc import Iterable, Mapping
from typing import Any

from caas.agent import actions as act
from caas.agent import config
from caas.agent.config import INFRA
from caas.drivers.runtime import base
from caas.model import spec
from caas.model.states import Health, Phase

#: Key of what shows whatever it has to.
ANY = "any"

#: What is under way where events tell of a change that we made.
_OURS: dict[str, tuple[type[act.Action], ...]] = {
    # a stop thaws first
    "pause": (act.Pause,),
    "unpause": (act.Pause, act.Stop),
    "rename": (act.Rename,),
}

#: Longest wait before something that failed is tried again (s).
RETRY_CAP = 60.0


def retry_delay(tries: int) -> float:
    """:returns: seconds from a failure to the next try: 1, 2, 4 .. 60."""
    return float(min(RETRY_CAP, 2 ** min(tries - 1, 16)))


def seconds(text: str | None) -> float | None:
    """ISO 8601 (UTC when it names no zone) to seconds."""
    if not text:
        return None
    time = datetime.datetime.fromisoformat(text)
    if time.tzinfo is None:
        time = time.replace(tzinfo=datetime.UTC)
    return time.timestamp()


def iso(time: float | None) -> str | None:
    if time is None:
        return None
    return datetime.datetime.fromtimestamp(time, datetime.UTC).isoformat()


@dataclasses.dataclass(frozen=True)
class Death:
    at: float
    exit_code: int | None = None
    error: str = ""


@dataclasses.dataclass
class Container:
    """A container of the set in the engine.

    :ivar infra: engine id of the infra container it was made for.
    :ivar netns: identity of its network namespace, None when not looked at.
    :ivar oomed: when the kernel last took a process of it for its memory.
    :ivar error: why its command could not be run.
    :ivar revision: it was last started under, in this run of the agent.
    :ivar died: the last end an event told of.
    :ivar limits: its caps, None when not looked at.
    :ivar updated: when an event told that they were changed.
    :ivar begun: when an event told of its start.
    :ivar member: id of the container of the set it is.
    :ivar pre_stop: what it was made with.
    :ivar probed: when its health was last checked, and ``said`` what was
        wrong.
    :ivar tries: checks of this run that failed since the last good one.
    :ivar failures: those of them that count.
    """

    id: str
    state: str = "created"
    config: str = ""
    infra: str = ""
    pid: int = 0
    netns: str | None = None
    exit_code: int | None = None
    oomed: float | None = None
    started: float | None = None
    finished: float | None = None
    error: str = ""
    revision: int = 0
    died: Death | None = None
    limits: base.Limits | None = None
    updated: float | None = None
    begun: float | None = None
    member: str = ""
    pre_stop: spec.Hook | None = None
    probed: float | None = None
    said: str = ""
    tries: int = 0
    failures: int = 0

    @property
    def running(self) -> bool:
        return self.state in ("running", "paused")

    def unprobed(self) -> None:
        """No check has told anything of it."""
        self.probed, self.said, self.tries, self.failures = None, "", 0, 0

    @property
    def well(self) -> bool:
        """How it ended, if it has, was no failure."""
        return self.exit_code == 0 and not self.oom

    @property
    def oom(self) -> bool:
        """Out of memory since it was last started."""
        return self.oomed is not None and self.oomed >= (self.started or 0.0)


@dataclasses.dataclass
class Book:
    """What must be remembered of a business container beyond its state.

    :ivar round: of starts it was last started in, see ``Found.round``.
    :ivar row: restarts in a row without a time of good behaviour between.
    :ivar restarts: starts by the restart policy since one was asked for.
    :ivar noted: time of the last end an event was written for.
    :ivar member: id of the container this is about.
    :ivar epoch: its last restart_epoch carried out, None if not known.
    :ivar signal_epoch: likewise.
    :ivar key: what it has to show since it was last started or changed, see
        :func:`caas.agent.health.key`; ``ANY`` if it was found running.
    :ivar asked: since when.
    :ivar proved: it has.
    :ivar health: as the last check found it, in the run that began at
        ``health_run``.
    """

    round: int = -1
    row: int = 0
    restarts: int = 0
    noted: float = 0.0
    member: str = ""
    epoch: int | None = None
    signal_epoch: int = 0
    key: str = ""
    asked: float = 0.0
    proved: bool = False
    health: str = ""
    health_run: float | None = None


@dataclasses.dataclass(frozen=True)
class Fault:
    """Why an action does not succeed.

    :ivar revision: it was carried out for; a permanent fault ends with it.
    :ivar expired: the leave to pull an image is needed anew.
    """

    reason: str
    permanent: bool
    revision: int
    tries: int
    retry_at: float
    expired: bool = False


@dataclasses.dataclass(frozen=True)
class Happening:
    """Something worth an event."""

    action: str
    container: str
    at: float
    result: str = "success"
    reason: str = ""


@dataclasses.dataclass
class Found:
    """:ivar incarnation: whose things these are; None before any.

    :ivar known: the engine has been asked what there is.
    :ivar stale: it has to be asked again.
    :ivar containers: of the incarnation, by name within the set.
    :ivar strays: names of containers of other incarnations, by engine id.
    :ivar destroyed: engine ids, so that an older listing brings none back.
    :ivar images: references by digest; one dict for all sets of the host.
    :ivar progress: what is said of images on their way, by digest.
    :ivar volume: and ``grouped``, ``prepared``, ``plugged``, and ``sub_paths``
        of the volume: made sure of in this run of the agent.
    :ivar shown: digest of what containers are told: likewise.
    :ivar capped: likewise, of the cap on CPU time.
    :ivar limits: what the cgroup was last given in this run of the agent.
    :ivar released: nothing but containers can be left of the set.
    :ivar round: rises whenever all business containers are to be started
        once more; one whose book names an older round is yet to be.
    :ivar cause: of the round.
    :ivar epoch: last restart_epoch carried out (or begun); None when the
        set is new here or the disk was lost.
    :ivar settled: revision under which the set last ran or finished.
    :ivar ready: when the last business container was started as asked.
    :ivar phase: the last one reported.
    """

    incarnation: int | None = None
    known: bool = False
    stale: bool = False
    containers: dict[str, Container] = dataclasses.field(default_factory=dict)
    strays: dict[str, str] = dataclasses.field(default_factory=dict)
    destroyed: set[str] = dataclasses.field(default_factory=set)
    images: dict[str, str] = dataclasses.field(default_factory=dict)
    progress: dict[str, str] = dataclasses.field(default_factory=dict)
    volume: bool = False
    sub_paths: set[str] = dataclasses.field(default_factory=set)
    grouped: bool = False
    shown: str = ""
    capped: bool = False
    limits: spec.Resources | None = None
    group: str | None = None
    prepared: bool = False
    plugged: bool = False
    released: bool = False
    round: int = 0
    cause: str = ""
    epoch: int | None = None
    settled: int = 0
    ready: float | None = None
    phase: Phase = Phase.PREPARING
    books: dict[str, Book] = dataclasses.field(default_factory=dict)
    busy: set[act.Action] = dataclasses.field(default_factory=set)
    faults: dict[act.Action, Fault] = dataclasses.field(default_factory=dict)

    # The part that outlives the agent.

    def to_dict(self) -> dict[str, Any]:
        return {
            "incarnation": self.incarnation,
            "round": self.round,
            "cause": self.cause,
            "epoch": self.epoch,
            "settled": self.settled,
            "ready": self.ready,
            "phase": self.phase,
            "books": {n: dataclasses.asdict(b) for n, b in self.books.items()},
        }

    @classmethod
    def from_dict(
        cls, data: Mapping[str, Any], images: dict[str, str]
    ) -> "Found":
        found = cls(images=images)
        for key in ("incarnation", "round", "cause", "epoch", "settled"):
            setattr(found, key, data.get(key, getattr(found, key)))
        found.ready = data.get("ready")
        found.phase = Phase(data.get("phase", found.phase))
        found.books = {
            name: spec.pick(Book, book)
            for name, book in data.get("books", {}).items()
        }
        return found

    # What the engine says.

    def inventory(
        self,
        containers: Iterable[base.RuntimeContainer],
        netns: Mapping[str, str],
    ) -> list[Happening]:
        """Take in all the engine has of the set.

        :param netns: network namespaces by engine id, of those that run.
        """
        containers = [c for c in containers if c.id not in self.destroyed]
        self.destroyed.clear()
        if self.incarnation is None and containers:
            self.incarnation = max(_incarnation(c) for c in containers)
        old = self.containers
        before = _run_of(old.get(INFRA))
        self.containers, self.strays = {}, {}
        happenings: list[Happening] = []
        for there in containers:
            name = config.name_of(there)
            if there.labels.get(base.LABEL_ROLE) == base.HOOK:
                # nobody is starting anything: it was left by a start that
                # was broken off
                self.strays[there.id] = name
                continue
            if _incarnation(there) != self.incarnation or not name:
                self.strays[there.id] = name
                continue
            known = old.get(name)
            if known is None or known.id != there.id:
                known = Container(
                    there.id,
                    config=there.labels.get(base.LABEL_CONFIG, ""),
                    infra=there.labels.get(config.LABEL_INFRA, ""),
                    member=there.labels.get(base.LABEL_CONTAINER, ""),
                    pre_stop=config.pre_stop(there.labels),
                )
            self.containers[name] = known
            limits, updated = known.limits, known.updated
            known.updated = None
            _update(known, there)
            if updated is not None and limits not in (None, known.limits):
                happenings.append(
                    Happening(
                        "container.repaired",
                        name,
                        updated,
                        reason="its limits had been changed by hand and are "
                        "put back",
                    )
                )
            known.netns = netns.get(there.id)
            self._recheck(name, known)
            self._seen(name, known, happenings)
        now = _run_of(self.containers.get(INFRA))
        self.plugged = self.plugged and now is not None and now == before
        self.released = self.released and not containers
        self.known, self.stale = True, False
        return happenings

    def event(self, event: base.RuntimeEvent) -> list[Happening]:
        """Take in an event, in whatever order with results of own calls."""
        at = event.at.timestamp()
        name, there = self._by_id(event.id)
        if event.action == "destroy":
            self._removed(event.id)
            return []
        if there is None:
            if (
                event.action in ("start", "die")
                and event.id not in self.strays
                and event.labels.get(base.LABEL_ROLE) != base.HOOK
            ):
                # somebody made a container that looks like one of ours
                self.stale = True
            return []
        if event.action == "oom":
            there.oomed = at
        elif event.action == "die":
            death = Death(at, event.exit_code, event.error)
            return self._died(name, there, death)
        elif event.action == "update":
            # ours are told of while they are made, or change nothing
            if not self._limiting:
                there.updated = at
                self.stale = True
        elif event.action == "start":
            ours = there.running or self.doing(act.Start, name)
            if not ours and at > (there.finished or 0.0):
                self.stale = True
            there.begun = at
            self._began(there)
        elif not any(self.doing(kind, name) for kind in _OURS[event.action]):
            self.stale = True
        return []

    def _died(
        self, name: str, there: Container, death: Death
    ) -> list[Happening]:
        if there.started is not None and death.at < there.started:
            return []
        there.died = death
        if not there.running:
            # the answer to a start on its way looks at ``died`` itself
            return []
        self._end(name, there, death)
        happenings: list[Happening] = []
        self._seen(name, there, happenings)
        return happenings

    def _began(self, there: Container) -> None:
        """The engine knows best when a start that was not looked at was."""
        if not there.running or there.pid or there.started is None:
            return
        if there.begun is not None and there.begun > there.started:
            if self.ready == there.started:
                self.ready = there.begun
            there.started = there.begun

    def _recheck(self, name: str, there: Container) -> None:
        """An event may have overtaken the answer that it runs."""
        if (
            there.running
            and there.died
            and there.started is not None
            and there.died.at >= there.started
        ):
            self._end(name, there, there.died)

    def _end(self, name: str, there: Container, death: Death) -> None:
        there.state = "exited"
        there.pid, there.netns, there.begun = 0, None, None
        there.finished, there.exit_code = death.at, death.exit_code
        there.error = death.error
        if name == INFRA:
            self.plugged = False

    def _removed(self, runtime_id: str) -> None:
        self.destroyed.add(runtime_id)
        self.strays.pop(runtime_id, None)
        name, there = self._by_id(runtime_id)
        if there is not None:
            del self.containers[name]
            if name == INFRA:
                self.plugged = False

    def _seen(
        self, name: str, there: Container, happenings: list[Happening]
    ) -> None:
        """Note a business container as running, or its end."""
        if name == INFRA:
            return
        book = self.books.get(name)
        if there.running:
            if book is None:
                # the books were lost: it runs, so it has been started
                self.books[name] = Book(round=self.round, key=ANY, proved=True)
            return
        if there.state != "exited" or there.finished is None or book is None:
            return
        if there.error:
            self._never_ran(name, there, book)
            return
        asked = self.doing(act.Stop, name) or self.doing(act.Remove, name)
        if book.round != self.round or asked:
            book.noted = max(book.noted, there.finished)
        elif there.finished > book.noted:
            book.noted = there.finished
            happenings.append(
                Happening(
                    "container.exited",
                    name,
                    there.finished,
                    "success" if there.exit_code == 0 else "error",
                    ended(there),
                )
            )

    def _never_ran(self, name: str, there: Container, book: Book) -> None:
        """Its init process could not run the command: it did not start."""
        book.round = -1
        if there.revision:
            self.faults[act.Start(name, self.round)] = Fault(
                reason=f"container {name}: {there.error.rstrip('.')}",
                permanent=True,
                revision=there.revision,
                tries=1,
                retry_at=0.0,
            )

    # How actions ended.

    def done(
        self, action: act.Action, result: Any, revision: int
    ) -> list[Happening]:
        """Note a success.

        :param result: reference of the image; of the group its parent and
            limits; a new container; what a check found, and when; else the
            state of the container.
        :param revision: the action was carried out for.
        """
        self.busy.discard(action)
        self.faults.pop(action, None)
        match action:
            case act.EnsureImage(digest):
                self.images[digest] = result
                self.progress.pop(digest, None)
            case act.MakeVolume(sub_paths):
                self.volume, self.released = True, False
                self.sub_paths.update(sub_paths)
            case act.MakeGroup() | act.Limit():
                self._limited(action, *result)
            case act.PrepareNetwork():
                self.prepared, self.released = True, False
            case act.Plug(pid):
                infra = self.containers.get(INFRA)
                self.plugged = bool(
                    infra and infra.running and infra.pid == pid
                )
            case act.Signal():
                self._signaled(action)
            case act.Probe():
                return self._probed(action, *result)
            case act.Rename(name, _, new):
                self._renamed(name, new)
            case act.Release():
                self.volume = self.grouped = self.capped = False
                self.sub_paths.clear()
                self.shown = ""
                self.prepared = self.plugged = False
                self.group = self.limits = None
                self.released = True
            case act.Start():
                return self._started(action, result, revision)
            case act.Refresh():
                return self.inventory(*result)
            case _:
                self._other_done(action, result)
        return []

    def _limited(
        self,
        action: act.MakeGroup | act.Limit,
        group: str | None,
        limits: spec.Resources | None,
        members: Mapping[str, base.Limits],
        capped: bool,
    ) -> None:
        self.group, self.limits = group, limits
        self.grouped, self.released = True, False
        self.capped = capped
        for there in self.containers.values():
            there.limits = members.get(there.id, there.limits)

    def _other_done(self, action: act.Action, result: Any) -> None:
        match action:
            case act.Show(digest):
                self.shown, self.released = digest, False
            case act.Create(name):
                self.containers[name] = result
                self.released = False
            case act.Stop(name) | act.Pause(name):
                there = self.containers.get(name)
                if there is not None and there.id == result.id:
                    _update(there, result)
                    # asked for, so no event is to be written
                    self._seen(name, there, [])
                    if name == INFRA and not there.running:
                        self.plugged = False
            case act.Remove(_, runtime_id):
                self._removed(runtime_id)

    def note(self, action: act.Note) -> None:
        match action:
            case act.NewRound(cause, epoch):
                self.round += 1
                self.cause = cause
                self.epoch = epoch
                self.ready = None
                # no harm if it is, and help if somebody pulled it out
                self.plugged = False
                for book in self.books.values():
                    book.row = 0
                    if cause != "infra":
                        book.restarts = 0
            case act.Adopt(epoch):
                self.epoch = epoch
            case act.Begin(incarnation):
                fresh = Found(incarnation, known=True, images=self.images)
                for field in dataclasses.fields(self):
                    setattr(self, field.name, getattr(fresh, field.name))
            case (
                act.Meet() | act.Again() | act.Signaled() | act.Try()
            ) | act.Prove():
                self._note_of(self.books[action.name], action)

    def _note_of(self, book: Book, action: act.Note) -> None:
        """What is remembered of one container."""
        match action:
            case act.Meet(_, member, epoch, signal_epoch):
                if book.member not in ("", member):
                    book.row = book.restarts = 0
                book.member, book.epoch = member, epoch
                book.signal_epoch = signal_epoch
            case act.Again(_, epoch):
                book.epoch, book.round = epoch, -1
                book.row = book.restarts = 0
            case act.Signaled(_, epoch):
                book.signal_epoch = max(book.signal_epoch, epoch)
            case act.Try(name, key, at):
                book.key, book.asked, book.proved = key, at, False
                book.health = ""
                self.containers[name].unprobed()
            case act.Prove():
                book.proved = True

    def settle(self, revision: int) -> bool:
        """It runs or finished under this revision; True when that is new."""
        changed = self.settled != revision
        self.settled = revision
        return changed

    def failed(
        self,
        action: act.Action,
        reason: str,
        *,
        permanent: bool,
        expired: bool = False,
        revision: int,
        now: float,
    ) -> Fault:
        self.busy.discard(action)
        before = self.faults.get(action)
        tries = before.tries + 1 if before else 1
        fault = Fault(
            reason=reason,
            permanent=permanent,
            revision=revision,
            tries=tries,
            retry_at=now + retry_delay(tries),
            expired=expired,
        )
        self.faults[action] = fault
        if isinstance(action, act.EnsureImage):
            self.progress.pop(action.digest, None)
        if isinstance(action, act.Signal) and permanent:
            self._signaled(action)
        if isinstance(action, act.Limit):
            # Some of it may have been done: look what, and do it anew.
            self.limits, self.capped, self.stale = None, False, True
            for there in self.containers.values():
                there.limits = None
        if isinstance(action, act.MakeGroup):
            # It may have taken the cap on CPU time off all the same.
            self.capped = False
        if isinstance(
            action,
            (act.Start, act.Stop, act.Create, act.Pause, act.Rename),
        ):
            # It may have been done all the same: look before trying again.
            self.stale = True
        return fault

    def forgive(self) -> None:
        """Try at once what is not permanent (the engine is back)."""
        self.faults = {a: f for a, f in self.faults.items() if f.permanent}

    def _started(
        self, action: act.Start, result: base.RuntimeContainer, revision: int
    ) -> list[Happening]:
        there = self.containers.get(action.name)
        if there is None or there.id != result.id:
            return []
        _update(there, result)
        there.netns = None
        self._began(there)
        self._recheck(action.name, there)
        if action.name == INFRA:
            self.plugged = False
            return []
        happenings: list[Happening] = []
        book = self.books.setdefault(action.name, Book())
        book.round = action.round
        there.revision = revision
        self.settled = max(self.settled, revision)
        ill = book.health == Health.UNHEALTHY and there.said
        why = f": it was unhealthy ({there.said})" if ill else ""
        there.unprobed()
        if action.again:
            book.restarts += 1
            book.row += 1
            happenings.append(
                Happening(
                    "container.restarted",
                    action.name,
                    there.started or 0.0,
                    reason=f"restart {book.restarts}{why}",
                )
            )
        else:
            self.ready = there.started
            book.key, book.proved = "", False
        self._seen(action.name, there, happenings)
        return happenings

    def _probed(
        self, action: act.Probe, said: str | None, at: float
    ) -> list[Happening]:
        """:param said: what is wrong, "" if nothing; None: nobody knows."""
        there = self.containers.get(action.name)
        book = self.books.get(action.name)
        if there is None or book is None or there.started != action.run:
            return []
        there.probed = at
        if said is None or not there.running:
            return []
        before = book.health if book.health_run == action.run else ""
        if said == "":
            there.tries = there.failures = 0
            there.said = ""
            health = Health.HEALTHY
        else:
            there.tries += 1
            there.said = said
            if at >= action.run + action.check.start_period:
                there.failures += 1
            if there.failures < action.check.retries:
                return []
            health = Health.UNHEALTHY
        book.health, book.health_run = health, action.run
        if health == before or (not before and health == Health.HEALTHY):
            return []
        return [
            Happening(
                f"container.{health}",
                action.name,
                at,
                "success" if health == Health.HEALTHY else "error",
                said,
            )
        ]

    def _signaled(self, action: act.Signal) -> None:
        book = self.books.get(action.name)
        if book is not None and book.member == action.member:
            book.signal_epoch = max(book.signal_epoch, action.epoch)

    def _renamed(self, name: str, new: str) -> None:
        if name in self.containers:
            self.containers[new] = self.containers.pop(name)
        if name in self.books:
            self.books[new] = self.books.pop(name)

    @property
    def _limiting(self) -> bool:
        return any(isinstance(action, act.Limit) for action in self.busy)

    def _by_id(self, runtime_id: str) -> tuple[str, Container | None]:
        for name, there in self.containers.items():
            if there.id == runtime_id:
                return name, there
        return "", None

    def doing(self, kind: type[act.Action], name: str) -> bool:
        """Such an action on this container is in progress."""
        return any(
            isinstance(a, kind) and getattr(a, "name", None) == name
            for a in self.busy
        )


def ended(there: Container) -> str:
    """How a container ended, for people."""
    how = "ended"
    if there.exit_code is not None:
        how = f"ended with exit code {there.exit_code}"
    return f"{how}: out of memory" if there.oom else how


def _run_of(there: Container | None) -> tuple[str, float | None] | None:
    """Tells one run of a container from the next; None when it is down."""
    return (there.id, there.started) if there and there.running else None


def _incarnation(container: base.RuntimeContainer) -> int:
    text = container.labels.get(base.LABEL_INCARNATION, "")
    return int(text) if text.isdecimal() else -1


def _update(there: Container, state: base.RuntimeContainer) -> None:
    there.state = state.state
    there.pid = state.pid
    there.exit_code = state.exit_code
    there.error = state.error if state.state == "exited" else ""
    there.started = seconds(state.started_at)
    there.finished = seconds(state.finished_at)
    there.limits = state.limits or there.limits
    if state.oom_killed:
        there.oomed = there.finished or there.started
