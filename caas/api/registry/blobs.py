"""Pulling blobs, and taking them out of a namespace."""

import hashlib
import re
from collections.abc import Iterator

import webob

from caas.api.errors import RangeNotSatisfiable
from caas.api.registry.call import Call
from caas.core import blobs, manifests
from caas.model import images

#: RFC 9110, 14.1.2, but for several ranges at once, which are not given.
_RANGE = re.compile(r"bytes=(?P<first>\d{0,18})-(?P<last>\d{0,18})", re.I)


class _CorruptError(Exception):
    """What is stored is not what was: the answer must not look complete."""


def head(call: Call) -> webob.Response:
    """``HEAD``: whether it is there; who pushes relies on the answer."""
    blob = _find(call, touch=True)
    response = _response(blob)
    response.content_length = blob.content.size
    return response


def get(call: Call) -> webob.Response:
    """``GET``: all of it, or a range."""
    blob = _find(call, touch=False)
    size = blob.content.size
    response = _response(blob)
    if blob.content.digest in call.request.if_none_match:
        response.status = 304
        return response
    span = _span(call.request.headers.get("Range", ""), size)
    if span is None:
        content = blobs.open_(call.deps, blob, None, None)
        response.app_iter = _verified(blob, content.chunks)
        response.content_length = size
        return response
    start, stop = span
    if start >= stop:
        raise RangeNotSatisfiable(
            f"The blob has {size} bytes; there are none in the range.", size
        )
    content = blobs.open_(call.deps, blob, start, stop - 1)
    response.status = 206
    response.app_iter = content.chunks
    response.headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
    response.content_length = stop - start
    return response


def delete(call: Call) -> webob.Response:
    blobs.delete(call.deps, call.ctx, call.name, call.args["digest"])
    return webob.Response(status=202, content_type=None, content_length=0)


def _span(text: str, size: int) -> tuple[int, int] | None:
    """First byte, and the one after the last.

    :returns: None: there is no range, or none that is known.
    """
    match = _RANGE.fullmatch(text.replace(" ", ""))
    if match is None or match["first"] == match["last"] == "":
        return None
    if not match["first"]:
        return max(0, size - int(match["last"])), size
    last = int(match["last"]) if match["last"] else size - 1
    return int(match["first"]), min(last + 1, size)


def _find(call: Call, *, touch: bool) -> images.Blob:
    digest = call.args["digest"]
    if call.leave is not None and not call.leave.push:
        return manifests.blob_for_host(
            call.deps, call.name, call.leave.digest, digest
        )
    return blobs.find(call.deps, call.ctx, call.name, digest, touch=touch)


def _response(blob: images.Blob) -> webob.Response:
    response = webob.Response(
        status=200, content_type="application/octet-stream"
    )
    response.headers["Docker-Content-Digest"] = blob.content.digest
    response.headers["Accept-Ranges"] = "bytes"
    response.headers["ETag"] = f'"{blob.content.digest}"'
    # it never changes, but who may see it does
    response.headers["Cache-Control"] = "private, max-age=31536000"
    return response


def _verified(blob: images.Blob, chunks: Iterator[bytes]) -> Iterator[bytes]:
    """The last piece goes out when all is known to be right."""
    digest = hashlib.sha256()
    held = b""
    for chunk in chunks:
        if held:
            yield held
        digest.update(chunk)
        held = chunk
    if f"sha256:{digest.hexdigest()}" != blob.content.digest:
        raise _CorruptError(
            f"The bytes of record {blob.id} in Glance are not those of "
            f"{blob.content.digest}."
        )
    if held:
        yield held
