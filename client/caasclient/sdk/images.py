"""Images, what they are made of, and the namespaces of their names."""

from typing import Any, Self

from keystoneauth1 import adapter
from openstack import exceptions, resource

from caasclient.sdk import base


class Image(base.Resource):
    """``id`` may be given as ``NAMESPACE/REPOSITORY:TAG`` as well."""

    resource_key = "image"
    resources_key = "images"
    base_path = "/images"

    allow_fetch = True
    allow_delete = True
    allow_list = True

    _query_mapping = resource.QueryParameters(
        "all_projects",
        "deleted",
        "digest",
        "name",
        "namespace",
        "project_id",
        "repository",
        "sort_dir",
        "sort_key",
        "tag",
    )

    namespace = resource.Body("namespace")
    #: Without the namespace.
    repository = resource.Body("repository")
    tag = resource.Body("tag")
    digest = resource.Body("digest")
    media_type = resource.Body("media_type")
    artifact_type = resource.Body("artifact_type")
    #: Bytes of its layers as stored.
    size = resource.Body("size", type=int)
    unpacked_size = resource.Body("unpacked_size", type=int)
    layer_count = resource.Body("layer_count", type=int)
    #: Such as ``linux/amd64``; of an index, of all in it.
    platforms = resource.Body("platforms", type=list)
    #: Why no set can be made of it; "" if one can.
    problem = resource.Body("problem")
    #: Of the namespace.
    project_id = resource.Body("project_id")
    public = resource.Body("public", type=bool)
    user_id = resource.Body("user_id")
    created_at = resource.Body("created_at")
    updated_at = resource.Body("updated_at")
    #: Since when it is in the recycle bin.
    deleted_at = resource.Body("deleted_at")

    # what only get_image tells

    #: What an index has in it.
    parts = resource.Body("parts", type=list)
    #: What ``config`` and ``layers`` are of.
    platform = resource.Body("platform")
    built_at = resource.Body("built_at")
    author = resource.Body("author")
    annotations = resource.Body("annotations", type=dict)
    config = resource.Body("config", type=dict)
    #: From the bottom.
    layers = resource.Body("layers", type=list)
    warnings = resource.Body("warnings", type=list)

    def ask(self, session: adapter.Adapter, verb: str, **query: Any) -> Any:
        """GET what is below it."""
        answer = self._send(session, "GET", verb, params=query)
        exceptions.raise_from_response(answer)
        return answer.json()

    def give_name(self, session: adapter.Adapter, name: str) -> "Image":
        """:returns: the image of this name."""
        answer = self._send(
            session, "POST", "tag", json={"tag": {"name": name}}
        )
        exceptions.raise_from_response(answer)
        return type(self).existing(**answer.json()[self.resource_key])

    def purge(self, session: adapter.Adapter) -> None:
        """Delete it for good."""
        answer = session.delete(
            self._prepare_request().url,
            params={"purge": "true"},
            microversion=self._get_microversion(session),
        )
        exceptions.raise_from_response(answer)


class ImageUse(base.Resource):
    """A container that is made from an image."""

    resources_key = "usage"

    allow_list = True

    _query_mapping = resource.QueryParameters("all_projects")

    set_id = resource.Body("set_id")
    set_name = resource.Body("set_name")
    container_id = resource.Body("container_id")
    container = resource.Body("container")
    status = resource.Body("status")
    #: What it was called when the container was made.
    image = resource.Body("image")
    project_id = resource.Body("project_id")
    created_at = resource.Body("created_at")


class Namespace(base.Resource):
    """``id`` may be given as its name as well."""

    resource_key = "namespace"
    resources_key = "namespaces"
    base_path = "/namespaces"

    allow_create = True
    allow_fetch = True
    allow_commit = True
    allow_delete = True
    allow_list = True
    commit_method = "PATCH"

    _query_mapping = resource.QueryParameters(
        "all_projects", "name", "project_id", "public", "sort_dir", "sort_key"
    )

    description = resource.Body("description")
    #: Everybody with an account may pull.
    public = resource.Body("public", type=bool)
    #: The owner.
    project_id = resource.Body("project_id")
    created_at = resource.Body("created_at")

    def ask(
        self,
        session: adapter.Adapter,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
    ) -> Any:
        """:param path: below it.
        :returns: the JSON of the answer, None without.
        """
        answer = self._send(session, method, path, json=body)
        exceptions.raise_from_response(answer)
        return answer.json() if answer.content else None


class Retention(resource.Resource):
    """Which images of a namespace are removed by themselves."""

    namespace = resource.Body("namespace")
    #: Dicts with ``repository``, ``tag``, ``keep_last``,
    #: ``older_than_days`` and ``keep_tags``.
    rules = resource.Body("rules", type=list)
    #: Patterns of ``repository:tag`` that no rule is about.
    protect = resource.Body("protect", type=list)
    updated_at = resource.Body("updated_at")

    @classmethod
    def of(cls, answer: dict[str, Any]) -> Self:
        return cls.existing(**answer["retention"])
