"""Pushing blobs: at once, in one stream, or piece by piece."""

import contextlib
from collections.abc import Iterator

import webob

from caas import exception
from caas.api.registry.call import Call
from caas.api.registry.errors import Named
from caas.core import blobs
from caas.model import images


def begin(call: Call) -> webob.Response:
    """``POST``: a new upload, a whole blob, or one of another repository."""
    query = call.request.GET
    if "mount" in query:
        mounted = _mount(call, query["mount"], query.get("from"))
        if mounted is not None:
            return _stored(call, mounted)
    elif "digest" in query:
        _check_digest(query["digest"])
        upload = blobs.begin(call.deps, call.ctx, call.name)
        with _or_nothing(call, upload.id):
            _append(call, upload.id)
            return _stored(
                call,
                blobs.finish(
                    call.deps, call.ctx, call.name, upload.id, query["digest"]
                ),
            )
    algorithm = query.get("digest-algorithm", "sha256")
    if algorithm != "sha256":
        raise Named(
            400,
            "DIGEST_INVALID",
            f"Digests are of sha256 here, not of {algorithm[:30]!r}.",
        )
    return _under_way(
        call, blobs.begin(call.deps, call.ctx, call.name), status=202
    )


def status(call: Call) -> webob.Response:
    """``GET``: how far an upload is."""
    upload = blobs.get_upload(
        call.deps, call.ctx, call.name, call.args["upload_id"]
    )
    return _under_way(call, upload, status=204)


def append(call: Call) -> webob.Response:
    """``PATCH``: the next bytes."""
    upload = _append(call, call.args["upload_id"])
    return _under_way(call, upload, status=202)


def finish(call: Call) -> webob.Response:
    """``PUT``: the last bytes, if there are any left, and the digest."""
    digest = call.request.GET.get("digest", "")
    _check_digest(digest)
    upload_id = call.args["upload_id"]
    if call.body.length != 0:
        _append(call, upload_id)
    return _stored(
        call, blobs.finish(call.deps, call.ctx, call.name, upload_id, digest)
    )


def abort(call: Call) -> webob.Response:
    """``DELETE``: nothing is left of an upload."""
    blobs.abort(call.deps, call.ctx, call.name, call.args["upload_id"])
    return webob.Response(status=204, content_type=None)


def _append(call: Call, upload_id: str) -> images.Upload:
    span = call.body.range()
    return blobs.append(
        call.deps,
        call.ctx,
        call.name,
        upload_id,
        call.body.chunks(),
        offset=None if span is None else span[0],
        length=call.body.length,
    )


@contextlib.contextmanager
def _or_nothing(call: Call, upload_id: str) -> Iterator[None]:
    """An upload in one request is gone with it."""
    try:
        yield
    except Exception:
        with contextlib.suppress(exception.CaasError):
            blobs.abort(call.deps, call.ctx, call.name, upload_id)
        raise


def _mount(call: Call, digest: str, source: str | None) -> images.Blob | None:
    """:returns: None: the client has to upload it."""
    _check_digest(digest)
    if source is None:
        # from wherever in the own namespace it is
        return blobs.mount(call.deps, call.ctx, call.name, digest, call.name)
    try:
        name = images.Name.parse(source)
    except exception.BadRequest:
        return None
    leave = call.leave
    if leave is not None and source not in (
        leave.repository,
        leave.base and leave.base.repository,
    ):
        return None
    return blobs.mount(call.deps, call.ctx, call.name, digest, name)


def _check_digest(text: str) -> None:
    if not images.DIGEST.fullmatch(text):
        raise Named(
            400,
            "DIGEST_INVALID",
            f"{text[:100]!r} is no digest: it has to be 'sha256:' and 64 "
            "hexadecimal digits in lower case.",
        )


def _under_way(
    call: Call, upload: images.Upload, status: int
) -> webob.Response:
    response = webob.Response(status=status, content_type=None)
    response.headers["Location"] = f"/v2/{call.name}/blobs/uploads/{upload.id}"
    response.headers["Docker-Upload-UUID"] = upload.id
    # of an upload without a byte, too: there is no word for an empty range
    response.headers["Range"] = f"0-{max(0, upload.size - 1)}"
    if status == 202:
        response.content_length = 0
    return response


def _stored(call: Call, blob: images.Blob) -> webob.Response:
    digest = blob.content.digest
    response = webob.Response(status=201, content_type=None)
    response.headers["Location"] = f"/v2/{call.name}/blobs/{digest}"
    response.headers["Docker-Content-Digest"] = digest
    response.content_length = 0
    return response
