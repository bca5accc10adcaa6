"""Messages between conductor and agent.

Plain dicts on the wire, dataclasses at both ends.  Keys are only ever added,
unknown ones are ignored; ``tests/unit/model/golden`` keeps one message of
every released version, which must go on being understood.

``assign`` (conductor -> agent, cast)::

    {"host": NAME, "base": V0, "version": V1, "sets": [Wanted...]}

The agent at version V0 applies the entries and is then at V1; one at another
version older than V1 asks for everything with its next ``sync``.

``sync`` (agent -> conductor, call) carries a :class:`Report`; the answer is
``{"version": V, "sets": None | [Wanted...]}``, where a list is everything the
host is to run and was read *after* its version.  ``"facts": True`` in it asks
for the :class:`HostFacts` once more; ``"networks": [CIDR...]``, in the answer
to those, are what addresses of sets will be of.

``inputs`` (agent -> conductor, call) names the host and a set on it; the
answer is a :class:`caas.model.inputs.Inputs` as a dict, or None if the set is
not there.
"""

import dataclasses
from typing import Any

from caas.model import spec
from caas.model.states import ContainerStatus, Desired, Health, Phase

#: Grows with every key an older peer would have to understand.
PROTOCOL = 1


@dataclasses.dataclass(frozen=True)
class Pull:
    """Leave to fetch one image.

    :ivar repository: ``namespace/repository`` it is in.
    :ivar digest: of its manifest.
    :ivar token: short-lived, good for this image only; see
        :mod:`caas.pull`.
    """

    token: str
    repository: str = ""
    digest: str = ""


@dataclasses.dataclass(frozen=True)
class Push:
    """Leave to push one image.

    :ivar token: short-lived, good for this repository only; see
        :mod:`caas.pull`.
    :ivar repository: ``namespace/repository``.
    :ivar base: repository of the image it is made from, whose layers need
        not travel.
    """

    token: str
    repository: str
    tag: str
    base: str = ""


@dataclasses.dataclass(frozen=True)
class WantedJob:
    """Something to do once, however often it is told.

    It is wanted until it is not told any more.

    :ivar kind: ``commit``; an agent that does not know it says so.
    :ivar container: id of the container it is about.
    :ivar push: None in what an agent keeps on disk.
    :ivar options: of a commit ``message``, ``author``, ``pause`` (freeze the
        container meanwhile) and ``changes`` (instructions of a Dockerfile).
    """

    id: str
    kind: str
    container: str
    push: Push | None = None
    options: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class WantedContainer:
    """:ivar restart_epoch: of this one alone, as that of the set.
    :ivar signal_epoch: a value higher than the last one carried out asks for
        ``signal`` to be sent.
    :ivar monitor: a change that is under way brought it: if it has no health
        check, it counts once it has run for so many seconds.
    """

    id: str
    spec: spec.ContainerSpec
    pull: Pull | None = None
    restart_epoch: int = 0
    paused: bool = False
    signal_epoch: int = 0
    signal: str = ""
    monitor: float = 0.0


@dataclasses.dataclass(frozen=True)
class Nic:
    """The one interface of a set.

    :ivar address: IPv4 address, the set's for its whole life.
    :ivar prefix_len: of the network the address is in.
    """

    address: str
    prefix_len: int
    gateway: str
    mac: str
    mtu: int = 1500
    dns: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What one host is to do about one incarnation of a set.

    ``desired == deleted`` asks for its removal and needs nothing but ``id``
    and ``incarnation``.

    :ivar revision: rises with each change; reports quote it.
    :ivar restart_epoch: a value higher than the last one carried out asks for
        a restart of the business containers.
    :ivar grace_period: seconds between SIGTERM and SIGKILL.
    :ivar cpu_burst: CPU time is not capped, only weighed against others.
    :ivar sysctls: of the namespaces of the set.
    :ivar jobs: not of its revision: they change nothing of the set.
    :ivar metadata: and ``name``, ``key_name``, ``public_key``, ``inputs``:
        what its containers are told; not of its revision either.
    :ivar inputs: digest of :class:`caas.model.inputs.Inputs`, which an agent
        asks a conductor for; "" for none.
    """

    id: str
    incarnation: int
    revision: int
    desired: Desired
    project_id: str = ""
    name: str = ""
    hostname: str = ""
    restart_epoch: int = 0
    grace_period: int = 10
    resources: spec.Resources | None = None
    nic: Nic | None = None
    containers: tuple[WantedContainer, ...] = ()
    request_id: str = ""
    cpu_burst: bool = False
    sysctls: dict[str, str] = dataclasses.field(default_factory=dict)
    jobs: tuple[WantedJob, ...] = ()
    metadata: dict[str, str] = dataclasses.field(default_factory=dict)
    key_name: str = ""
    public_key: str = ""
    inputs: str = ""

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Wanted":
        known = {f.name for f in dataclasses.fields(cls)}
        args = {k: v for k, v in data.items() if k in known}
        args["desired"] = Desired(data["desired"])
        if args.get("resources"):
            args["resources"] = spec.pick(spec.Resources, args["resources"])
        if args.get("nic"):
            nic = spec.pick(Nic, args["nic"])
            args["nic"] = dataclasses.replace(nic, dns=tuple(nic.dns))
        args["containers"] = tuple(
            spec.pick(
                WantedContainer,
                {
                    **c,
                    "spec": spec.ContainerSpec.from_dict(c["spec"]),
                    "pull": spec.pick(Pull, c["pull"])
                    if c.get("pull")
                    else None,
                },
            )
            for c in data.get("containers") or ()
        )
        args["jobs"] = tuple(
            spec.pick(
                WantedJob,
                {
                    **j,
                    "push": spec.pick(Push, j["push"])
                    if j.get("push")
                    else None,
                },
            )
            for j in data.get("jobs") or ()
        )
        return cls(**args)


@dataclasses.dataclass(frozen=True)
class JobReport:
    """How far a job is.

    :ivar state: ``running``, ``done`` or ``failed``.
    :ivar progress: a sentence.
    :ivar reason: why it failed, or what keeps it.
    :ivar digest: of the manifest that was pushed; "" before.
    :ivar sent: bytes of the image that went to the registry.
    """

    id: str
    state: str
    progress: str = ""
    reason: str = ""
    digest: str = ""
    sent: int = 0


@dataclasses.dataclass(frozen=True)
class ContainerReport:
    """One container of a set; ``role`` is ``infra`` or ``business``.

    :ivar id: UUID of the container; "" for the infra container.
    :ivar restarts: starts by the restart policy since the last start asked
        for.
    :ivar started_at: and ``finished_at``: ISO 8601, UTC.
    :ivar verdict: why the change that brought it is to be taken back.
    """

    id: str
    name: str
    status: ContainerStatus
    role: str = "business"
    exit_code: int | None = None
    restarts: int = 0
    oom_killed: bool = False
    started_at: str | None = None
    finished_at: str | None = None
    runtime_id: str | None = None
    reason: str = ""
    health: Health | None = None
    verdict: str = ""


@dataclasses.dataclass(frozen=True)
class SetReport:
    """What is true of one incarnation of a set on this host.

    :ivar revision: of the :class:`Wanted` it was seen under.
    :ivar ready_at: when the last container was told to start, or started
        (ISO 8601, UTC).
    :ivar refused: why the set cannot have the limits that are wanted; it
        goes on with those it has.
    :ivar jobs: those that are wanted.
    """

    id: str
    incarnation: int
    revision: int
    phase: Phase
    restart_epoch: int = 0
    reason: str = ""
    received_at: str | None = None
    ready_at: str | None = None
    refused: str = ""
    containers: tuple[ContainerReport, ...] = ()
    jobs: tuple[JobReport, ...] = ()


@dataclasses.dataclass(frozen=True)
class AgentEvent:
    """Something that happened between two reports.

    :ivar id: UUID, so that a repeated report writes it once.
    :ivar set_id: the set it happened to, or for; "" for the host itself.
    :ivar action: e.g. ``container.exited``, ``image.pull``, and ``host.*``
        for what happened to the host itself.
    :ivar object_id: of the image, where it is about one.
    """

    id: str
    set_id: str
    action: str
    at: str
    result: str = "success"
    container: str = ""
    reason: str = ""
    object_id: str = ""
    details: dict[str, Any] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class HostFacts:
    """What a host is; sent with the first report of a run and on change.

    :ivar streams: where proxies reach it, ``address:port``; "" for nowhere,
        see :mod:`caas.model.streams`.
    :ivar unfit: why it is not fit for sets: sentences, each after the name of
        a check and a colon.  None are placed there until there are none.
    :ivar warnings: likewise, of what could be better.
    :ivar booted_at: when its kernel was started, in seconds since 1970; 0 if
        that is not known.
    """

    capacity: spec.Resources
    engine: str = ""
    engine_version: str = ""
    api_version: str = ""
    agent_version: str = ""
    kernel: str = ""
    cgroup_version: int = 1
    storage_driver: str = ""
    os: str = ""
    labels: dict[str, str] = dataclasses.field(default_factory=dict)
    streams: str = ""
    unfit: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    booted_at: int = 0

    @property
    def unfit_checks(self) -> list[str]:
        """Names of the checks it does not pass, each once."""
        return sorted({one.partition(":")[0] for one in self.unfit})


@dataclasses.dataclass(frozen=True)
class Report:
    """One ``sync`` of an agent.

    :ivar boot: rises with every start of the agent; with ``seq``, which rises
        with every report of it, it tells late reports from new ones.
    :ivar version: of the list the agent works on; -1 asks for all of it.
    :ivar sets: those that changed since the last report that was answered;
        all of them in the first one of a boot.
    """

    host: str
    boot: int
    seq: int
    version: int
    protocol: int = PROTOCOL
    zone: str = ""
    facts: HostFacts | None = None
    sets: tuple[SetReport, ...] = ()
    events: tuple[AgentEvent, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "Report":
        known = {f.name for f in dataclasses.fields(cls)}
        args = {k: v for k, v in data.items() if k in known}
        if args.get("facts"):
            facts = spec.pick(HostFacts, args["facts"])
            args["facts"] = dataclasses.replace(
                facts,
                capacity=spec.pick(spec.Resources, args["facts"]["capacity"]),
                unfit=tuple(facts.unfit),
                warnings=tuple(facts.warnings),
            )
        args["events"] = tuple(
            spec.pick(AgentEvent, e) for e in data.get("events") or ()
        )
        args["sets"] = tuple(_set_report(s) for s in data.get("sets") or ())
        return cls(**args)


def _set_report(data: dict[str, Any]) -> SetReport:
    report = spec.pick(SetReport, data)
    return dataclasses.replace(
        report,
        phase=Phase(report.phase),
        containers=tuple(
            dataclasses.replace(
                spec.pick(ContainerReport, c),
                status=ContainerStatus(c["status"]),
                health=Health(c["health"]) if c.get("health") else None,
            )
            for c in data.get("containers") or ()
        ),
        jobs=tuple(spec.pick(JobReport, j) for j in data.get("jobs") or ()),
    )
