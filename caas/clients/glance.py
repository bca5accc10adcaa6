"""Glance: which images somebody sees there.

The plain HTTP API over a keystoneauth session: python-glanceclient asks for
the schema of images with every new client, which here is every request.
"""

import re
import time
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import requests
from keystoneauth1 import exceptions as ksa
from keystoneauth1.access.service_catalog import ServiceCatalogV2
from keystoneauth1.session import Session
from oslo_serialization import jsonutils

from caas import exception
from caas.context import RequestContext
from caas.memo import Memo
from caas.model.images import CONTAINER_FORMAT

#: Seconds for which it is remembered which images a user sees, and how many
#: such answers at most.
TTL = 60.0
#: And what users have just changed: long enough for a burst of servers.
TTL_RECORD = 5.0
KEPT = 10_000


class Service:
    """Where Glance is, and how it is asked.

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

    def url(self) -> str:
        """As the service user finds it.

        :raises Unavailable: it cannot be found now.
        """
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

    def ask(
        self, method: str, url: str, want: Collection[int], **how: Any
    ) -> requests.Response:
        """A request, again at once on another connection if one was closed.

        :param want: statuses of answers that are returned.
        :raises Unavailable: there is no answer, or another one.
        """
        try:
            answer: requests.Response = self._session.request(
                url,
                method,
                raise_exc=False,
                connect_retries=2,
                connect_retry_delay=0.05,
                **how,
            )
        except ksa.ClientException as error:
            raise silent() from error
        if answer.status_code not in want:
            answer.close()
            raise strange(answer)
        return answer


def silent() -> exception.Unavailable:
    return exception.Unavailable(
        "The image service (Glance) does not answer; try again."
    )


def strange(answer: requests.Response) -> exception.Unavailable:
    return exception.Unavailable(
        "The image service (Glance) answers with status "
        f"{answer.status_code}; try again."
    )


class Images(Service):
    """The images of one Glance, as users see them; see :class:`Service`."""

    def __init__(
        self,
        session: Session,
        *,
        clock: Callable[[], float] = time.monotonic,
        **where: Any,
    ) -> None:
        super().__init__(session, **where)
        self._public: Memo[None, frozenset[str]] = Memo(TTL, 1, clock)
        self._visible: Memo[Any, frozenset[str]] = Memo(TTL, KEPT, clock)
        self._properties: Memo[Any, dict[str, Any]] = Memo(
            TTL_RECORD, KEPT, clock
        )

    def visible(
        self, ctx: RequestContext, image_ids: Collection[str]
    ) -> set[str]:
        """Those of these images that Glance shows to the user of ``ctx``.

        Answers are remembered for a while.

        :raises Unavailable: Glance does not answer.
        """
        wanted = frozenset(image_ids)
        key = (ctx.user_id, ctx.project_id, wanted)
        return set(self._visible.get(key, lambda: self._ask_for(ctx, wanted)))

    def _ask_for(
        self, ctx: RequestContext, image_ids: frozenset[str]
    ) -> frozenset[str]:
        # one whose record is in no list is not shown
        answer = self._user_get(
            ctx,
            "/v2/images",
            {
                "id": f"in:{','.join(sorted(image_ids))}",
                "limit": "1000",
                # as if each were asked for by itself
                "visibility": "all",
                "member_status": "all",
            },
        )
        return frozenset(
            image["id"]
            for image in (answer or {}).get("images", ())
            if image["status"] == "active"
        )

    def public(self) -> set[str]:
        """Ids of images that everybody sees: some, if there are very many.

        Answers are remembered for a while.

        :raises Unavailable: Glance does not answer.
        """
        return set(self._public.get(None, self._ask_for_public))

    def _ask_for_public(self) -> frozenset[str]:
        answer = self.ask(
            "GET",
            f"{self.url()}/v2/images",
            (200,),
            authenticated=True,
            params={
                "visibility": "public",
                "container_format": CONTAINER_FORMAT,
                "limit": "1000",
            },
        )
        return frozenset(image["id"] for image in answer.json()["images"])

    def record(
        self, ctx: RequestContext, image_id: str
    ) -> dict[str, Any] | None:
        """The record of an image, None if the user of ``ctx`` does not see it.

        :raises Unavailable: Glance does not answer.
        """
        return self._user_get(ctx, f"/v2/images/{uuid.UUID(image_id)}")

    def properties(self, ctx: RequestContext, image_id: str) -> dict[str, Any]:
        """What the record of an image says; nothing if the user of ``ctx``
        does not see it.

        Answers are remembered for a moment.

        :raises Unavailable: Glance does not answer.
        """
        key = (ctx.user_id, ctx.project_id, image_id)
        return self._properties.get(
            key, lambda: self.record(ctx, image_id) or {}
        )

    def named(self, ctx: RequestContext, name: str) -> list[dict[str, Any]]:
        """Records of exactly this name that the user of ``ctx`` sees.

        :raises Unavailable: Glance does not answer.
        """
        answer = self._user_get(
            ctx,
            "/v2/images",
            # Glance takes what stands before a colon for an operator.
            {"name": f"eq:{name}"},
        )
        return [
            image
            for image in (answer or {}).get("images", ())
            # databases differ in what they take for equal
            if image.get("name") == name
        ]

    def page(
        self, ctx: RequestContext, query: Mapping[str, str]
    ) -> list[dict[str, Any]]:
        """Records that the user of ``ctx`` sees.

        :param query: as Glance has it, such as ``limit`` and ``marker``.
        :raises BadRequest: Glance takes no such question.
        :raises Unavailable: Glance does not answer.
        """
        answer = self._user_ask(
            ctx, "GET", "/v2/images", (200, 400, 403, 404), params=dict(query)
        )
        if answer.status_code != 200:
            raise exception.BadRequest(
                "The image service (Glance) does not take such a question: "
                f"{answer.reason}."
            )
        found: list[dict[str, Any]] = jsonutils.loads(answer.content)["images"]
        return found

    def change(
        self,
        ctx: RequestContext,
        image_id: str,
        changes: Sequence[Mapping[str, Any]],
    ) -> None:
        """Change a record as the user of ``ctx``.

        :param changes: a JSON patch.
        :raises NotFound: the user does not see it.
        :raises Forbidden: the user may not.
        :raises BadRequest: Glance takes no such values.
        :raises Unavailable: Glance does not answer.
        """
        answer = self._user_ask(
            ctx,
            "PATCH",
            f"/v2/images/{uuid.UUID(image_id)}",
            (200, 400, 403, 404, 409),
            data=jsonutils.dump_as_bytes(list(changes)),
            headers={"Content-Type": _PATCH},
        )
        _check(answer)

    def remove(self, ctx: RequestContext, image_id: str) -> None:
        """Delete a record, with its bytes, as the user of ``ctx``.

        :raises CaasError: as :meth:`change`.
        :raises Conflict: it is in use.
        """
        answer = self._user_ask(
            ctx,
            "DELETE",
            f"/v2/images/{uuid.UUID(image_id)}",
            (204, 403, 404, 409),
        )
        _check(answer)

    def _user_ask(
        self,
        ctx: RequestContext,
        method: str,
        path: str,
        want: Collection[int],
        *,
        headers: Mapping[str, str] | None = None,
        **how: Any,
    ) -> requests.Response:
        return self.ask(
            method,
            self._user_url(ctx) + path,
            want,
            authenticated=False,
            headers={
                "X-Auth-Token": ctx.auth_token or "",
                "X-OpenStack-Request-ID": ctx.global_id,
                "Accept": "application/json",
                **(headers or {}),
            },
            **how,
        )

    def _user_get(
        self,
        ctx: RequestContext,
        path: str,
        params: dict[str, str] | None = None,
    ) -> dict[str, Any] | None:
        """:returns: the JSON of the answer, None for what is not shown."""
        answer = self._user_ask(
            ctx, "GET", path, (200, 204, 403, 404), params=params
        )
        if answer.status_code != 200:
            return None
        found: dict[str, Any] = jsonutils.loads(answer.content)
        return found

    def _user_url(self, ctx: RequestContext) -> str:
        if self._endpoint or not ctx.service_catalog:
            return self.url()
        catalog = ServiceCatalogV2(ctx.service_catalog)
        try:
            url = catalog.url_for(
                service_type="image",
                interface=self._interfaces,
                region_name=self._region,
            )
        except ksa.CatalogException:
            return self.url()
        return _without_version(str(url))


_PATCH = "application/openstack-images-v2.1-json-patch"

_ERRORS: dict[int, type[exception.CaasError]] = {
    400: exception.BadRequest,
    403: exception.Forbidden,
    404: exception.NotFound,
    409: exception.Conflict,
}


def _check(answer: requests.Response) -> None:
    error = _ERRORS.get(answer.status_code)
    if error is not None:
        raise error(
            "The image service (Glance) refuses that with status "
            f"{answer.status_code}."
        )


def _without_version(url: str) -> str:
    return re.sub(r"/v2(\.\d+)?$", "", url.rstrip("/"))
