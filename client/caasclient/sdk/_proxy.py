"""``conn.caas``: what can be done with caas from Python.

Where a method takes a resource, it takes the object or its id; the ``find_``
methods turn names into objects.  List methods yield objects as the pages come
in and take the filters, ``sort_key``, ``sort_dir``, ``limit`` (of one page)
and ``max_items`` (of all) as keywords.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, TypeVar
from urllib import parse

from openstack import exceptions, resource

from caasclient.sdk import _images, _inside, base, waiting
from caasclient.sdk.containers import Container
from caasclient.sdk.events import Event
from caasclient.sdk.flavors import Flavor
from caasclient.sdk.hosts import Host
from caasclient.sdk.image_policies import ImagePolicy
from caasclient.sdk.images import Image, Namespace
from caasclient.sdk.jobs import Job
from caasclient.sdk.keypairs import Keypair
from caasclient.sdk.quotas import Quota
from caasclient.sdk.revisions import Revision
from caasclient.sdk.server_groups import ServerGroup
from caasclient.sdk.services import Service
from caasclient.sdk.sessions import Session
from caasclient.sdk.sets import Set

T = TypeVar("T", bound=base.Resource)


class Proxy(_inside.Inside, _images.Images):
    api_version: ClassVar[str] = "1"
    # The URL in the catalog is that of version 1.  Asking there for versions
    # costs a request each time, and calls a service that is away a service
    # "without supported versions".
    skip_discovery = True

    _resource_registry = {
        "container": Container,
        "event": Event,
        "flavor": Flavor,
        "host": Host,
        "image": Image,
        "job": Job,
        "keypair": Keypair,
        "namespace": Namespace,
        "image_policy": ImagePolicy,
        "quota": Quota,
        "server_group": ServerGroup,
        "service": Service,
        "session": Session,
        "set": Set,
    }

    # sets

    def create_sets(self, **attrs: Any) -> list[Set]:
        """Create ``max_count`` sets, or fewer but at least ``min_count``.

        :param attrs: the body of ``POST /v1/sets``: ``name``, ``flavor``,
            ``containers``, ``min_count``, ``max_count`` ...
        :returns: the new sets, still in BUILD; with more than one their names
            end in ``-1`` and so on.
        """
        response = self.post(
            Set.base_path,
            json={Set.resource_key: attrs},
            microversion=Set._get_microversion(self),
        )
        exceptions.raise_from_response(response)
        conn = self._get_connection()
        return [
            Set.existing(connection=conn, **each)
            for each in response.json()[Set.resources_key]
        ]

    def create_set(self, **attrs: Any) -> Set:
        """Create one set.

        :param attrs: as for :meth:`create_sets`, which returns all where more
            than one is asked for; here it is the first.
        """
        return self.create_sets(**attrs)[0]

    def sets(self, *, details: bool = True, **query: Any) -> Iterator[Set]:
        """List sets.

        :param details: False for only ``id``, ``name`` and ``status``.
        :param query: filters such as ``status="ERROR"`` or
            ``metadata=["team=shop"]``; for administrators
            ``all_projects=True`` and ``project_id``.
        """
        path = "/sets/detail" if details else "/sets"
        return self._list(Set, base_path=path, **query)

    def get_set(self, value: str | Set) -> Set:
        return self._get(Set, value, skip_cache=True)

    def find_set(
        self, name_or_id: str, ignore_missing: bool = True, **query: Any
    ) -> Set | None:
        """The one set with this name or id.

        :raises: :class:`openstack.exceptions.DuplicateResource` with the ids
            if the name is not unique.
        """
        return self._one(
            Set, name_or_id, ignore_missing, "/sets/detail", **query
        )

    def update_set(self, value: str | Set, **attrs: Any) -> Set:
        """Change ``name``, ``description`` or ``metadata`` (as a whole)."""
        return self._update(Set, value, **attrs)

    def delete_set(
        self,
        value: str | Set,
        ignore_missing: bool = True,
        *,
        force: bool = False,
        permanent: bool = False,
    ) -> Set | None:
        """Ask for the deletion; :meth:`wait_for_delete_set` waits for it.

        :returns: the set as it is being deleted, None if it is missing.
        :param permanent: not to the recycle bin of the cloud, or out of it.
        :param force: forget it at once, even if its host does not answer;
            name and quota are free, the host removes what it has of it when
            it is back.
        """
        each = self._get_resource(Set, value)
        try:
            if force:
                return each.act(self, "force-delete", {})
            return each.delete(self, permanent=permanent)
        except exceptions.NotFoundException:
            if not ignore_missing:
                raise
            return None

    def restore_set(self, value: str | Set) -> Set:
        """Have a deleted set back from the recycle bin, and running.

        Such sets are listed with ``status="SOFT_DELETED"`` only.
        """
        return self._get_resource(Set, value).act(self, "restore", {})

    def start_set(self, value: str | Set) -> Set:
        return self._get_resource(Set, value).act(self, "start", {})

    def stop_set(
        self, value: str | Set, grace_period: int | None = None
    ) -> Set:
        """:param grace_period: seconds from the stop signal to the kill."""
        return self._get_resource(Set, value).act(
            self, "stop", _given(grace_period=grace_period)
        )

    def restart_set(
        self, value: str | Set, grace_period: int | None = None
    ) -> Set:
        """:param grace_period: seconds from the stop signal to the kill."""
        return self._get_resource(Set, value).act(
            self, "restart", _given(grace_period=grace_period)
        )

    # changes of what a set is made of: each is carried out as a whole while
    # it runs, or taken back; wait_for_change tells

    def resize_set(self, value: str | Set, flavor: str) -> Set:
        """Give it another flavor; :meth:`wait_for_change` waits for it.

        :param flavor: name or id.
        """
        return self._get_resource(Set, value).ask(
            self, "resize", {"resize": {"flavor": flavor}}
        )

    def update_containers(
        self,
        value: str | Set,
        containers: Iterable[dict[str, Any]] | None = None,
        add: Iterable[dict[str, Any]] | None = None,
        remove: Iterable[str] | None = None,
        monitor: float | None = None,
    ) -> Set:
        """Replace, add and remove containers, all or nothing.

        :param containers: for each that is to be otherwise, ``name`` (or id)
            and the keys that change; None is the default of a key.
        :param add: new ones, as for :meth:`create_sets`.
        :param remove: names or ids.
        :param monitor: seconds that what is started has to run for the change
            to count, where it has no health check.
        """
        body = _given(
            containers=_listed(containers),
            add=_listed(add),
            remove=_listed(remove),
            monitor=monitor,
        )
        return self._get_resource(Set, value).ask(
            self, "update", {"update": body}
        )

    def set_history(self, value: str | Set) -> Iterator[Revision]:
        """What a set was made of, the latest first."""
        return self._list(Revision, base_path=_below(value, "/history"))

    def set_inputs(self, value: str | Set) -> dict[str, Any]:
        """What was handed into it: ``user_data`` and ``files`` (``path`` and
        ``contents``), in base64, and the ``public_key`` of its key pair."""
        item = self._get_resource(Set, value)
        response = self.get(
            f"{Set.base_path}/{item.id}/inputs",
            microversion=Set._get_microversion(self),
        )
        exceptions.raise_from_response(response)
        found: dict[str, Any] = response.json()["inputs"]
        return found

    def revert_set(
        self,
        value: str | Set,
        revision: int | Revision,
        monitor: float | None = None,
    ) -> Set:
        """Make it of what it was made of at an earlier revision.

        :param monitor: as for :meth:`update_containers`.
        """
        if isinstance(revision, Revision):
            revision = int(revision.revision)
        body = {"revision": revision, **_given(monitor=monitor)}
        return self._get_resource(Set, value).ask(
            self, "revert", {"revert": body}
        )

    def wait_for_change(
        self,
        value: Set,
        wait: float | None = 300,
        callback: Callable[[Set], None] | None = None,
    ) -> Set:
        """Wait until a change is carried out.

        :param value: the set as the method that asked for it returned it.
        :param wait: as ``callback``, see :meth:`wait_for_set`.
        :raises: :class:`openstack.exceptions.ResourceFailure` with the reason
            if it was taken back, or the set cannot run.
        :raises: :class:`openstack.exceptions.ResourceTimeout`
        """
        status = "SHUTOFF" if value.desired == "stopped" else "ACTIVE"
        [seen] = self.settle_sets([value], status, None, wait, callback)
        failure = seen.taken_back(value)
        outcome = waiting.outcome(seen, status, None)
        if failure and outcome is not None:
            raise exceptions.ResourceFailure(f"{failure} {outcome}".strip())
        waiting.check(seen, status, None)
        return seen

    def wait_for_set(
        self,
        value: str | Set,
        status: str = "ACTIVE",
        failures: list[str] | None = None,
        wait: float | None = 300,
        callback: Callable[[Set], None] | None = None,
    ) -> Set:
        """Wait until a set has ``status``.

        A set that was ACTIVE and has finished by itself counts as ACTIVE.

        :param failures: statuses not to wait in; ``["ERROR"]`` if not given.
        :param wait: seconds, None for ever.
        :param callback: called with the set, first as it is and then whenever
            its status or reason has changed.
        :raises: :class:`openstack.exceptions.ResourceFailure` with the reason
            the set gives if it comes to a status in ``failures``, or can no
            longer come to ``status``.
        :raises: :class:`openstack.exceptions.ResourceTimeout`
        """
        each = value if isinstance(value, Set) else self.get_set(value)
        [each] = self.settle_sets([each], status, failures, wait, callback)
        waiting.check(each, status, failures)
        return each

    def wait_for_delete_set(
        self,
        value: str | Set,
        wait: float | None = 300,
        callback: Callable[[Set], None] | None = None,
    ) -> None:
        """Wait until nothing is left of a set, or it is in the recycle bin;
        as :meth:`wait_for_set`."""
        each = self._get_resource(Set, value)
        [each] = self.settle_sets([each], "DELETED", [], wait, callback)
        waiting.check(each, "DELETED", [])

    def settle_sets(
        self,
        sets: Iterable[Set],
        status: str = "ACTIVE",
        failures: list[str] | None = None,
        wait: float | None = 300,
        callback: Callable[[Set], None] | None = None,
    ) -> list[Set]:
        """Wait for many at once, whatever becomes of each.

        The parameters are those of :meth:`wait_for_set`.

        :returns: the sets as last seen, in order; no failure and no time-out
            is raised.  A set that is gone has the status DELETED.
        """
        return waiting.settle(
            self._look, list(sets), status, failures, wait, callback
        )

    def _look(self, sets: list[Set]) -> dict[str, Set]:
        """The present state of ``sets`` by id, in few requests."""
        reservations = {each.reservation_id for each in sets}
        if (
            len(sets) > 1
            and len(reservations) == 1
            and None not in reservations
        ):
            found = self.sets(reservation_id=reservations.pop())
            return {each.id: each for each in found}
        seen = {}
        for each in sets:
            try:
                seen[each.id] = self.get_set(each.id)
            except exceptions.NotFoundException:
                continue
        return seen

    # containers

    def containers(
        self, value: str | Set | None = None, **query: Any
    ) -> Iterator[Container]:
        """List the containers of one set, or of all sets of the project.

        :param query: filters such as ``status="exited"``.
        """
        if value is not None and query:
            query["set_id"] = resource.Resource._get_id(value)
            value = None
        return self._list(
            Container, base_path=_below(value, "/containers"), **query
        )

    def get_container(self, value: str | Set, name_or_id: str) -> Container:
        """A container of a set by its name or id."""
        return self._get(
            Container,
            parse.quote(name_or_id, safe=""),
            base_path=_below(value, "/containers"),
        )

    # what follows is asked of a container and answered by its set

    def add_container(self, value: str | Set, **attrs: Any) -> Set:
        """Add a container to a set while it runs.

        :param attrs: as of one of ``containers`` of :meth:`create_sets`.
        """
        return self._get_resource(Set, value).ask(
            self, "containers", {"container": attrs}
        )

    def update_container(
        self,
        value: str | Set,
        container: str | Container,
        monitor: float | None = None,
        **attrs: Any,
    ) -> Set:
        """Change a container of a set while it runs.

        :param container: by name or id.
        :param attrs: what is to be otherwise; None is the default of a key.
        :param monitor: as for :meth:`update_containers`.
        """
        return self._get_resource(Set, value).ask(
            self,
            _container(container),
            {"container": {**attrs, **_given(monitor=monitor)}},
            "PATCH",
        )

    def rename_container(
        self, value: str | Set, container: str | Container, name: str
    ) -> Set:
        """Call it otherwise; it runs on."""
        return self.update_container(value, container, name=name)

    def remove_container(
        self, value: str | Set, container: str | Container
    ) -> Set:
        """Remove it; the others run on, and the volume stays."""
        return self._get_resource(Set, value).ask(
            self, _container(container), None, "DELETE"
        )

    def restart_container(
        self,
        value: str | Set,
        container: str | Container,
        grace_period: int | None = None,
    ) -> Set:
        """:param grace_period: seconds from the stop signal to the kill."""
        return self._get_resource(Set, value).act(
            self,
            f"{_container(container)}/restart",
            _given(grace_period=grace_period),
        )

    def pause_container(
        self, value: str | Set, container: str | Container
    ) -> Set:
        """Freeze its processes."""
        return self._get_resource(Set, value).act(
            self, f"{_container(container)}/pause", {}
        )

    def unpause_container(
        self, value: str | Set, container: str | Container
    ) -> Set:
        return self._get_resource(Set, value).act(
            self, f"{_container(container)}/unpause", {}
        )

    def signal_container(
        self, value: str | Set, container: str | Container, signal: str
    ) -> Set:
        """Send a signal to its first process.

        :param signal: ``SIGHUP``, ``HUP`` or ``hup``.
        """
        return self._get_resource(Set, value).act(
            self,
            f"{_container(container)}/signal",
            {"signal": signal.upper().removeprefix("SIG")},
        )

    # jobs

    def commit_container(
        self,
        value: str | Set,
        container: str | Container,
        image: str,
        **attrs: Any,
    ) -> Job:
        """Make an image of a container; :meth:`wait_for_job` waits for it.

        :param image: where to, as ``namespace/repository:tag``.
        :param attrs: ``message``, ``author``, ``pause`` (freeze it while its
            files are read) and ``changes`` (lines of a Dockerfile).
        """
        response = self.post(
            _below(value, f"/{_container(container)}/commit"),
            json={"commit": {"image": image, **_given(**attrs)}},
            microversion=Job._get_microversion(self),
        )
        exceptions.raise_from_response(response)
        return Job.existing(
            connection=self._get_connection(), **response.json()["job"]
        )

    def jobs(self, **query: Any) -> Iterator[Job]:
        """List jobs, the newest first.

        :param query: such as ``kind="commit"``, ``status="RUNNING"``,
            ``set_id``, ``since`` (ISO 8601).
        """
        return self._list(Job, **query)

    def get_job(self, value: str | Job) -> Job:
        return self._get(Job, value)

    def cancel_job(self, value: str | Job) -> None:
        """Cancel a job that has not ended; it stays in the list."""
        self._delete(Job, value, ignore_missing=False)

    def wait_for_job(
        self,
        value: str | Job,
        wait: float | None = 300,
        callback: Callable[[Job], None] | None = None,
    ) -> Job:
        """Wait until a job is DONE.

        :param wait: seconds, None for ever.
        :param callback: called with the job, first as it is and then whenever
            it has got further.
        :raises: :class:`openstack.exceptions.ResourceFailure` with the reason
            if it failed or was cancelled.
        :raises: :class:`openstack.exceptions.ResourceTimeout`
        """
        job = value if isinstance(value, Job) else self.get_job(value)
        return job.settle(self, wait, callback)

    # events

    def events(
        self, value: str | Set | None = None, **query: Any
    ) -> Iterator[Event]:
        """List events of one set, or of the project; the newest first.

        :param query: such as ``action="container."``, ``container="web"``,
            ``result="error"``, ``since`` and ``until`` (ISO 8601).
        """
        return self._list(Event, base_path=_below(value, "/events"), **query)

    def get_event(self, value: str | Event) -> Event:
        return self._get(Event, value)

    # hosts

    def hosts(self, **query: Any) -> Iterator[Host]:
        return self._list(Host, **query)

    def get_host(self, value: str | Host) -> Host:
        return self._get(Host, value)

    def find_host(
        self, name_or_id: str, ignore_missing: bool = True
    ) -> Host | None:
        return self._one(Host, name_or_id, ignore_missing)

    def enable_host(self, value: str | Host) -> Host:
        return self._get_resource(Host, value).act(self, "enable", {})

    def disable_host(
        self, value: str | Host, reason: str | None = None
    ) -> Host:
        """Place no new sets on it; what runs there goes on."""
        return self._get_resource(Host, value).act(
            self, "disable", _given(reason=reason)
        )

    def delete_host(
        self, value: str | Host, ignore_missing: bool = True
    ) -> None:
        """Forget a host that is down and has no sets."""
        self._delete(Host, value, ignore_missing=ignore_missing)

    # flavors

    def flavors(self, **query: Any) -> Iterator[Flavor]:
        return self._list(Flavor, **query)

    def get_flavor(self, value: str | Flavor) -> Flavor:
        return self._get(Flavor, value)

    def find_flavor(
        self, name_or_id: str, ignore_missing: bool = True
    ) -> Flavor | None:
        return self._one(Flavor, name_or_id, ignore_missing)

    def create_flavor(self, **attrs: Any) -> Flavor:
        """Create a flavor of ``name``, ``vcpus``, ``memory_mb``, ``disk_gb``
        and, if wanted, ``cpu_burst`` and ``description``."""
        return self._create(Flavor, **attrs)

    def update_flavor(self, value: str | Flavor, **attrs: Any) -> Flavor:
        """Change its ``description``."""
        return self._update(Flavor, value, **attrs)

    def delete_flavor(
        self, value: str | Flavor, ignore_missing: bool = True
    ) -> None:
        self._delete(Flavor, value, ignore_missing=ignore_missing)

    # server groups, by id

    def server_groups(self, **query: Any) -> Iterator[ServerGroup]:
        """:param query: ``name``, ``all_projects`` (operators) ..."""
        return self._list(ServerGroup, **query)

    def find_server_group(
        self, name_or_id: str, ignore_missing: bool = True
    ) -> ServerGroup | None:
        """By id, else by name."""
        return self._find(
            ServerGroup, name_or_id, ignore_missing=ignore_missing
        )

    def get_server_group(self, value: str | ServerGroup) -> ServerGroup:
        return self._get(ServerGroup, value)

    def create_server_group(self, **attrs: Any) -> ServerGroup:
        """:param attrs: ``name``, ``policy``, ``max_per_host``."""
        return self._create(ServerGroup, **attrs)

    def delete_server_group(
        self, value: str | ServerGroup, ignore_missing: bool = True
    ) -> None:
        """Its sets stay."""
        self._delete(ServerGroup, value, ignore_missing=ignore_missing)

    # key pairs, by name or id; user is an id, the connection's own if None

    def keypairs(self, **query: Any) -> Iterator[Keypair]:
        """:param query: ``name``, ``user_id`` (operators) ..."""
        return self._list(Keypair, **query)

    def get_keypair(
        self, value: str | Keypair, user: str | None = None
    ) -> Keypair:
        keypair = self._get_resource(Keypair, value)
        return keypair.fetch(self, **_given(user_id=user))

    def create_keypair(self, **attrs: Any) -> Keypair:
        """Make a key pair of this ``name``, or take in its ``public_key``.

        :returns: with the ``private_key`` if there was no public one; it
            cannot be had again.
        """
        return self._create(Keypair, **attrs)

    def delete_keypair(
        self,
        value: str | Keypair,
        user: str | None = None,
        ignore_missing: bool = True,
    ) -> None:
        self._delete(
            Keypair,
            value,
            ignore_missing=ignore_missing,
            params=_given(user_id=user),
        )

    # image policies; project is an id, the connection's own if None, or
    # "cloud" for what the cloud demands of all

    def get_image_policy(self, project: str | None = None) -> ImagePolicy:
        return self._get(ImagePolicy, self._project(project))

    def update_image_policy(
        self, project: str | None = None, **content: Any
    ) -> ImagePolicy:
        """Replace what is demanded of images.

        :param content: ``bases``, ``sources``, ``max_size_mb``,
            ``max_layer_mb``, ``max_layers``, ``rules``, ``keys``; what is
            left out is not demanded any more.
        """
        policy = self._get_resource(ImagePolicy, self._project(project))
        return policy.replace(self, content)

    def delete_image_policy(self, project: str | None = None) -> None:
        """Demand nothing any more."""
        self._delete(ImagePolicy, self._project(project))

    def check_image_policy(
        self,
        image: str,
        project: str | None = None,
        content: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        """What the policies have against sets of an image.

        :param image: as in a set.
        :param content: as if this were demanded; None for what is.
        :returns: ``image``, ``digest``, ``allowed`` and ``findings``, each
            with ``rule``, ``level``, ``message`` and ``by``.
        """
        policy = self._get_resource(ImagePolicy, self._project(project))
        return policy.check(self, image, content)

    # quotas; project is an id, the connection's own if None

    def get_quota(self, project: str | None = None) -> Quota:
        return self._get(Quota, self._project(project))

    def update_quota(self, project: str | None = None, **limits: int) -> Quota:
        """Set limits.

        :param limits: ``sets``, ``containers``, ``vcpus``, ``memory_mb``,
            ``disk_gb``; -1 for none.
        """
        quota = self._get_resource(Quota, self._project(project))
        return quota.replace(self, limits)

    def delete_quota(self, project: str | None = None) -> None:
        """Go back to the limits of the configuration."""
        self._delete(Quota, self._project(project))

    def _project(self, project: str | None) -> str | None:
        return project or self.get_project_id()

    # services

    def services(self, **query: Any) -> Iterator[Service]:
        return self._list(Service, **query)

    def _one(
        self,
        kind: type[T],
        name_or_id: str,
        ignore_missing: bool,
        list_path: str | None = None,
        **query: Any,
    ) -> T | None:
        """By id if it looks like one, else by name.

        Resource.find asks for ``<path>/<name>`` first, which for some names
        ("detail") is something else.
        """
        if base.like_uuid(name_or_id):
            try:
                return self._get(kind, name_or_id, skip_cache=True)
            except exceptions.NotFoundException:
                pass
        found = [
            each
            for each in self._list(
                kind, base_path=list_path, name=name_or_id, **query
            )
            if each.name == name_or_id
        ]
        noun = kind.__name__.lower()
        if len(found) > 1:
            ids = ", ".join(each.id for each in found)
            raise exceptions.DuplicateResource(
                f"{len(found)} {noun}s are named {name_or_id!r}, give one of "
                f"their ids: {ids}."
            )
        if found or ignore_missing:
            return found[0] if found else None
        raise exceptions.NotFoundException(
            f"There is no {noun} with the name or id {name_or_id!r}."
        )


def _given(**values: Any) -> dict[str, Any]:
    return {k: v for k, v in values.items() if v is not None}


def _listed(items: Iterable[Any] | None) -> list[Any] | None:
    return None if items is None else list(items)


def _container(value: str | Container) -> str:
    """Path of a container below its set."""
    ident = resource.Resource._get_id(value)
    return f"containers/{parse.quote(ident, safe='')}"


def _below(value: str | Set | None, path: str) -> str:
    """``path``, or the same below a set."""
    if value is None:
        return path
    return f"{Set.base_path}/{resource.Resource._get_id(value)}{path}"
