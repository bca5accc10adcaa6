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
    #: ``pending``, ``created``, ``running``, ``paused``, ``backoff``,
    #: ``exited`` or ``failed``.
    status = resource.Body("status")
    reason = resource.Body("reason")
    exit_code = resource.Body("exit_code", type=int)
    oom_killed = resource.Body("oom_killed", type=bool)
    restarts = resource.Body("restarts", type=int)
    #: ``starting``, ``healthy`` or ``unhealthy``; None without a health check.
    health = resource.Body("health")
    #: Whether it is to be paused.
    paused = resource.Body("paused", type=bool)
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
    #: ``type``, ``command``, ``port``, ``path``, ``interval``, ``timeout``,
    #: ``retries``, ``start_period`` and ``restart``; None for no check.
    health_check = resource.Body("health_check", type=dict)
    #: ``pre_start`` and ``pre_stop``: None, or ``command`` and ``timeout``.
    hooks = resource.Body("hooks", type=dict)
    #: Whether it does its work and ends, and a later Index waits for that.
    run_to_completion = resource.Body("run_to_completion", type=bool)
    #: Each with ``name``, ``soft`` and ``hard``.
    ulimits = resource.Body("ulimits")
    #: Most processes and threads; None for the host's default.
    pids_limit = resource.Body("pids_limit", type=int)
    #: CPUs of the host it may run on, as ``0-3,6``; None for all.
    cpuset = resource.Body("cpuset")
    #: ``read_bps``, ``write_bps``, ``read_iops`` and ``write_iops``.
    block_io = resource.Body("block_io", type=dict)
    #: Whether its first process has a terminal.
    tty = resource.Body("tty", type=bool)
    #: Whether who attaches to its first process can write to it.
    stdin = resource.Body("stdin", type=bool)
    #: Id given by the container engine; admin only.
    runtime_id = resource.Body("runtime_id")
