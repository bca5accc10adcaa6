"""Containers of sets."""

from openstack import resource

from caasclient.sdk import base


class Container(base.Resource):
    resource_key = "container"
    resources_key = "containers"
    base_path = "/containers"

    allow_fetch = True
    allow_list = True

    _query_mapping = resource.QueryParameters(
        "all_projects",
        "image",
        "name",
        "project_id",
        "set_id",
        "sort_dir",
        "sort_key",
        "status",
    )

    set_id = resource.Body("set_id")
    #: ``infra`` or ``business``.
    role = resource.Body("role")
    #: Start order; equal ones start in parallel, stop is the reverse.
    index = resource.Body("index", type=int)
    #: ``pending``, ``created``, ``running``, ``backoff``, ``exited`` or
    #: ``failed``.
    status = resource.Body("status")
    reason = resource.Body("reason")
    exit_code = resource.Body("exit_code", type=int)
    oom_killed = resource.Body("oom_killed", type=bool)
    restarts = resource.Body("restarts", type=int)
    created_at = resource.Body("created_at")
    started_at = resource.Body("started_at")
    finished_at = resource.Body("finished_at")
    #: ``ref`` as given at create, and the ``id``, ``digest`` and ``name`` it
    #: was resolved to.
    image = resource.Body("image", type=dict)
    command = resource.Body("command")
    entrypoint = resource.Body("entrypoint")
    env = resource.Body("env", type=dict)
    working_dir = resource.Body("working_dir")
    user = resource.Body("user")
    labels = resource.Body("labels", type=dict)
    restart_policy = resource.Body("restart_policy", type=dict)
    #: Share of the set's CPU and memory it may use at most.
    cpu_percent = resource.Body("cpu_percent", type=int)
    memory_percent = resource.Body("memory_percent", type=int)
    ports = resource.Body("ports")
    mounts = resource.Body("mounts")
    #: Id given by the container engine; admin only.
    runtime_id = resource.Body("runtime_id")
