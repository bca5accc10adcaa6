"""What the resources of caas have in common."""

import uuid
from typing import Any, Self

from keystoneauth1 import adapter
from openstack import resource


class Resource(resource.Resource):
    # sent as "OpenStack-API-Version: caas 1.0"
    _max_microversion = "1.0"

    @classmethod
    def _get_microversion(cls, session: adapter.Adapter) -> str | None:
        # openstacksdk would ask the service what it has
        return session.default_microversion or cls._max_microversion

    def act(
        self, session: adapter.Adapter, verb: str, body: dict[str, Any]
    ) -> Self:
        """POST ``body`` to ``<resource>/<verb>``; take in the answer."""
        self._translate_response(self._send(session, "POST", verb, json=body))
        return self

    def _send(
        self, session: adapter.Adapter, method: str, path: str, **kwargs: Any
    ) -> Any:
        """:param path: below that of the resource."""
        url = self._prepare_request().url
        return session.request(
            f"{url}/{path}",
            method,
            microversion=self._get_microversion(session),
            **kwargs,
        )


def like_uuid(text: str) -> bool:
    """Whether it may be an id; all ids of caas and Glance are UUIDs."""
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True
