"""Hosts: machines with a container engine and a caas-agent (admin)."""

from openstack import resource

from caasclient.sdk import base


class Host(base.Resource):
    resource_key = "host"
    resources_key = "hosts"
    base_path = "/hosts"

    allow_fetch = True
    allow_delete = True
    allow_list = True

    _query_mapping = resource.QueryParameters(
        "availability_zone", "enabled", "name", "sort_dir", "sort_key"
    )

    #: ``up`` or ``down``.
    status = resource.Body("status")
    #: Whether new sets are placed on it.
    enabled = resource.Body("enabled", type=bool)
    disabled_reason = resource.Body("disabled_reason")
    #: Whether it counts as down whatever it reports, as operators say.
    forced_down = resource.Body("forced_down", type=bool)
    availability_zone = resource.Body("availability_zone")
    #: ``vcpus``, ``memory_mb`` and ``disk_gb``.
    capacity = resource.Body("capacity", type=dict)
    #: The same for what is claimed by sets, and the number of ``sets``.
    used = resource.Body("used", type=dict)
    engine = resource.Body("engine")
    engine_version = resource.Body("engine_version")
    api_version = resource.Body("api_version")
    kernel = resource.Body("kernel")
    os = resource.Body("os")
    storage_driver = resource.Body("storage_driver")
    cgroup_version = resource.Body("cgroup_version")
    agent_version = resource.Body("agent_version")
    labels = resource.Body("labels", type=dict)
    #: Why no new sets are placed there: sentences, each after the name of a
    #: check and a colon.
    unfit = resource.Body("unfit", type=list)
    #: What could be better there, likewise.
    warnings = resource.Body("warnings", type=list)
    #: Version of the list of sets it should run, and the one it has applied.
    version = resource.Body("version", type=int)
    seen_version = resource.Body("seen_version", type=int)
    last_seen = resource.Body("last_seen")
    created_at = resource.Body("created_at")
