"""Server groups: sets that are to be on one host, or apart."""

from openstack import resource

from caasclient.sdk import base


class ServerGroup(base.Resource):
    resource_key = "server_group"
    resources_key = "server_groups"
    base_path = "/server-groups"

    allow_create = True
    allow_fetch = True
    allow_delete = True
    allow_list = True

    _query_mapping = resource.QueryParameters(
        "all_projects", "name", "project_id", "sort_dir", "sort_key"
    )

    #: ``affinity``, ``anti-affinity``, ``soft-affinity`` or
    #: ``soft-anti-affinity``.
    policy = resource.Body("policy")
    #: Sets on one host, of ``anti-affinity``; None is one.
    max_per_host = resource.Body("max_per_host", type=int)
    #: Ids of its sets, the oldest first.
    members = resource.Body("members", type=list)
    project_id = resource.Body("project_id")
    user_id = resource.Body("user_id")
    created_at = resource.Body("created_at")
