"""Manifests: pulling and pushing images, by tag and by digest."""

import webob

from caas import exception
from caas.api.registry.call import Call
from caas.api.registry.errors import Named
from caas.core import manifests
from caas.model import images

#: Tags that can be given with a manifest pushed by digest.
_MOST_TAGS = 100
#: Of an answer.
_MOST_WARNINGS = 20


def get(call: Call) -> webob.Response:
    """``GET``, ``HEAD``."""
    reference = _reference(call)
    if call.leave is not None:
        found = manifests.get_for_host(
            call.deps, call.name, call.leave.digest, reference
        )
    else:
        found = manifests.get(call.deps, call.ctx, call.name, reference)
    response = webob.Response(status=200, content_type=None, body=found.body)
    # as pushed, which may have no charset
    response.headers["Content-Type"] = found.media_type
    response.headers["Docker-Content-Digest"] = found.digest
    response.headers["ETag"] = f'"{found.digest}"'
    response.headers["Cache-Control"] = "private, no-cache"
    if found.digest in call.request.if_none_match:
        response.status = 304
        response.body = b""
    return response


def put(call: Call) -> webob.Response:
    """``PUT``: by tag, or by digest with any number of tags."""
    reference = _reference(call)
    tags = call.request.GET.getall("tag")
    if call.leave is not None and any(
        tag != call.leave.tag for tag in (*tags, reference) if ":" not in tag
    ):
        raise exception.Forbidden(
            f"The token of this host is for the tag {call.leave.tag!r} only."
        )
    if len(tags) > _MOST_TAGS:
        raise Named(
            414,
            "TAG_INVALID",
            f"A manifest is pushed with {_MOST_TAGS} tags at most.",
        )
    for tag in tags:
        _check_tag(tag)
    limit = call.settings.max_manifest
    body = call.body.whole(limit, "A manifest")
    media_type = call.request.content_type
    warnings: list[str] = []
    job_id = call.leave.job if call.leave is not None else ""
    for each in (reference, *tags):
        found = manifests.put(
            call.deps,
            call.ctx,
            call.name,
            each,
            media_type,
            body,
            warnings.append,
            job_id=job_id,
        )
    response = webob.Response(status=201, content_type=None, content_length=0)
    response.headers["Location"] = f"/v2/{call.name}/manifests/{reference}"
    response.headers["Docker-Content-Digest"] = found.digest
    if found.subject:
        response.headers["OCI-Subject"] = found.subject
    for warning in list(dict.fromkeys(warnings))[:_MOST_WARNINGS]:
        # as the distribution specification has them
        text = warning.encode("ascii", "replace").decode()
        text = text.replace("\\", "\\\\").replace('"', '\\"')
        response.headers.add("Warning", f'299 - "{text}"')
    if tags:
        response.headers["OCI-Tag"] = ", ".join(tags)
    return response


def delete(call: Call) -> webob.Response:
    manifests.delete(call.deps, call.ctx, call.name, _reference(call))
    return webob.Response(status=202, content_type=None, content_length=0)


def _reference(call: Call) -> str:
    reference = call.args["reference"]
    if ":" not in reference:
        _check_tag(reference)
    elif not images.DIGEST.fullmatch(reference):
        raise Named(
            400,
            "DIGEST_INVALID",
            f"{reference[:150]!r} is no digest: it has to be 'sha256:' and "
            "64 hexadecimal digits in lower case.",
        )
    return reference


def _check_tag(text: str) -> None:
    if not images.TAG.fullmatch(text):
        raise Named(
            400,
            "TAG_INVALID",
            f"{text[:150]!r} is no tag: it may have 128 letters, digits, "
            "'_', '.' and '-' at most, and begins with none of the last two.",
        )
