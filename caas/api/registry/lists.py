"""What there is: tags, repositories, and what refers to a manifest."""

import json
import urllib.parse
from typing import Any

import webob

from caas import exception
from caas.api.registry.call import Call
from caas.core import manifests
from caas.model import images

_INDEX = "application/vnd.oci.image.index.v1+json"


def tags(call: Call) -> webob.Response:
    """``GET /v2/{name}/tags/list``."""
    last, limit = _page(call)
    found = manifests.list_tags(
        call.deps, call.ctx, call.name, last=last, limit=limit + 1
    )
    return _listed(call, {"name": str(call.name)}, "tags", found, limit)


def repositories(call: Call) -> webob.Response:
    """``GET /v2/_catalog``: those the caller may pull from."""
    last, limit = _page(call)
    found = manifests.repositories(
        call.deps, call.ctx, last=last, limit=limit + 1
    )
    return _listed(call, {}, "repositories", found, limit)


def referrers(call: Call) -> webob.Response:
    """``GET /v2/{name}/referrers/{digest}``."""
    digest = call.args["digest"]
    if not images.DIGEST.fullmatch(digest):
        raise exception.BadRequest(
            f"{digest[:150]!r} is no digest: it has to be 'sha256:' and 64 "
            "hexadecimal digits in lower case."
        )
    kind = call.request.GET.get("artifactType")
    try:
        found = manifests.referrers(
            call.deps, call.ctx, call.name, digest, kind or ""
        )
    except exception.NameUnknown:
        # by the specification a 404 says that there is no such API
        found = []
    index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": found}
    response = _json(index)
    response.headers["Content-Type"] = _INDEX
    if kind is not None:
        response.headers["OCI-Filters-Applied"] = "artifactType"
    return response


def _page(call: Call) -> tuple[str, int]:
    """After which name, and how many.

    :raises BadRequest: ``n`` is no number.
    """
    query = call.request.GET
    most = call.settings.page_size
    text = query.get("n", str(most))
    if not text.isascii() or not text.isdigit():
        raise exception.BadRequest(
            f"n is {text[:30]!r}; it has to be a number, not below 0."
        )
    # longer numbers are beyond every page
    wanted = int(text) if len(text) < 10 else most
    return query.get("last", ""), min(wanted, most)


def _listed(
    call: Call, about: dict[str, Any], key: str, found: list[str], limit: int
) -> webob.Response:
    """:param found: one more than wanted, if there are more."""
    shown = found[:limit]
    response = _json({**about, key: shown})
    if shown and len(found) > limit:
        query = urllib.parse.urlencode({"last": shown[-1], "n": limit})
        path = urllib.parse.quote(call.request.path_info)
        response.headers["Link"] = f'<{path}?{query}>; rel="next"'
    return response


def _json(value: Any) -> webob.Response:
    return webob.Response(
        content_type="application/json",
        charset="UTF-8",
        body=json.dumps(value).encode(),
    )
