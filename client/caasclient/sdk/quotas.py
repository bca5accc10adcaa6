"""Quotas: limits of a project and what it uses of them."""

from typing import Self

from keystoneauth1 import adapter
from openstack import resource

from caasclient.sdk import base


class Quota(base.Resource):
    resource_key = "quota"
    base_path = "/quotas"

    allow_fetch = True
    allow_delete = True

    project_id = resource.Body("project_id", alternate_id=True)
    #: ``{"sets": {"limit": 100, "used": 3}, ...}``; limit -1 is none.
    resources = resource.Body("resources", type=dict)

    def replace(
        self, session: adapter.Adapter, limits: dict[str, int]
    ) -> Self:
        """PUT new limits; those not named stay."""
        request = self._prepare_request()
        response = session.put(
            request.url,
            json={self.resource_key: limits},
            microversion=self._get_microversion(session),
        )
        self._translate_response(response)
        return self
