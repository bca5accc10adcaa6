"""The part of ``conn.caas`` about images and their namespaces."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from openstack import exceptions, proxy

from caasclient.sdk import base
from caasclient.sdk.images import Image, ImageUse, Namespace, Retention


class Images(proxy.Proxy):
    """Where a method takes an image, it takes the object, its id, its name
    (``:latest`` if it has no tag), ``NAMESPACE/REPOSITORY@DIGEST`` or a
    digest; for a namespace the object, its name or its id."""

    def images(self, **query: Any) -> Iterator[Image]:
        """List the images you may pull, the latest first.

        :param query: such as ``namespace``, ``repository``, ``tag``,
            ``digest``, ``name`` (what it begins with) or ``deleted=True`` for
            the recycle bin.
        """
        return self._list(Image, **query)

    def get_image(
        self, value: str | Image, platform: str | None = None
    ) -> Image:
        """With all there is to know of it.

        :param platform: of an index: which image in it, as ``linux/arm64``.
        """
        query: dict[str, Any] = {}
        if platform is not None:
            query["platform"] = platform
        return self._image(value).fetch(self, **query)

    def image_history(
        self, value: str | Image, platform: str | None = None
    ) -> list[dict[str, Any]]:
        """How it was built: the lines of its Dockerfile, the oldest first."""
        query = {} if platform is None else {"platform": platform}
        found: list[dict[str, Any]] = self._image(value).ask(
            self, "history", **query
        )["history"]
        return found

    def image_tree(
        self, value: str | Image, platform: str | None = None, limit: int = 100
    ) -> dict[str, Any]:
        """Images it stands on (``parents``), of the ``same`` layers, and that
        stand on it (``children``, so many at the most; ``more`` if there
        are)."""
        query: dict[str, Any] = {"limit": limit}
        if platform is not None:
            query["platform"] = platform
        tree: dict[str, Any] = self._image(value).ask(self, "tree", **query)
        found: dict[str, Any] = tree["tree"]
        return found

    def image_usage(
        self, value: str | Image, **query: Any
    ) -> Iterator[ImageUse]:
        """List the containers of your sets that are made from it."""
        path = f"{Image.base_path}/{self._image(value).id}/usage"
        return self._list(ImageUse, base_path=path, **query)

    def image_space(
        self, by: str = "namespace", **query: Any
    ) -> dict[str, Any]:
        """What images take of the storage, shared layers counted once.

        :param by: ``namespace``, ``repository`` or ``image``.
        :param query: ``namespace``, ``repository``, ``limit``, ``project_id``.
        """
        answer = self.get(
            f"{Image.base_path}/space",
            params={"by": by, **query},
            microversion=Image._get_microversion(self),
        )
        exceptions.raise_from_response(answer)
        found: dict[str, Any] = answer.json()["space"]
        return found

    def tag_image(self, value: str | Image, name: str) -> Image:
        """Give it one more name, ``NAMESPACE/REPOSITORY:TAG``.

        :returns: the image of that name.
        """
        return self._image(value).give_name(self, name)

    def delete_image(
        self,
        value: str | Image,
        ignore_missing: bool = True,
        *,
        purge: bool = False,
    ) -> None:
        """Move it to the recycle bin.

        :param purge: delete it for good.
        """
        try:
            if purge:
                self._image(value).purge(self)
            else:
                self._delete(Image, self._image(value), ignore_missing=False)
        except exceptions.NotFoundException:
            if not ignore_missing:
                raise

    def restore_image(
        self, value: str | Image, tag: str | None = None
    ) -> Image:
        """Take it out of the recycle bin.

        :param tag: another one than it had.
        """
        body = {"restore": {} if tag is None else {"tag": tag}}
        return self._image(value).act(self, "restore", body)

    def _image(self, value: str | Image) -> Image:
        if isinstance(value, str):
            value = full_name(value)
        found: Image = self._get_resource(Image, value)
        return found

    # namespaces

    def namespaces(self, **query: Any) -> Iterator[Namespace]:
        """List the namespaces you may pull from.

        :param query: such as ``project_id``: only those it owns.
        """
        return self._list(Namespace, **query)

    def get_namespace(self, value: str | Namespace) -> Namespace:
        return self._get(Namespace, value)

    def create_namespace(self, **attrs: Any) -> Namespace:
        """Create one of ``name``, and, if wanted, ``description`` and
        ``public``."""
        return self._create(Namespace, **attrs)

    def update_namespace(
        self, value: str | Namespace, **attrs: Any
    ) -> Namespace:
        """Change its ``description``, or whether it is ``public``."""
        return self._update(Namespace, value, **attrs)

    def delete_namespace(
        self, value: str | Namespace, ignore_missing: bool = True
    ) -> None:
        """Delete an empty one."""
        self._delete(Namespace, value, ignore_missing=ignore_missing)

    def namespace_members(
        self, value: str | Namespace
    ) -> list[dict[str, str]]:
        """Dicts with ``project_id`` and ``role``."""
        answer = self._namespace(value).ask(self, "GET", "members")
        found: list[dict[str, str]] = answer["members"]
        return found

    def add_namespace_member(
        self, value: str | Namespace, project: str, role: str
    ) -> None:
        """Let a project (its id) ``pull``, or ``push`` as well."""
        self._namespace(value).ask(
            self, "PUT", f"members/{project}", {"member": {"role": role}}
        )

    def remove_namespace_member(
        self, value: str | Namespace, project: str
    ) -> None:
        self._namespace(value).ask(self, "DELETE", f"members/{project}")

    def get_retention(self, value: str | Namespace) -> Retention:
        answer = self._namespace(value).ask(self, "GET", "retention")
        return Retention.of(answer)

    def update_retention(
        self,
        value: str | Namespace,
        rules: Iterable[Mapping[str, Any]],
        protect: Iterable[str] = (),
    ) -> Retention:
        """Replace the rules of a namespace."""
        body = _retention(rules, protect)
        answer = self._namespace(value).ask(self, "PUT", "retention", body)
        return Retention.of(answer)

    def preview_retention(
        self,
        value: str | Namespace,
        rules: Iterable[Mapping[str, Any]] | None = None,
        protect: Iterable[str] = (),
    ) -> dict[str, Any]:
        """What would be removed now: ``images`` with a ``reason`` each, and
        how many bytes that ``frees``.

        :param rules: to try; None for those there are.
        """
        namespace = self._namespace(value)
        path = "retention/preview"
        if rules is None:
            answer = namespace.ask(self, "GET", path)
        else:
            body = _retention(rules, protect)
            answer = namespace.ask(self, "POST", path, body)
        found: dict[str, Any] = answer["preview"]
        return found

    def _namespace(self, value: str | Namespace) -> Namespace:
        found: Namespace = self._get_resource(Namespace, value)
        return found


def _retention(
    rules: Iterable[Mapping[str, Any]], protect: Iterable[str]
) -> dict[str, Any]:
    return {
        "retention": {
            "rules": [dict(rule) for rule in rules],
            "protect": list(protect),
        }
    }


def full_name(text: str) -> str:
    """A name with its tag; ids and digests as they are."""
    if base.like_uuid(text) or ":" in text:
        return text
    return f"{text}:latest"
