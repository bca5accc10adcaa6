"""Errors in Nova's form.

::

    {"itemNotFound": {"code": 404, "message": "There is none."}}
"""

import json
from collections.abc import Mapping
from wsgiref.types import WSGIEnvironment

import webob

from caas import exception
from caas.api import errors
from caas.api.compute import words

_KEYS = {
    400: "badRequest",
    401: "unauthorized",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    409: "conflictingRequest",
    413: "overLimit",
    415: "badMediaType",
    429: "overLimit",
    501: "notImplemented",
    503: "serviceUnavailable",
}


class Faults(errors.JsonErrors):
    """WSGI middleware: errors of everything behind it in Nova's form."""

    not_text = "The URL is not valid UTF-8."
    unexpected = (
        "Unexpected API Error. Tell the operators of this cloud the request "
        "id {request_id}."
    )
    messages: Mapping[int, str] = {}

    def form(
        self,
        environ: WSGIEnvironment,
        code: int,
        message: str,
        headers: Mapping[str, str] | None = None,
    ) -> webob.Response:
        said = {"code": code, "message": message}
        response = webob.Response(
            status=code,
            content_type="application/json",
            charset="UTF-8",
            body=json.dumps({_KEYS.get(code, "computeFault"): said}).encode(),
        )
        response.headers.update(headers or {})
        return response

    def words(self, error: exception.CaasError) -> str:
        return words.of(error)

    def respond(self, environ: WSGIEnvironment) -> webob.Response:
        response = super().respond(environ)
        request_id = environ.get("openstack.request_id")
        if request_id:
            response.headers["x-compute-request-id"] = request_id
        return response
