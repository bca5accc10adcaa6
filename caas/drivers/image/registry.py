"""Images that the engine pulls from the cloud's registry, by way of the agent,
and those of containers that it pushes there.

The engine knows which layers it lacks, asks for these only, several at once,
and unpacks them as it does with any image; the agent stands between with the
leave to, which the engine is never told, and looks at what goes by.
"""

import contextlib
import functools
import hashlib
import logging
import pathlib
import re
import shutil
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import docker
import docker.errors

from caas.drivers.image import base
from caas.drivers.image.jobs import Job
from caas.drivers.image.loopback import ADDRESS, USER, Loopback
from caas.drivers.image.outbound import Outbound
from caas.drivers.image.passage import Passage
from caas.drivers.image.progress import Progress, Sending
from caas.drivers.image.target import Target
from caas.drivers.image.upstream import Upstream
from caas.drivers.runtime.base import Absent, EngineError
from caas.drivers.runtime.engine import Engine, clean
from caas.model import images, spec, wire
from caas.model.manifests import RESERVED_LABEL

LOG = logging.getLogger(__name__)

#: How long the engine may say nothing while it pulls, in s.
SILENCE = 900
#: Room left on the disk, bytes.
_SPARE = 256 << 20
#: Architectures whose programs another one runs as well.
_RUNS = {"amd64": {"386"}, "arm64": {"arm"}}
#: What the engine says of an image that will be no better next time ...
_NO_PLATFORM = re.compile(
    r"no match(ing manifest)? for|operating system \S+ cannot be used",
    re.IGNORECASE,
)
_UNFIT = re.compile(
    r"failed to (register|extract) layer|unsupported|mediatype|media type"
    r"|don't match image|verification failed|max depth|invalid (tar|character)"
    r"|json:|mismatch",
    re.IGNORECASE,
)
#: ... unless it is for want of something of the host.
_FULL = re.compile(r"no space left|disk quota", re.IGNORECASE)
_TRANSIENT = re.compile(
    r"timed? ?out|context canceled|broken pipe|killed|input/output error"
    r"|read-only file system|exit status 137|cannot allocate",
    re.IGNORECASE,
)


class RegistryImage(base.Image):
    """:param conf: with the groups ``pull``, ``docker`` and ``agent``."""

    def __init__(self, conf: Any) -> None:
        self._limit: int = conf.pull.max_unpacked_gb << 30
        self._engine = Engine(conf.docker.url, conf.docker.timeout)
        self._puller = Engine(conf.docker.url, SILENCE, silence=SILENCE)
        self._upstream = Upstream(
            conf.pull.endpoint, conf.pull.ca_file, conf.pull.timeout
        )
        self._loopback = Loopback(
            conf.pull.port, pathlib.Path(conf.agent.state_path) / "pull-port"
        )
        owner = hashlib.sha256(conf.agent.deployment.encode()).hexdigest()[:12]
        self._name = f"caas.pull/{owner}"
        self._jobs: dict[str, Job] = {}
        self._lock = threading.Lock()
        self._reserved = 0
        self._swept = False

    def push(
        self,
        reference: str,
        push: wire.Push,
        progress: Callable[[str], None],
        cancelled: Callable[[], bool],
    ) -> base.Pushed:
        outbound = Outbound(Target(self._upstream, push), cancelled)
        what = "The image cannot be pushed"
        try:
            with (
                self._puller.call(what) as api,
                self._loopback.serving(outbound) as port,
            ):
                self._push(api, reference, outbound, port, progress)
        except EngineError as e:
            raise outbound.fault or base.ImageError(e.message) from e
        if not outbound.digest:
            raise base.ImageError(f"{what}: the engine ended before it was.")
        return base.Pushed(outbound.digest, outbound.sent)

    def _push(
        self,
        api: docker.APIClient,
        reference: str,
        outbound: Outbound,
        port: int,
        progress: Callable[[str], None],
    ) -> None:
        """Have the engine push it to the agent.

        By the name it pulls by: there it knows of what has come from it.
        """
        server = f"{ADDRESS}:{port}"
        name = f"{server}/{self._name}"
        tag = reference.rpartition(":")[2]
        api.tag(reference, name, tag)
        sending = Sending(progress)
        try:
            lines = api.push(
                name,
                tag=tag,
                stream=True,
                decode=True,
                auth_config=_login(server, outbound.secret),
            )
            # the engine gives up when nobody listens
            with contextlib.closing(lines):
                for line in lines:
                    if (fault := outbound.stopped()) is not None:
                        # the engine would try again and again
                        raise fault.again()
                    if "error" in line:
                        raise outbound.fault or base.ImageError(
                            "The image cannot be pushed: "
                            f"{clean(str(line['error'])).rstrip('.')}."
                        )
                    sending.take(line, time.monotonic())
        except docker.errors.APIError:
            if outbound.fault is not None:
                raise outbound.fault.again() from None
            raise
        finally:
            with contextlib.suppress(docker.errors.APIError):
                api.remove_image(f"{name}:{tag}", noprune=True)

    def committed(self) -> Collection[str]:
        what = "The images of jobs cannot be listed"
        with self._calling(what) as api:
            found = api.images(name=base.COMMITTED)
        return {
            name
            for one in found
            for name in one.get("RepoTags") or ()
            if name.startswith(f"{base.COMMITTED}:")
        }

    def remove(self, reference: str) -> None:
        with (
            contextlib.suppress(Absent),
            self._calling("The image of a job cannot be removed") as api,
        ):
            api.remove_image(reference)

    @contextlib.contextmanager
    def _calling(self, what: str) -> Iterator[docker.APIClient]:
        try:
            with self._engine.call(what) as api:
                yield api
        except Absent:
            raise
        except EngineError as e:
            raise base.ImageError(e.message) from e

    def present(self, digest: str) -> str | None:
        reference = base.reference(digest)
        try:
            with self._calling("The image cannot be looked for") as api:
                api.inspect_image(reference)  # type: ignore[no-untyped-call]
        except Absent:
            return None
        return reference

    def ensure(
        self,
        image: spec.ImageRef,
        pull: wire.Pull | None,
        progress: Callable[[str], None],
    ) -> str:
        while True:
            with self._lock:
                job = self._jobs.get(image.digest)
                mine = job is None
                if job is None:
                    job = self._jobs[image.digest] = Job()
            if mine:
                return self._lead(job, image, pull, progress)
            job.renew(pull)
            error = job.wait(progress)
            if error is None:
                return base.reference(image.digest)
            if not error.expired:
                raise error.again()
            # its leave had run out; ours may not

    def _lead(
        self,
        job: Job,
        image: spec.ImageRef,
        pull: wire.Pull | None,
        progress: Callable[[str], None],
    ) -> str:
        def say(sentence: str) -> None:
            job.say(sentence)
            progress(sentence)

        error: base.ImageError | None = base.ImageError(
            f"The image {image.ref} was given up."
        )
        try:
            reference = self.present(image.digest)
            if reference is None:
                reference = self._get(job, image, pull, say)
            error = None
            return reference
        except base.ImageError as e:
            error = e
            raise
        finally:
            with self._lock:
                del self._jobs[image.digest]
            job.end(error)

    def _get(
        self,
        job: Job,
        image: spec.ImageRef,
        pull: wire.Pull | None,
        say: Callable[[str], None],
    ) -> str:
        what = f"The image {image.ref}"
        if not images.DIGEST.fullmatch(image.digest):
            raise base.ImageError(
                f"{what} has a digest of an unknown kind.", permanent=True
            )
        if pull is None or (pull.digest, pull.repository) != (
            image.digest,
            image.repository,
        ):
            raise base.ImageError(
                f"{what} is not on this host and there is no leave to pull "
                "it.",
                expired=True,
            )
        try:
            with self._engine.call(f"{what} cannot be pulled") as api:
                self._sweep(api)
                root = pathlib.Path(api.info()["DockerRootDir"])
            progress = Progress(say)
            passage = Passage(
                image,
                pull,
                self._upstream,
                functools.partial(self._room, root),
                progress.hitch,
                self._limit,
            )
            job.through(passage)
            with (
                self._loopback.serving(passage) as port,
                self._puller.call(f"{what} cannot be pulled") as api,
            ):
                name = self._pull(api, what, image, passage, port, progress)
            with self._engine.call(f"{what} cannot be looked at") as api:
                return self._adopt(api, what, image, name)
        except EngineError as e:
            raise base.ImageError(e.message) from e

    def _pull(
        self,
        api: docker.APIClient,
        what: str,
        image: spec.ImageRef,
        passage: Passage,
        port: int,
        progress: Progress,
    ) -> str:
        """Have the engine pull it; return what it calls it then."""
        server = f"{ADDRESS}:{port}"
        try:
            lines = api.pull(
                f"{server}/{self._name}",
                tag=image.digest,
                stream=True,
                decode=True,
                auth_config=_login(server, passage.secret),
            )
            # the engine gives up when nobody listens
            with contextlib.closing(lines):
                for line in lines:
                    if passage.fault is not None:
                        # the engine would try again and again
                        raise passage.fault.again()
                    if "error" in line:
                        raise self._refused(api, what, str(line["error"]))
                    progress.take(line, passage.sizes, time.monotonic())
        except Exception as e:
            if passage.fault is not None:
                raise passage.fault.again() from e
            if isinstance(e, docker.errors.APIError):
                why = str(e.explanation or e)
                raise self._refused(api, what, why) from e
            raise
        return f"{server}/{self._name}@{image.digest}"

    def _adopt(
        self,
        api: docker.APIClient,
        what: str,
        image: spec.ImageRef,
        name: str,
    ) -> str:
        """Look through what was pulled, and name it as one to run."""
        reference = base.reference(image.digest)
        repository, _, tag = reference.rpartition(":")
        try:
            found = api.inspect_image(name)  # type: ignore[no-untyped-call]
            if why := self._unfit(found, _platform(api)):
                raise base.ImageError(
                    f"{what} cannot be run: {why}.", permanent=True
                )
            api.tag(name, repository, tag)
        finally:
            with contextlib.suppress(docker.errors.APIError):
                api.remove_image(name)
        return reference

    def _unfit(
        self, found: Mapping[str, Any], platform: tuple[str, str]
    ) -> str:
        """Why no container is to be made of an image; "" if one may."""
        labels = (found.get("Config") or {}).get("Labels") or {}
        if taken := sorted(n for n in labels if n.startswith(RESERVED_LABEL)):
            return (
                f"it has the label {taken[0][:80]!r}, and those that begin "
                f"with {RESERVED_LABEL!r} are for the containers of sets only"
            )
        system, machine = platform
        of = found.get("Os") or system, found.get("Architecture") or machine
        if of[0] != system or of[1] not in {machine, *_RUNS.get(machine, ())}:
            return f"it is for {'/'.join(of)}, this host is {system}/{machine}"
        if (found.get("Size") or 0) > self._limit:
            return (
                f"it takes {found['Size'] >> 20} MiB when unpacked, more than "
                "[pull] max_unpacked_gb lets an image have"
            )
        return ""

    def _refused(
        self,
        api: docker.APIClient,
        what: str,
        said: str,
    ) -> base.ImageError:
        """The engine's reason, with what can be done about it."""
        if _FULL.search(said):
            return base.ImageError(
                f"{what} cannot be unpacked: this host has no room for it."
            )
        if _NO_PLATFORM.search(said):
            return base.ImageError(
                f"{what} cannot be run: there is no image for "
                f"{'/'.join(_platform(api))} in it.",
                permanent=True,
            )
        said = clean(said).rstrip(".")
        return base.ImageError(
            f"{what} cannot be pulled: {said}.",
            permanent=bool(_UNFIT.search(said))
            and not _TRANSIENT.search(said),
        )

    def _sweep(self, api: docker.APIClient) -> None:
        """Take away names that an agent left that was killed as it pulled."""
        with self._lock:
            if self._swept:
                return
            ours = re.compile(
                rf"{re.escape(ADDRESS)}:\d+/{re.escape(self._name)}@.*"
            )
            for found in api.images():
                for name in found.get("RepoDigests") or ():
                    if ours.fullmatch(name):
                        with contextlib.suppress(docker.errors.APIError):
                            api.remove_image(name)
            self._swept = True

    @contextlib.contextmanager
    def _room(self, root: pathlib.Path, size: int) -> Iterator[bool]:
        """Keep so many bytes for one layer; whether they are there."""
        try:
            free = shutil.disk_usage(root).free - _SPARE
        except OSError:
            # another machine's, or another mount namespace's
            yield True
            return
        with self._lock:
            enough = self._reserved + size <= free
            if enough:
                self._reserved += size
        try:
            yield enough
        finally:
            if enough:
                with self._lock:
                    self._reserved -= size


def _login(server: str, secret: str) -> dict[str, str]:
    """What the engine shows to the agent's registry."""
    return {"username": USER, "password": secret, "serveraddress": server}


def _platform(api: docker.APIClient) -> tuple[str, str]:
    """Of the engine, in the words of images."""
    found = api.version()
    return found["Os"], found["Arch"]
