"""Events: who did what, when, with which result and why."""

from openstack import resource

from caasclient.sdk import base


class Event(base.Resource):
    resource_key = "event"
    resources_key = "events"
    base_path = "/events"

    allow_fetch = True
    allow_list = True

    _query_mapping = resource.QueryParameters(
        "action",
        "all_projects",
        "container",
        "host",
        "object_id",
        "object_type",
        "project_id",
        "request_id",
        "result",
        "since",
        "sort_dir",
        "until",
        "user_id",
    )

    at = resource.Body("at")
    object_type = resource.Body("object_type")
    object_id = resource.Body("object_id")
    #: Name of the container it is about, empty for none.
    container = resource.Body("container")
    container_id = resource.Body("container_id")
    #: Such as ``set.create``.
    action = resource.Body("action")
    #: ``accepted``, ``success`` or ``error``.
    result = resource.Body("result")
    reason = resource.Body("reason")
    user_id = resource.Body("user_id")
    project_id = resource.Body("project_id")
    request_id = resource.Body("request_id")
    details = resource.Body("details", type=dict)
    #: Admin only.
    host = resource.Body("host")
