"""Glance: which image is meant, and the bytes of one.

The plain HTTP API over a keystoneauth session: python-glanceclient asks for
the schema of images with every new client, which here is every request.
"""

import dataclasses
import re
import uuid
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from keystoneauth1 import exceptions as ksa
from keystoneauth1.access.service_catalog import ServiceCatalogV2
from keystoneauth1.session import Session
from oslo_serialization import jsonutils

from caas import exception
from caas.context import RequestContext
from caas.model.spec import ImageRef

#: How Docker archives are marked in Glance.
CONTAINER_FORMAT = "docker"

#: Bytes read from Glance at a time.
CHUNK = 1 << 20

_DIGEST = re.compile(r"(?P<algorithm>[a-z0-9]+):(?P<value>[0-9a-f]{40,128})")


@dataclasses.dataclass(frozen=True)
class Content:
    """The bytes of an image.

    :ivar size: how many, None when Glance does not say.
    """

    size: int | None
    chunks: Iterator[bytes]


class Images:
    """The images of one Glance.

    :param session: used for all calls; its ``auth`` is the service user.
    :param region: None for any.
    :param interfaces: of the catalog, the best first.
    :param endpoint: URL to use instead of the catalog's.
    """

    def __init__(
        self,
        session: Session,
        *,
        region: str | None = None,
        interfaces: Sequence[str] = ("internal", "public"),
        endpoint: str | None = None,
    ) -> None:
        self._session = session
        self._region = region
        self._interfaces = list(interfaces)
        self._endpoint = endpoint

    def resolve(
        self, ctx: RequestContext, refs: Collection[str]
    ) -> dict[str, ImageRef]:
        """Find images as the user of ``ctx`` sees them.

        :param refs: Glance ids, ``name:tag``, names (``:latest``), digests.
        :raises BadRequest: one is unknown, ambiguous or not usable.
        :raises Unavailable: Glance does not answer.
        """
        base = self._user_endpoint(ctx)
        return {
            ref: _usable(ref, self._find(base, ctx, ref))
            for ref in sorted(refs)
        }

    def open(self, image_id: str) -> Content:
        """Read an image, as the service user.

        :raises NotFound: it is not there, or has no bytes.
        :raises Unavailable: Glance does not answer.
        """
        response = self._get(
            f"{self._service_endpoint()}/v2/images/{uuid.UUID(image_id)}/file",
            authenticated=True,
            stream=True,
            headers={"Accept-Encoding": "identity"},
        )
        if response.status_code != 200:
            response.close()
            raise exception.NotFound(f"Image {image_id} has no content.")
        size = response.headers.get("Content-Length")
        return Content(int(size) if size else None, _chunks(response))

    def _find(
        self, base: str, ctx: RequestContext, ref: str
    ) -> dict[str, Any]:
        """By id, else by digest or name, whichever the reference looks like.

        :returns: the one image meant.
        """
        try:
            image_id = uuid.UUID(ref)
        except ValueError:
            pass
        else:
            found = self._user_get(ctx, f"{base}/v2/images/{image_id}")
            if found is not None:
                return found
        digest = _DIGEST.fullmatch(ref)
        if digest:
            what = {"os_hash_value": digest["value"]}
            want = {"os_hash_algo": digest["algorithm"], **what}
        else:
            want = {"name": _tagged(ref)}
            # Glance takes what stands before a colon for an operator.
            what = {"name": f"eq:{want['name']}"}
        answer = self._user_get(ctx, f"{base}/v2/images", what) or {}
        images = [
            image
            for image in answer.get("images", ())
            if all(image.get(key) == value for key, value in want.items())
        ]
        if not images:
            raise exception.BadRequest(
                f"There is no image {ref!r} that you can see in Glance."
            )
        if digest:
            # whichever can be used: their bytes are the same
            images.sort(key=_preference)
            images = images[:1]
        if len(images) > 1:
            ids = ", ".join(sorted(image["id"] for image in images))
            raise exception.BadRequest(
                f"More than one image is {ref!r}; name one by its id: {ids}."
            )
        image: dict[str, Any] = images[0]
        return image

    def _user_get(
        self,
        ctx: RequestContext,
        url: str,
        params: dict[str, str] | None = None,
    ) -> dict[str, Any] | None:
        """:returns: the JSON of the answer, None for 404."""
        response = self._get(
            url,
            params=params,
            authenticated=False,
            headers={
                "X-Auth-Token": ctx.auth_token or "",
                "X-OpenStack-Request-ID": ctx.global_id,
                "Accept": "application/json",
            },
        )
        if response.status_code != 200:
            return None
        found: dict[str, Any] = jsonutils.loads(response.content)
        return found

    def _get(self, url: str, **how: Any) -> Any:
        """GET, again at once on another connection if one was closed.

        :returns: an answer of 200, 204, 403 or 404.
        """
        try:
            response = self._session.get(
                url,
                raise_exc=False,
                connect_retries=2,
                connect_retry_delay=0.05,
                **how,
            )
        except ksa.ClientException as error:
            raise exception.Unavailable(
                "The image service (Glance) does not answer; try again."
            ) from error
        if response.status_code not in (200, 204, 403, 404):
            raise exception.Unavailable(
                "The image service (Glance) answers with status "
                f"{response.status_code}; try again."
            )
        return response

    def _user_endpoint(self, ctx: RequestContext) -> str:
        if self._endpoint or not ctx.service_catalog:
            return self._service_endpoint()
        catalog = ServiceCatalogV2(ctx.service_catalog)
        try:
            url = catalog.url_for(
                service_type="image",
                interface=self._interfaces,
                region_name=self._region,
            )
        except ksa.CatalogException:
            return self._service_endpoint()
        return _without_version(str(url))

    def _service_endpoint(self) -> str:
        """As the service user finds it."""
        if self._endpoint:
            return _without_version(self._endpoint)
        try:
            url = self._session.get_endpoint(
                service_type="image",
                interface=self._interfaces,
                region_name=self._region,
                skip_discovery=True,
            )
        except ksa.ClientException as error:
            raise exception.Unavailable(
                "Keystone does not answer; try again."
            ) from error
        if not url:
            raise exception.Unavailable(
                "The catalog of Keystone has no image service."
            )
        return _without_version(url)


def _chunks(response: Any) -> Iterator[bytes]:
    with response:
        yield from response.iter_content(CHUNK)


def _without_version(url: str) -> str:
    return re.sub(r"/v2(\.\d+)?$", "", url.rstrip("/"))


def _tagged(ref: str) -> str:
    """A name with its tag; ``latest`` if none is given.

    A colon before a slash belongs to a host and its port.
    """
    return ref if ":" in ref.rsplit("/", 1)[-1] else f"{ref}:latest"


def _preference(image: dict[str, Any]) -> tuple[bool, bool, str, str]:
    """Sorts what can be used first, then what is there longest."""
    return (
        image.get("container_format") != CONTAINER_FORMAT,
        image.get("status") != "active",
        image.get("created_at") or "",
        image["id"],
    )


def _usable(ref: str, image: dict[str, Any]) -> ImageRef:
    """:raises BadRequest: sets cannot be made from this image."""
    if image.get("container_format") != CONTAINER_FORMAT:
        raise exception.BadRequest(
            f"Image {ref!r} ({image['id']}) is not a Docker image: its "
            f"container_format is {image.get('container_format')}, not "
            f"{CONTAINER_FORMAT}."
        )
    if image.get("status") != "active":
        raise exception.BadRequest(
            f"Image {ref!r} ({image['id']}) is {image.get('status')}; only "
            "an active one can be used."
        )
    if not image.get("os_hash_algo") or not image.get("os_hash_value"):
        raise exception.BadRequest(
            f"Image {ref!r} ({image['id']}) has no digest in Glance; upload "
            "it again."
        )
    return ImageRef(
        ref=ref,
        id=image["id"],
        digest=f"{image['os_hash_algo']}:{image['os_hash_value']}",
        name=image.get("name") or "",
        size=image.get("size") or 0,
    )
