"""Flavors: named sizes of sets."""

from openstack import resource

from caasclient.sdk import base


class Flavor(base.Resource):
    resource_key = "flavor"
    resources_key = "flavors"
    base_path = "/flavors"

    allow_create = True
    allow_fetch = True
    allow_commit = True
    allow_delete = True
    allow_list = True
    commit_method = "PATCH"

    _query_mapping = resource.QueryParameters("name", "sort_dir", "sort_key")

    description = resource.Body("description")
    #: CPUs, in steps of 0.001.
    vcpus = resource.Body("vcpus")
    #: MiB.
    memory_mb = resource.Body("memory_mb", type=int)
    #: GiB of the set's volume.
    disk_gb = resource.Body("disk_gb", type=int)
    #: Whether its sets may use CPU time that nobody else on the host wants.
    cpu_burst = resource.Body("cpu_burst", type=bool)
    #: Whether all projects may use it.
    public = resource.Body("public", type=bool)
    extra_specs = resource.Body("extra_specs", type=dict)
    created_at = resource.Body("created_at")
