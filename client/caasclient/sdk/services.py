"""Services: the processes of caas (admin)."""

from openstack import resource

from caasclient.sdk import base


class Service(base.Resource):
    resources_key = "services"
    base_path = "/services"

    allow_list = True

    binary = resource.Body("binary")
    host = resource.Body("host")
    #: ``up`` or ``down``.
    status = resource.Body("status")
    last_seen = resource.Body("last_seen")
    version = resource.Body("version")
