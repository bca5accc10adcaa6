"""The WSGI application of the Nova-compatible API."""

import json
import logging
import re
import uuid
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import webob

from caas import exception
from caas.api import asking, errors
from caas.api import body as bodies
from caas.api.compute import faults, nouns, version, versions
from caas.api.compute.operation import REGISTRY, Answer, Call, Route
from caas.api.compute.schemas import answers
from caas.api.compute.schemas.common import NAME_FORMAT
from caas.api.operation import Settings
from caas.core.deps import Deps
from caas.policy import Policy

LOG = logging.getLogger(__name__)

#: Where users find what the routes name, as ``api-paste.ini`` has it.
PREFIX = "/compute/v2.1"

#: First parts of paths below a version.
_NOUNS = nouns.load(REGISTRY)

#: Where the one key of the body says what is to be done.
_ACTION = re.compile(
    r"/(servers|flavors|os-aggregates|os-networks|os-fixed-ips"
    r"|os-baremetal-nodes)/[^/]+/action/?"
    r"|/servers/[^/]+/migrations/[^/]+/action/?"
)

#: What servers were called, too, when it made a difference where one booted
#: from; without what was there only later.
_OTHER_NAME = re.compile(r"\A/os-volumes_boot(?=(/[^/]+(/action)?)?/?\Z)")

#: Parameters that may stand in any URL.
_EVERYWHERE = frozenset({"project_id", "tenant_id"})


class App:
    """From a request to a route and back."""

    def __init__(self, deps: Deps, policy: Policy, settings: Settings) -> None:
        self._deps = deps
        self._policy = policy
        self._settings = settings

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        response = self._serve(webob.Request(environ))
        answer: Iterable[bytes] = response(environ, start_response)
        return answer

    def _serve(self, request: webob.Request) -> webob.Response:
        environ = request.environ
        version.check(environ)
        wanted = version.of(environ)
        base = (self._settings.public_url or request.host_url).rstrip(
            "/"
        ) + request.script_name
        legacy, path, project_id = _split(request.path_info)
        path = _OTHER_NAME.sub("/servers", path)
        if not path:
            return webob.Response(
                status=300,
                json_body=versions.choices(base, request.path_info),
            )
        method = "GET" if request.method == "HEAD" else request.method
        value = None
        if method in ("POST", "PUT", "PATCH", "DELETE"):
            value = bodies.read(request)
        if method == "POST" and _ACTION.fullmatch(path):
            route, args = _match_action(path, _action(value), wanted)
        elif "/action/" in path:
            # how actions are kept, and no path of Nova's
            raise exception.NotFound("The resource could not be found.")
        else:
            route, args = _match(method, path, wanted)
        assert isinstance(route, Route)
        if route.policy is not None:
            _require_token(environ)
        ctx = asking.context(environ, self._policy)
        if project_id is not None and project_id != ctx.project_id:
            raise exception.BadRequest(
                "Malformed request URL: URL's "
                f"project_id '{project_id}' doesn't match Context's "
                f"project_id '{ctx.project_id}'"
            )
        for each in args.values():
            bodies.check_text(each, "The URL")
        call = Call(
            deps=self._deps,
            policy=self._policy,
            settings=self._settings,
            ctx=ctx,
            version=wanted,
            url=base + ("/v2" if legacy else "/v2.1"),
            args=args,
            query=_query(route, request, wanted),
            body=_checked(route, value, wanted, legacy),
        )
        answer = route.run(call)
        if not isinstance(answer, Answer):
            answer = Answer(answer)
        self._check_answer(route, wanted, answer)
        return _response(route, answer)

    def _check_answer(self, route: Route, wanted: Any, answer: Answer) -> None:
        how = self._settings.response_validation
        if how == "off":
            return
        problem = answers.problem(
            route.method, route.path, wanted.minor, answer.body
        )
        if problem is None:
            return
        LOG.error("Answer of %s: %s", route.name, problem)
        if how == "raise":
            raise AssertionError(f"Answer of {route.name}: {problem}")


def _split(path: str) -> tuple[bool, str, str | None]:
    """:returns: whether it is of the legacy API, the path below the version,
    and the project it names.
    """
    parts = path.strip("/").split("/")
    if parts[0] not in ("v2", "v2.1"):
        # "" for what begins with no version
        return False, "" if path.strip("/") else path, None
    rest = parts[1:]
    project = None
    if rest and rest[0] not in _NOUNS and _is_project(rest[0]):
        project = rest.pop(0)
    if not rest:
        # the document of the version
        return False, f"/{parts[0]}", project
    return parts[0] == "v2", "/" + "/".join(rest), project


def _is_project(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def _action(value: Any) -> str:
    """The one key of its body."""
    if not isinstance(value, dict) or not value:
        raise exception.BadRequest("Malformed request body")
    if len(value) > 1:
        raise exception.BadRequest(
            "An action is asked for by a body with one key; there are "
            f"{len(value)}."
        )
    return str(next(iter(value)))


def _match(method: str, path: str, wanted: Any) -> tuple[Any, dict[str, str]]:
    """:raises NotFound: it is in other microversions only, or nowhere."""
    try:
        return REGISTRY.match(method, path, wanted)
    except (exception.NotFound, errors.MethodNotAllowed):
        if any(_there(method, path, v) for v in (version.MIN, version.MAX)):
            raise exception.NotFound(
                "The resource could not be found."
            ) from None
        raise


def _there(method: str, path: str, when: Any) -> bool:
    try:
        REGISTRY.match(method, path, when)
    except (exception.NotFound, errors.MethodNotAllowed):
        return False
    return True


def _match_action(
    path: str, name: str, wanted: Any
) -> tuple[Any, dict[str, str]]:
    try:
        if "/" in name:
            raise exception.NotFound(name)
        return REGISTRY.match("POST", f"{path.rstrip('/')}/{name}", wanted)
    except (exception.NotFound, errors.MethodNotAllowed):
        raise exception.BadRequest(
            f"There is no such action: {name[:100]}"
        ) from None


def _require_token(environ: WSGIEnvironment) -> None:
    if not asking.known(environ):
        raise errors.Unauthorized(
            "The request you have made requires authentication."
        )


def _query(
    route: Route, request: webob.Request, wanted: Any
) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for key, text in request.GET.items():
        bodies.check_text(key, "The URL")
        bodies.check_text(text, "The URL")
        found.setdefault(key, []).append(text)
    if route.query is not None and wanted.minor >= 75:
        unknown = sorted(set(found) - set(route.query) - _EVERYWHERE)
        if unknown:
            raise exception.BadRequest(
                "Invalid input for query parameters: Additional properties "
                f"are not allowed ({', '.join(unknown)[:200]} unexpected)"
            )
    return found


def _checked(route: Route, value: Any, wanted: Any, legacy: bool) -> Any:
    """The body, if it is as the schema wants it."""
    schema = route.schema(wanted)
    if schema is None:
        return value
    if value is None:
        raise exception.BadRequest("Malformed request body")
    if legacy:
        value = _as_legacy(value, schema.definition)
    problem = schema.error(value, "the body")
    if problem is not None:
        where, _, why = problem.partition(": ")
        raise exception.BadRequest(
            f"Invalid input for field/attribute {where}. {why}"
        )
    return value


def _as_legacy(value: Any, schema: Any) -> Any:
    """As /v2 always took bodies: what it does not know is not there, nor are
    blanks around names."""
    if isinstance(value, str) and isinstance(schema, dict):
        return value.strip() if schema.get("format") == NAME_FORMAT else value
    if isinstance(value, dict) and isinstance(schema, dict):
        known = schema.get("properties")
        if known is None or schema.get("additionalProperties") is not False:
            return value
        return {
            key: _as_legacy(each, known[key])
            for key, each in value.items()
            if key in known
        }
    if isinstance(value, list) and isinstance(schema, dict):
        return [_as_legacy(each, schema.get("items")) for each in value]
    return value


def _response(route: Route, answer: Answer) -> webob.Response:
    response = webob.Response(
        status=answer.status or route.status, content_type=None
    )
    if answer.body is not None:
        response.content_type = "application/json"
        response.body = json.dumps(answer.body).encode()
    response.headers.update(answer.headers)
    return response


def make_app(
    deps: Deps, policy: Policy, settings: Settings
) -> WSGIApplication:
    """All of it but for what is in ``api-paste.ini``."""
    return version.Negotiation(faults.Faults(App(deps, policy, settings)))
