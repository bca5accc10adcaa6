"""The WSGI application: from a request to an operation and back."""

import json
import logging
from typing import Any
from wsgiref.types import WSGIApplication, WSGIEnvironment

import pecan
import webob
from webob.multidict import MultiDict

import caas.api.v1  # noqa: F401  registers the operations
from caas import exception
from caas.api import asking, body, errors, version
from caas.api.operation import REGISTRY, Call, Operation, Settings
from caas.api.schema import Definition
from caas.core.deps import Deps
from caas.policy import Policy

LOG = logging.getLogger(__name__)


class _Request(pecan.Request):  # type: ignore[misc]
    """Pecan's, but it finds no arguments for the controller.

    Pecan spreads query and JSON body over keyword arguments; operations take
    both as they are, checked against a schema.
    """

    GET = POST = params = MultiDict()
    json = json_body = None


class _Root:
    """The one controller; the registry knows the way."""

    def __init__(self, deps: Deps, policy: Policy, settings: Settings) -> None:
        self._deps = deps
        self._policy = policy
        self._settings = settings

    @pecan.expose()  # type: ignore[untyped-decorator]
    def _route(self, _parts: list[str], request: Any) -> tuple[Any, tuple[()]]:
        # keeps Pecan from choosing by the Accept header: all is JSON
        request.pecan["content_type"] = "application/json"
        return self.serve, ()

    @pecan.expose(  # type: ignore[untyped-decorator]
        content_type="application/json"
    )
    def serve(self, request: Any, _response: Any) -> webob.Response:
        environ = request.environ
        wanted = version.of(environ)
        operation, args = REGISTRY.match(
            request.method, request.path_info, wanted
        )
        if operation.policy is not None:
            _require_token(environ)
        call = Call(
            deps=self._deps,
            policy=self._policy,
            settings=self._settings,
            ctx=asking.context(environ, self._policy),
            version=wanted,
            url=(self._settings.public_url or request.application_url).rstrip(
                "/"
            ),
            args=_checked_args(args),
            query=_query(operation, environ),
            body=_body(operation, request),
        )
        answer = operation.run(call)
        self._check_answer(operation, answer)
        return webob.Response(
            status=operation.status,
            content_type=None if answer is None else "application/json",
            charset=None if answer is None else "UTF-8",
            body=b"" if answer is None else json.dumps(answer).encode(),
        )

    def _check_answer(self, operation: Operation, answer: Any) -> None:
        how = self._settings.response_validation
        if how == "off":
            return
        if operation.response is None:
            problem = None if answer is None else "it has a body"
        else:
            problem = operation.response.error(answer, "the answer")
        if problem is None:
            return
        LOG.error("Answer of %s: %s", operation.name, problem)
        if how == "raise":
            raise AssertionError(f"Answer of {operation.name}: {problem}")


def _require_token(environ: WSGIEnvironment) -> None:
    if not asking.known(environ):
        raise errors.Unauthorized(
            "A valid token is needed: get one from Keystone and send it as "
            "X-Auth-Token."
        )


def _checked_args(args: dict[str, str]) -> dict[str, str]:
    for value in args.values():
        body.check_text(value, "The URL")
    return args


def _query(operation: Operation, environ: WSGIEnvironment) -> dict[str, Any]:
    """The parameters of the URL, converted and checked."""
    properties = operation.query.definition.get("properties", {})
    found: dict[str, Any] = {}
    for key, text in webob.Request(environ).GET.items():
        body.check_text(key, "The URL")
        body.check_text(text, "The URL")
        definition = properties.get(key, {})
        if definition.get("type") == "array":
            found.setdefault(key, []).append(text)
        elif key in found:
            raise exception.BadRequest(
                "A parameter is given twice in the URL."
            )
        else:
            found[key] = _converted(text, definition)
    problem = operation.query.error(found, "the parameters of the URL")
    if problem is not None:
        raise exception.BadRequest(f"In the URL: {problem}")
    return found


#: Longer numbers are beyond every maximum.
_DIGITS = 18

_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


def _converted(text: str, definition: Definition) -> Any:
    """What the schema wants, or the text, at which the schema balks."""
    kind = definition.get("type")
    if kind == "integer" and text.isascii() and text.isdigit():
        return int(text) if len(text) < _DIGITS else text
    if kind == "boolean":
        return _BOOLEANS.get(text.lower(), text)
    return text


def _body(operation: Operation, request: Any) -> Any:
    value = body.read(request)
    if operation.body is None:
        if value is not None:
            raise exception.BadRequest("This takes no body.")
        return None
    if value is None:
        if operation.body_optional:
            return {}
        raise exception.BadRequest("This needs a body, in JSON.")
    problem = operation.body.error(value, "The body")
    if problem is not None:
        raise exception.BadRequest(problem)
    return value


def make_app(
    deps: Deps, policy: Policy, settings: Settings
) -> WSGIApplication:
    """The API behind its pipeline of middleware (see ``api-paste.ini``)."""
    app = pecan.Pecan(
        _Root(deps, policy, settings),
        use_context_locals=False,
        force_canonical=False,
        guess_content_type_from_ext=False,
        default_renderer="json",
        request_cls=_Request,
    )
    return version.Microversion(errors.JsonErrors(app))
