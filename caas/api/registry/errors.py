"""Errors in the form of the distribution specification.

::

    {"errors": [{"code": "MANIFEST_UNKNOWN", "message": "There is no ...",
                 "detail": {"request_id": "req-..."}}]}

Clients print the message, so it is a sentence here as well.
"""

import json
import logging
from collections.abc import Mapping
from typing import Any
from wsgiref.types import WSGIEnvironment

import webob

from caas import exception
from caas.api import errors

LOG = logging.getLogger(__name__)

#: What a status is called where the route knows no better name.
_CODES = {
    400: "UNSUPPORTED",
    401: "UNAUTHORIZED",
    403: "DENIED",
    404: "NAME_UNKNOWN",
    405: "UNSUPPORTED",
    409: "UNSUPPORTED",
    411: "SIZE_INVALID",
    413: "SIZE_INVALID",
    415: "UNSUPPORTED",
    416: "BLOB_UPLOAD_INVALID",
    429: "TOOMANYREQUESTS",
    500: "UNKNOWN",
    503: "UNAVAILABLE",
}


#: What the use cases raise.
_NAMES: Mapping[type[exception.CaasError], str] = {
    exception.BlobUnknown: "BLOB_UNKNOWN",
    exception.DigestInvalid: "DIGEST_INVALID",
    exception.ManifestBlobUnknown: "MANIFEST_BLOB_UNKNOWN",
    exception.ManifestInvalid: "MANIFEST_INVALID",
    exception.ManifestUnknown: "MANIFEST_UNKNOWN",
    exception.NameUnknown: "NAME_UNKNOWN",
    exception.SizeInvalid: "SIZE_INVALID",
    exception.UploadUnknown: "BLOB_UPLOAD_UNKNOWN",
}


class Named(exception.CaasError):
    """With the code that the specification has for it.

    :ivar name: of the specification's list of codes.
    """

    def __init__(self, code: int, name: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.name = name


class Challenge(exception.CaasError):
    """401 that tells where a token is to be had.

    :ivar scope: what it has to be for; "" for just any.
    :ivar error: as of RFC 6750; "" if there was no token.
    """

    code = 401

    def __init__(self, message: str, scope: str = "", error: str = "") -> None:
        super().__init__(message)
        self.scope = scope
        self.error = error


def response_of(
    environ: WSGIEnvironment,
    error: Exception,
    names: Mapping[int, str],
    realm: str,
) -> webob.Response:
    """:param names: codes of the specification by status, of the route.
    :param realm: URL of the token endpoint.
    """
    where = f"{environ['REQUEST_METHOD']} {environ.get('PATH_INFO')}"
    request_id = environ.get("openstack.request_id", "")
    headers: dict[str, str] = {}
    if isinstance(error, exception.CaasError) and error.code != 500:
        code, message = error.code, error.message
        if code > 500:
            LOG.error("%s failed: %s", where, message)
    else:
        LOG.error("%s failed", where, exc_info=error)
        code = 500
        message = (
            "Something went wrong inside the service. Tell the operators of "
            f"this cloud the request id {request_id}."
        )
    if isinstance(error, errors.HttpError):
        headers.update(error.headers)
    if isinstance(error, Challenge):
        headers["WWW-Authenticate"] = _challenge(error, realm)
    elif code == 401:
        headers["WWW-Authenticate"] = f'Basic realm="{realm}"'
    if isinstance(error, exception.RangeInvalid):
        headers["Range"] = f"0-{max(0, error.size - 1)}"
    if isinstance(error, exception.TooManyRequests):
        headers["Retry-After"] = str(max(1, round(error.seconds)))
    if code == 503:
        headers["Retry-After"] = "5"
    name = error.name if isinstance(error, Named) else _name(error)
    body: dict[str, Any] = {
        "code": name or names.get(code) or _CODES.get(code, "UNSUPPORTED"),
        "message": message,
        "detail": {"request_id": request_id},
    }
    response = webob.Response(
        status=code,
        content_type="application/json",
        charset="UTF-8",
        body=json.dumps({"errors": [body]}).encode(),
    )
    response.headers.update(headers)
    return response


def _name(error: Exception) -> str | None:
    return next(
        (name for kind, name in _NAMES.items() if isinstance(error, kind)),
        None,
    )


def _challenge(error: Challenge, realm: str) -> str:
    service = realm.partition("://")[2].partition("/")[0]
    text = f'Bearer realm="{realm}",service="{service}"'
    if error.scope:
        text += f',scope="{error.scope}"'
    if error.error:
        text += f',error="{error.error}"'
    return text
