"""Image policies: what a project, or the cloud, demands of images."""

from typing import Any, Self

from keystoneauth1 import adapter
from openstack import exceptions, resource

from caasclient.sdk import base

#: In place of a project: what the cloud demands of all.
CLOUD = "cloud"


class ImagePolicy(base.Resource):
    resource_key = "image_policy"
    base_path = "/image-policies"

    allow_fetch = True
    allow_delete = True

    project_id = resource.Body("project_id", alternate_id=True)
    #: Images to stand on.
    bases = resource.Body("bases", type=list)
    #: Patterns of repositories sets may use.
    sources = resource.Body("sources", type=list)
    #: MiB, None for no limit; so are the next.
    max_size_mb = resource.Body("max_size_mb", type=int)
    max_layer_mb = resource.Body("max_layer_mb", type=int)
    max_layers = resource.Body("max_layers", type=int)
    #: ``off``, ``warn`` or ``refuse`` by rule.
    rules = resource.Body("rules", type=dict)
    #: Public keys, PEM: one of them has to have signed an image.
    keys = resource.Body("keys", type=list)
    updated_at = resource.Body("updated_at")
    #: What the cloud demands besides, with the same keys.
    cloud = resource.Body("cloud", type=dict)

    def content(self) -> dict[str, Any]:
        """What :meth:`replace` takes."""
        return {
            "bases": self.bases or [],
            "sources": self.sources or [],
            "max_size_mb": self.max_size_mb,
            "max_layer_mb": self.max_layer_mb,
            "max_layers": self.max_layers,
            "rules": self.rules or {},
            "keys": self.keys or [],
        }

    def replace(
        self, session: adapter.Adapter, content: dict[str, Any]
    ) -> Self:
        """PUT another one."""
        request = self._prepare_request()
        response = session.put(
            request.url,
            json={self.resource_key: content},
            microversion=self._get_microversion(session),
        )
        self._translate_response(response)
        return self

    def check(
        self,
        session: adapter.Adapter,
        image: str,
        content: dict[str, Any] | None,
    ) -> dict[str, Any]:
        body: dict[str, Any] = {"image": image}
        if content is not None:
            body["image_policy"] = content
        request = self._prepare_request()
        response = session.post(
            f"{request.url}/check",
            json={"check": body},
            microversion=self._get_microversion(session),
        )
        exceptions.raise_from_response(response)
        checked: dict[str, Any] = response.json()["check"]
        return checked
