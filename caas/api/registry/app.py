"""The WSGI application of the registry: routes, and what surrounds them."""

from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

import webob

from caas import exception
from caas.api import errors as http
from caas.api.registry import blobs, lists, manifests, uploads
from caas.api.registry.auth import Auth
from caas.api.registry.bodies import Body, Broken
from caas.api.registry.call import Call, Route, Settings, route
from caas.api.registry.errors import Named, response_of
from caas.api.registry.login import Endpoint
from caas.api.registry.scopes import CATALOG
from caas.core.deps import Deps
from caas.model import images

#: Where the token endpoint is; no repository can be called so.
TOKEN_PATH = "/v2/token"  # noqa: S105 - a path

_ONE_UPLOAD = "/v2/{name}/blobs/uploads/{upload_id}"

_MANIFEST = {400: "MANIFEST_INVALID", 404: "MANIFEST_UNKNOWN"}
_BLOB = {400: "DIGEST_INVALID", 404: "BLOB_UNKNOWN", 416: "SIZE_INVALID"}
_BEGIN = {400: "BLOB_UPLOAD_INVALID", 404: "NAME_UNKNOWN"}
_UPLOAD = {
    400: "BLOB_UPLOAD_INVALID",
    404: "BLOB_UPLOAD_UNKNOWN",
    409: "BLOB_UPLOAD_INVALID",
}
_LIST = {400: "PAGINATION_NUMBER_INVALID", 404: "NAME_UNKNOWN"}


def _here(_call: Call) -> webob.Response:
    """``GET /v2/``: that there is a registry, and who asks is let in."""
    return webob.Response(
        content_type="application/json", charset="UTF-8", body=b"{}"
    )


# The first that fits counts: a name may have "/blobs/" in it.
ROUTES = [
    route("GET HEAD", "/v2/", "", _here, {}),
    route("GET HEAD", "/v2/_catalog", "pull", lists.repositories, _LIST),
    route("POST", "/v2/{name}/blobs/uploads/", "push", uploads.begin, _BEGIN),
    route("GET", _ONE_UPLOAD, "push", uploads.status, _UPLOAD),
    route("PATCH", _ONE_UPLOAD, "push", uploads.append, _UPLOAD),
    route("PUT", _ONE_UPLOAD, "push", uploads.finish, _UPLOAD),
    route("DELETE", _ONE_UPLOAD, "push", uploads.abort, _UPLOAD),
    route(
        "HEAD", "/v2/{name}/blobs/{digest}", "pull", blobs.head, _BLOB,
        hosts=True, probe=True,
    ),
    route(
        "GET", "/v2/{name}/blobs/{digest}", "pull", blobs.get, _BLOB,
        hosts=True,
    ),
    route(
        "DELETE", "/v2/{name}/blobs/{digest}", "delete", blobs.delete, _BLOB
    ),
    route(
        "GET HEAD", "/v2/{name}/manifests/{reference}", "pull",
        manifests.get, _MANIFEST, hosts=True,
    ),
    route(
        "PUT", "/v2/{name}/manifests/{reference}", "push", manifests.put,
        _MANIFEST,
    ),
    route(
        "DELETE", "/v2/{name}/manifests/{reference}", "delete",
        manifests.delete, _MANIFEST,
    ),
    route("GET", "/v2/{name}/tags/list", "pull", lists.tags, _LIST),
    route(
        "GET", "/v2/{name}/referrers/{digest}", "pull", lists.referrers,
        {400: "DIGEST_INVALID", 404: "NAME_UNKNOWN"},
    ),
]  # fmt: skip


class Registry:
    def __init__(
        self, deps: Deps, settings: Settings, auth: Auth, endpoint: Endpoint
    ) -> None:
        self._deps = deps
        self._settings = settings
        self._auth = auth
        self._endpoint = endpoint

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        request = webob.Request(environ)
        response = self._respond(request)
        response.headers["Docker-Distribution-API-Version"] = "registry/2.0"
        if request.method == "HEAD":
            length = response.content_length
            response.app_iter = ()
            response.content_length = length
        answer: Iterable[bytes] = response(environ, start_response)
        return answer

    def _respond(self, request: webob.Request) -> webob.Response:
        names: dict[int, str] = {}
        body = None
        try:
            body = Body(request.environ)
            path = _path(request)
            if path == TOKEN_PATH:
                names[401] = "UNAUTHORIZED"
                return self._login(request, body)
            found, args = _match(request.method, path)
            names.update(found.names)
            return self._run(request, body, found, args)
        except Exception as error:
            if body is not None and not isinstance(error, Broken):
                # a client that is still sending would not read an answer
                body.drain()
            return response_of(
                request.environ, error, names, self._realm(request)
            )

    def _run(
        self,
        request: webob.Request,
        body: Body,
        found: Route,
        args: dict[str, str],
    ) -> webob.Response:
        repository = args.pop("name", CATALOG)
        asker = self._auth.asker(request.environ, found.action, repository)
        name = None
        if repository != CATALOG:
            try:
                name = images.Name.parse(repository)
            except exception.BadRequest as error:
                if images.NAMESPACE.fullmatch(repository):
                    # well-formed; docker tries again and again after 400
                    raise exception.NameUnknown(error.message) from None
                raise Named(400, "NAME_INVALID", error.message) from None
        action = found.action
        if asker.leave is not None and asker.leave.push and found.probe:
            # who pushes looks first what is there
            action = "push"
        self._auth.check(asker, action, repository, hosts=found.hosts)
        return found.handler(
            Call(
                deps=self._deps,
                settings=self._settings,
                ctx=asker.ctx,
                leave=asker.leave,
                request=request,
                body=body,
                path_name=name,
                args=args,
            )
        )

    def _login(self, request: webob.Request, body: Body) -> webob.Response:
        if request.method == "GET":
            return self._endpoint.get(request, body)
        if request.method == "POST":
            return self._endpoint.post(request, body)
        raise http.MethodNotAllowed(
            "A token is had with GET or POST.", ["GET", "POST"]
        )

    def _realm(self, request: webob.Request) -> str:
        base = self._settings.public_url or request.host_url
        return base.rstrip("/") + TOKEN_PATH


def _path(request: webob.Request) -> str:
    """:raises BadRequest: it is no text."""
    try:
        path: str = request.path_info
        query = request.GET
    except UnicodeDecodeError:
        raise exception.BadRequest(
            "The URL is not valid percent-encoded UTF-8."
        ) from None
    if any("\0" in text for text in (path, *query, *query.values())):
        # PostgreSQL has no texts with it
        raise exception.BadRequest("The URL has a zero byte in it.")
    return "/v2/" if path == "/v2" else path


def _match(method: str, path: str) -> tuple[Route, dict[str, str]]:
    """:raises NotFound: there is nothing at this path.
    :raises MethodNotAllowed: there is, but not for this method.
    """
    allowed: list[str] = []
    for each in ROUTES:
        match = each.pattern.fullmatch(path)
        if match is None:
            continue
        if method in each.methods:
            return each, match.groupdict()
        allowed += each.methods
    if allowed:
        raise http.MethodNotAllowed(
            f"There is no {method} here, but {', '.join(sorted(allowed))}.",
            allowed,
        )
    raise exception.NotFound(
        "There is nothing at this path; images are at "
        "/v2/NAMESPACE/REPOSITORY/manifests/TAG."
    )
