"""What the agent needs of a container engine."""

import abc
import dataclasses
import datetime
import pathlib
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from caas.model import inputs, spec
from caas.model.streams import Channel

#: Labels by which everything of ours is recognised after any crash.
LABEL_DEPLOYMENT = "caas.deployment"
LABEL_SET = "caas.set"
LABEL_INCARNATION = "caas.incarnation"
LABEL_CONTAINER = "caas.container"
LABEL_NAME = "caas.name"
LABEL_ROLE = "caas.role"
LABEL_INDEX = "caas.index"
LABEL_PROJECT = "caas.project"
#: Role of a container that only runs a hook.
HOOK = "hook"
#: Hash of what the container was made from; another one means: replace it.
LABEL_CONFIG = "caas.config"
#: JSON of the hook to run before it is stopped.
LABEL_PRE_STOP = "caas.pre-stop"
#: JSON of ``Entrypoint`` and ``Cmd`` that it would have been made with, if
#: user data start it; see :data:`LABEL_SCRIPT`.
LABEL_STARTED = "caas.started"

#: Where a business container finds what it may use, in the files ``cpu`` and
#: ``memory``, and what it is told of its set.
VIEW_TARGET = inputs.FOLDER

#: Label of an image whose containers are started by the user data of their
#: set, if that is a script, and its value.
LABEL_SCRIPT = ("org.openstack.caas.user_data", "start")

#: Characters kept of what a command wrote.
OUTPUT = 1000


class EngineError(Exception):
    """The engine did not do it.

    :ivar permanent: trying the same again cannot help (bad command, missing
        image); False for time-outs, lost connections and engine faults.
    """

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.permanent = permanent


class Absent(EngineError):
    """What was asked for is not there: a container, an image, a path."""


class Conflict(EngineError):
    """A name is taken, or something is going on that excludes this."""


@dataclasses.dataclass(frozen=True)
class Bind:
    source: str
    target: str
    read_only: bool = False


@dataclasses.dataclass(frozen=True)
class Share:
    """What a container may use of its set, as it is told itself.

    :ivar memory_mb: MiB.
    """

    millicpus: int
    memory_mb: int

    @property
    def cpu(self) -> str:
        """CPUs as a decimal: ``0.5``."""
        return f"{self.millicpus / 1000:.3f}".rstrip("0").rstrip(".")

    @property
    def memory(self) -> str:
        """MiB as an integer."""
        return str(self.memory_mb)


@dataclasses.dataclass(frozen=True)
class ContainerConfig:
    """All a container is made from.

    :ivar name: of the container in the engine.
    :ivar image: reference the engine knows; "" for the infra image, which the
        driver provides.
    :ivar infra_id: engine id of the container whose network and IPC it
        shares; None for the infra container itself, which starts without
        network and with shareable IPC.
    :ivar cgroup_parent: as :meth:`Runtime.group` answered.
    :ivar hosts: names and their addresses for ``/etc/hosts``; as hostname,
        ports and dns of the infra container only, whose network all share.
    :ivar sysctls: kernel parameters of the network and IPC all share; of the
        infra container only.
    :ivar millicpus: cap, None for none below the group's.
    :ivar ulimits: and ``pids_limit``, ``cpuset``, ``block_io``, ``share``: of
        business containers only.
    :ivar pids_limit: None for the default of the host.
    :ivar block_io: caps on each disk the container reads or writes.
    :ivar share: shown inside; None for nothing.
    :ivar tty: and ``stdin``: see :class:`caas.model.spec.ContainerSpec`.
    """

    name: str
    image: str
    labels: dict[str, str]
    command: tuple[str, ...] | None = None
    entrypoint: tuple[str, ...] | None = None
    env: dict[str, str] = dataclasses.field(default_factory=dict)
    working_dir: str | None = None
    user: str | None = None
    hostname: str | None = None
    ports: tuple[spec.Port, ...] = ()
    binds: tuple[Bind, ...] = ()
    dns: tuple[str, ...] = ()
    hosts: dict[str, str] = dataclasses.field(default_factory=dict)
    infra_id: str | None = None
    cgroup_parent: str | None = None
    millicpus: int | None = None
    memory_bytes: int | None = None
    sysctls: dict[str, str] = dataclasses.field(default_factory=dict)
    ulimits: tuple[spec.Ulimit, ...] = ()
    pids_limit: int | None = None
    cpuset: str | None = None
    block_io: spec.BlockIo | None = None
    share: Share | None = None
    tty: bool = False
    stdin: bool = False


@dataclasses.dataclass(frozen=True)
class Limits:
    """Caps of one container within those of its set.

    :ivar millicpus: None for no cap of its own.
    """

    millicpus: int | None
    memory_bytes: int


@dataclasses.dataclass(frozen=True)
class RuntimeContainer:
    """A container as the engine has it.

    :ivar state: ``created``, ``running``, ``paused``, ``exited`` or ``dead``.
    :ivar pid: of its first process on the host, 0 when not running.
    :ivar error: why its command could not be run; "" when it could.  Starting
        it again cannot help.
    """

    id: str
    name: str
    labels: dict[str, str]
    state: str
    pid: int = 0
    exit_code: int | None = None
    oom_killed: bool = False
    started_at: str | None = None
    finished_at: str | None = None
    error: str = ""
    limits: Limits | None = None


@dataclasses.dataclass(frozen=True)
class Executed:
    """What came of a command.

    :ivar exit_code: None when it took too long and was killed.
    :ivar output: the end of what it wrote, stdout and stderr about as they
        came, without white space around it; :data:`OUTPUT` characters at
        most.
    """

    exit_code: int | None
    output: str


@dataclasses.dataclass(frozen=True)
class Command:
    """What to run in a container, with a client at its other end.

    :ivar tty: it gets a terminal; stdout and stderr are one then.
    :ivar stdin: it can be written to.
    :ivar width: of the terminal, in characters, and ``height`` in lines; 0
        for what the engine gives.
    """

    words: tuple[str, ...]
    tty: bool = False
    stdin: bool = False
    user: str = ""
    working_dir: str = ""
    env: Mapping[str, str] = dataclasses.field(default_factory=dict)
    width: int = 0
    height: int = 0


@dataclasses.dataclass(frozen=True)
class RuntimeEvent:
    """:ivar action: ``start``, ``die``, ``oom``, ``pause``, ``unpause``,
        ``rename``, ``update`` (of its limits, by whomever) or ``destroy``.
    :ivar error: as of :class:`RuntimeContainer`.
    """

    id: str
    action: str
    labels: dict[str, str]
    at: datetime.datetime
    exit_code: int | None = None
    error: str = ""


@dataclasses.dataclass(frozen=True)
class RuntimeInfo:
    engine: str
    version: str
    api_version: str
    storage_driver: str
    cgroup_driver: str
    cgroup_version: int
    kernel: str
    os: str
    cpus: int
    memory_mb: int


@dataclasses.dataclass(frozen=True)
class Usage:
    """What a container, or all of a set, has used and uses.

    Counters begin at 0 when its cgroup is made, that is when it starts.  None
    is what the kernel of the host does not count.

    :ivar cpu_ns: CPU time (ns).
    :ivar periods: of its CPU quota that have passed while it wanted to run;
        ``throttled_periods`` of them it has used up, and waited
        ``throttled_ns`` in all.
    :ivar memory_bytes: in use, with files the kernel keeps in memory.
    :ivar working_set_bytes: less those that were not used lately.
    :ivar peak_bytes: the most there ever was.
    :ivar limit_bytes: None for no limit.
    :ivar pids: processes and threads.
    :ivar pids_limit: None for no limit.
    :ivar read_bytes: from disks; likewise ``written_bytes``, and operations.
    """

    cpu_ns: int | None = None
    periods: int | None = None
    throttled_periods: int | None = None
    throttled_ns: int | None = None
    memory_bytes: int | None = None
    working_set_bytes: int | None = None
    peak_bytes: int | None = None
    limit_bytes: int | None = None
    pids: int | None = None
    pids_limit: int | None = None
    read_bytes: int | None = None
    written_bytes: int | None = None
    reads: int | None = None
    writes: int | None = None


@dataclasses.dataclass(frozen=True)
class Process:
    """A process of a container, as it is seen from inside of it.

    :ivar user: number of the user it runs as.
    :ivar pid: and ``parent`` (0 when that is outside): as the container
        counts them.
    :ivar state: a letter, see proc_pid_stat(5).
    :ivar cpu_seconds: used up to now, of all its threads.
    :ivar memory_bytes: resident.
    :ivar elapsed_seconds: since it was started.
    """

    user: int
    pid: int
    parent: int
    state: str
    cpu_seconds: float
    memory_bytes: int
    elapsed_seconds: float
    command: str


@dataclasses.dataclass(frozen=True)
class Change:
    """:ivar kind: ``added``, ``modified`` or ``deleted``."""

    path: str
    kind: str


class Terminal(abc.ABC):
    """The client's end of a process in a container; for asyncio.

    Data passes unchanged, and nothing is read ahead but some tens of KiB: who
    does not read stops the process.  Methods raise :class:`EngineError`.

    :ivar tty: stdout and stderr come as one.
    :ivar stdin: what is written reaches the process.
    """

    tty: bool
    stdin: bool

    @abc.abstractmethod
    async def read(self) -> tuple[Channel, bytes] | None:
        """What the process wrote next; None after all of it."""

    @abc.abstractmethod
    async def write(self, data: bytes) -> None:
        """Hand data to its stdin; waits while it does not read.

        What it does not want any more is dropped.
        """

    @abc.abstractmethod
    async def write_eof(self) -> None:
        """Nothing more comes on stdin."""

    @abc.abstractmethod
    async def resize(self, width: int, height: int) -> None:
        """Tell its terminal, if it has one, how large it is.

        :param width: characters; ``height``: lines.
        """

    @abc.abstractmethod
    async def signal(self, name: str) -> None:
        """:param name: without ``SIG``."""

    @abc.abstractmethod
    async def exit_code(self) -> int:
        """Wait for its end."""

    @abc.abstractmethod
    async def end(self) -> None:
        """Let go.  A command that still runs is ended, with what it started
        (SIGHUP, then SIGKILL); the first process of a container goes on."""


def in_use(used: int, limit: int) -> EngineError:
    """What to raise where a limit would be below what is in use (bytes)."""
    # rounded so that the figures never seem to fit
    return EngineError(
        f"{-(-used >> 20)} MiB of memory are in use, more than the "
        f"{limit >> 20} MiB there would be.",
        permanent=True,
    )


def tail(written: bytes) -> str:
    """As :attr:`Executed.output` has it."""
    # no database takes a zero byte in a text
    text = written.decode(errors="replace").replace("\0", "\ufffd")
    return text.strip()[-OUTPUT:].strip()


def _lacking(what: str) -> EngineError:
    return EngineError(f"This container engine cannot {what}.", permanent=True)


class Runtime(abc.ABC):
    """A container engine on this host.

    Every method may be called again after it failed or its caller died, and
    then ends in the same state.  All raise :class:`EngineError`.
    """

    @abc.abstractmethod
    def info(self) -> RuntimeInfo:
        """What the engine and the machine are."""

    @abc.abstractmethod
    def list(self, set_id: str | None = None) -> Sequence[RuntimeContainer]:
        """Our containers, of one set or all, each with its full state."""

    @abc.abstractmethod
    def create(self, config: ContainerConfig) -> str:
        """Create a container and return its engine id.

        One of that name that is there already and bears the same
        ``LABEL_CONFIG`` is returned; another one is replaced.
        """

    @abc.abstractmethod
    def start(self, runtime_id: str, *, look: bool = True) -> RuntimeContainer:
        """Start it unless it runs; return its state right after.

        :param look: False saves a look: that it runs is all that is said, and
            an event tells if it has ended again.
        """

    @abc.abstractmethod
    def stop(self, runtime_id: str, grace_period: int) -> RuntimeContainer:
        """SIGTERM (or the image's stop signal), after grace_period s SIGKILL.

        0 kills at once.  One that does not run is left as it is, one that is
        paused is thawed, so that it sees the signal.
        """

    @abc.abstractmethod
    def remove(self, runtime_id: str) -> None:
        """Remove it, killed if need be; one that is not there is no error."""

    @abc.abstractmethod
    def events(self, since: datetime.datetime) -> Iterator[RuntimeEvent]:
        """Events of our containers from ``since`` on, until the engine goes.

        Ends (or raises) when the connection is lost; the caller comes back.
        """

    @abc.abstractmethod
    def group(
        self,
        set_id: str,
        resources: spec.Resources | None,
        *,
        boost: bool = False,
        members: Mapping[str, Limits] | None = None,
        shares: Mapping[str, Share] | None = None,
    ) -> str | None:
        """Make the cgroup all containers of a set live in, with its limits.

        In use it changes while processes run.  One that has more memory in
        use than it would be given is refused for good, with the figure.

        :param resources: the set's caps; None removes the group.
        :param members: new limits of containers in it, by engine id.
        :param shares: what its containers are told that they may use, by id
            within the set.
        :param boost: no cap on CPU time for now, only its weight against
            others: the set is being started.
        :returns: the parent to name when creating containers.
        """

    # Not every engine can do these.

    def pause(self, runtime_id: str, paused: bool) -> RuntimeContainer:
        """Freeze or thaw its processes; return its state after.

        One that does not run is left as it is.  A paused one can only be
        thawed, stopped, killed or removed.
        """
        raise _lacking("freeze containers")

    def signal(self, runtime_id: str, name: str) -> None:
        """Send a signal to its first process.

        One that is paused gets it when it is thawed, but for ``KILL``.  One
        that does not run, or is gone, is no error.

        :param name: without ``SIG``.
        """
        raise _lacking("send signals")

    def rename(self, runtime_id: str, name: str) -> None:
        """Have the engine call it by another name; its labels stay.

        A name that another container has is an error, which may pass.
        """
        raise _lacking("rename containers")

    def commit(
        self,
        runtime_id: str,
        reference: str,
        *,
        message: str = "",
        author: str = "",
        changes: Sequence[str] = (),
    ) -> None:
        """Make an image of what a container has, running or not.

        It is not frozen meanwhile.  An image of that name loses the name.

        :param reference: what to call it.
        :param changes: lines of a Dockerfile to apply.
        """
        raise _lacking("make images of containers")

    def execute(
        self, runtime_id: str, command: Sequence[str], timeout: float
    ) -> Executed:
        """Run a command in a running container, as its user.

        After ``timeout`` s it is killed with all it started.  One that cannot
        be run (not found, say) has exit code 126 or 127, and why as output.
        It is an error when the container does not run or is paused.
        """
        raise _lacking("run commands in containers")

    def show(self, set_id: str, files: Mapping[str, bytes]) -> None:
        """Have all business containers of a set find these files in
        VIEW_TARGET, beside those of their shares, and no others.

        Those that are there already see it at once; who reads a file reads
        all of the old one or the new one.

        :param files: by name.
        """
        raise _lacking("show files to containers")

    def place(self, runtime_id: str, files: Mapping[str, bytes]) -> None:
        """Write files into a container that has not been started yet.

        Folders that are not there are made; links of the image are followed
        within it.  What is there is replaced.  Nothing is written to where
        something is mounted, or where a folder is: that is an error for good.

        :param files: by absolute path.
        """
        raise _lacking("write files into containers")

    def run(
        self,
        config: ContainerConfig,
        timeout: float,
        files: Mapping[str, bytes] = MappingProxyType({}),
    ) -> Executed:
        """Run a container to its end and remove it, whatever comes of it.

        After ``timeout`` s it is killed.  One of that name, which a crash may
        have left, is replaced.  What cannot be made or started is an error,
        as with :meth:`create` and :meth:`start`.

        :param files: as of :meth:`place`.
        """
        raise _lacking("run containers to their end")

    def strayed(
        self,
        set_id: str,
        resources: spec.Resources,
        *,
        boost: bool = False,
        members: Mapping[str, Limits] | None = None,
    ) -> Mapping[str, Limits]:
        """What cgroups have that was not given to them by :meth:`group`.

        Reads a few files and asks the engine nothing, so that it can be asked
        of every set of a host often.  The parameters are what was given last.

        :returns: limits there are instead, by engine id, "" for the set.  A
            cgroup that is not there is as it should be: nothing runs in it.
        """
        return {}

    def ping(self) -> None:
        """Whether the engine answers: an error if not."""
        self.info()

    def log_file(self, runtime_id: str) -> pathlib.Path | None:
        """Where the engine writes what a container writes, as lines of JSON:
        ``log``, ``stream`` and ``time``.

        The file need not be there yet.  Full ones have the same name with
        ``.1`` and so on at its end, the newest first.

        :returns: None if it cannot be read.
        """
        return None

    def tune(self, pid: int, sysctls: Mapping[str, str]) -> None:
        """Write kernel parameters of the network ``pid`` lives in.

        Of those that come with an interface, which is not there yet when the
        infra container starts.
        """
        raise _lacking("write kernel parameters")

    def usage(
        self, set_id: str, runtime_ids: Sequence[str]
    ) -> Mapping[str, Usage]:
        """What containers of a set use, by engine id, and all of it as "".

        Reads a few files and asks the engine nothing.  What is not running is
        left out.
        """
        raise _lacking("tell what containers use")

    def processes(self, set_id: str, runtime_id: str) -> Sequence[Process]:
        """The processes of a container, by their pid.

        Likewise without the engine.
        """
        raise _lacking("list processes")

    def first_process(self, set_id: str, runtime_id: str) -> int:
        """Pid on this host of the first process of a container.

        Likewise without the engine.

        :returns: 0 when it does not run.
        """
        raise _lacking("tell which process is the first")

    # For asyncio.

    async def exec(self, runtime_id: str, command: Command) -> Terminal:
        """Run a command in a running container.

        :raises EngineError: it does not run; for good when it cannot be run.
        """
        raise _lacking("run commands in containers")

    async def end_left(self) -> None:  # noqa: B027 - most leave nothing
        """End commands of :meth:`exec` that an earlier agent, which was
        killed, did not end."""

    async def attach(
        self, runtime_id: str, *, stdin: bool, width: int = 0, height: int = 0
    ) -> Terminal:
        """Watch and, with ``stdin``, write to its first process.

        :param stdin: it counts only if the container was made with it.
        """
        raise _lacking("attach to containers")

    async def diff(
        self, runtime_id: str, most: int
    ) -> tuple[Sequence[Change], bool]:
        """What a container changed of the files of its image.

        :param most: bytes the engine may tell of it.
        :returns: with whether that was all.
        """
        raise _lacking("compare files")

    async def inspect(self, runtime_id: str) -> Mapping[str, Any]:
        """What the engine says of a container, less what is of its host.

        :returns: as :func:`caas.drivers.runtime.inspection.shown` has it.
        """
        raise _lacking("show containers")

    def close(self) -> None:  # noqa: B027 - most have nothing to close
        """End the streams of events, so that their readers return."""
