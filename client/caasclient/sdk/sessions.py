"""Sessions: what somebody did inside a container."""

from collections.abc import Iterator

from keystoneauth1 import adapter
from openstack import exceptions, resource

from caasclient.sdk import base


class Session(base.Resource):
    resource_key = "session"
    resources_key = "sessions"
    base_path = "/sessions"

    allow_fetch = True
    allow_list = True

    _query_mapping = resource.QueryParameters(
        "all_projects",
        "project_id",
        "recorded",
        "set_id",
        "since",
        "user_id",
        "verb",
    )

    #: ``PENDING``, ``EXPIRED``, ``ACTIVE`` or ``ENDED``.
    status = resource.Body("status")
    #: ``exec``, ``attach``, ``logs`` ...
    verb = resource.Body("verb")
    set_id = resource.Body("set_id")
    set_name = resource.Body("set_name")
    #: None for the set as a whole.
    container_id = resource.Body("container_id")
    container = resource.Body("container")
    arguments = resource.Body("arguments", type=dict)
    #: Why, in the words of the user.
    reason = resource.Body("reason")
    recorded = resource.Body("recorded", type=bool)
    user_id = resource.Body("user_id")
    project_id = resource.Body("project_id")
    request_id = resource.Body("request_id")
    #: Address it was begun from.
    client = resource.Body("client")
    created_at = resource.Body("created_at")
    expires_at = resource.Body("expires_at")
    started_at = resource.Body("started_at")
    ended_at = resource.Body("ended_at")
    #: ``success`` or ``error``; empty before its end.
    result = resource.Body("result")
    #: Why it ended, if not by itself.
    message = resource.Body("message")
    exit_code = resource.Body("exit_code", type=int)

    def recording(self, session: adapter.Adapter) -> Iterator[str]:
        """Pieces of what was recorded: asciicast v2."""
        piece: int | None = 0
        while piece is not None:
            answer = self._send(
                session, "GET", "recording", params={"piece": piece}
            )
            exceptions.raise_from_response(answer)
            found = answer.json()["recording"]
            yield found["asciicast"]
            piece = found["next"]
