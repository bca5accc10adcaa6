"""Revisions: what a set was made of, and when."""

from openstack import resource

from caasclient.sdk import base


class Revision(base.Resource):
    resources_key = "history"

    allow_list = True

    #: Number that ``revert_set`` takes.
    revision = resource.Body("revision", type=int)
    at = resource.Body("at")
    #: What made it so: ``create``, ``resize``, ``update``, ``add``,
    #: ``remove``, ``rename``, ``revert``, or ``take-back`` of the one before.
    action = resource.Body("action")
    #: Why it was taken back; "" if it was not.
    failure = resource.Body("failure")
    user_id = resource.Body("user_id")
    request_id = resource.Body("request_id")
    #: As that of a :class:`~caasclient.sdk.sets.Set`.
    flavor = resource.Body("flavor", type=dict)
    #: The business containers, as dicts with ``id``, ``name`` and what was
    #: wanted of each.
    containers = resource.Body("containers", type=list)
