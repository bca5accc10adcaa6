"""Sets: the unit of scheduling, start, stop and billing."""

from typing import Any, Self

from keystoneauth1 import adapter
from openstack import resource

from caasclient.sdk import base


class Set(base.Resource):
    resource_key = "set"
    resources_key = "sets"
    base_path = "/sets"

    allow_fetch = True
    allow_commit = True
    allow_delete = True
    allow_list = True
    commit_method = "PATCH"

    _query_mapping = resource.QueryParameters(
        "all_projects",
        "availability_zone",
        "changes_since",
        "flavor",
        "host",
        "image",
        "metadata",
        "name",
        "project_id",
        "reservation_id",
        "sort_dir",
        "sort_key",
        "status",
    )

    description = resource.Body("description")
    #: Host name inside the containers.
    hostname = resource.Body("hostname")
    project_id = resource.Body("project_id")
    user_id = resource.Body("user_id")
    #: One of BUILD, ACTIVE, STARTING, RESTARTING, RESIZE, VERIFY_RESIZE,
    #: UPDATING, MIGRATING, RESCUE, PAUSED, SUSPENDED, SHELVED_OFFLOADED,
    #: SOFT_DELETED, STOPPING, SHUTOFF, ERROR, DELETING.
    status = resource.Body("status")
    #: Why it is in this status; "" when all is well.
    reason = resource.Body("reason")
    #: The last change that was taken back, as a dict with ``action``,
    #: ``reason``, ``at`` and ``request_id``; None after the next one.
    failure = resource.Body("failure", type=dict)
    #: The change of flavor or containers that is under way, such as
    #: ``update``; None without one.
    change = resource.Body("change")
    #: What was asked for last: ``running``, ``stopped`` or ``deleted``.
    desired = resource.Body("desired")
    #: ``id``, ``name``, ``vcpus``, ``memory_mb``, ``disk_gb`` and
    #: ``cpu_burst`` of its flavor when it was created or last resized.
    flavor = resource.Body("flavor", type=dict)
    metadata = resource.Body("metadata", type=dict)
    #: Kernel parameters of its network and IPC namespaces.
    sysctls = resource.Body("sysctls", type=dict)
    #: Name of the key pair that its containers are told of.
    key_name = resource.Body("key_name")
    #: ``auto``, or ``none`` for one without an address.
    network = resource.Body("network")
    #: The zone asked for, or the zone of its host.
    availability_zone = resource.Body("availability_zone")
    #: ``[{"address": "10.89.0.7"}]``
    addresses = resource.Body("addresses", type=list)
    #: Id of the server group it is in; None without one.
    server_group_id = resource.Body("server_group_id")
    #: Common to the sets created by one request.
    reservation_id = resource.Body("reservation_id")
    #: The infra container and the business containers, as dicts with the
    #: keys of :class:`~caasclient.sdk.containers.Container`.
    containers = resource.Body("containers", type=list)
    created_at = resource.Body("created_at")
    updated_at = resource.Body("updated_at")
    #: When all its containers were running first.
    launched_at = resource.Body("launched_at")
    #: Until when it can be restored from the recycle bin; None if it is not
    #: in there.
    reclaim_at = resource.Body("reclaim_at")
    links = resource.Body("links", type=list)
    #: Name of its host.  This and all below: None unless asked as admin.
    host = resource.Body("host")
    host_status = resource.Body("host_status")
    incarnation = resource.Body("incarnation", type=int)
    revision = resource.Body("revision", type=int)

    #: The failure that was there before the change asked for last; where it
    #: is all there is in the end, that change was not taken back.
    _old_failure: dict[str, Any] | None = None

    def ask(
        self,
        session: adapter.Adapter,
        path: str,
        body: dict[str, Any] | None,
        method: str = "POST",
    ) -> Self:
        """Ask for a change of flavor or containers; take in the answer.

        :param path: below that of the set.
        """
        response = self._send(session, method, path, json=body)
        self._translate_response(response)
        mine = response.headers.get("x-openstack-request-id")
        failure = self.failure
        if failure and failure["request_id"] == mine:
            failure = None
        self._old_failure = failure
        return self

    def taken_back(self, asked: Self) -> str:
        """Why a change was undone, as a sentence; "" if it was not.

        :param asked: the set as :meth:`ask` left it.
        """
        if not self.failure or self.failure == asked._old_failure:
            return ""
        return (
            f"The {self.failure['action']} of set {self.name} ({self.id}) was "
            f"taken back: {self.failure['reason']}"
        )

    def delete(
        self,
        session: adapter.Adapter,
        *_: Any,
        permanent: bool = False,
        **__: Any,
    ) -> Self:
        """As any resource, but the answer has a body: how it is now."""
        params = {"permanent": "true"} if permanent else {}
        self._translate_response(self._raw_delete(session, params=params))
        return self
