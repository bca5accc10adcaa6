"""Paste filter of Glance that keeps the tree of container images whole.

In ``glance-api-paste.ini``, after ``context`` in the pipeline in use::

    [filter:caas]
    paste.filter_factory = caas_glance.filter:factory
    caas_url = http://127.0.0.1:9517

It guards records whose ``container_format`` is ``docker``; all else, and the
bytes of images, go through it untouched.
"""

import io
import json
import logging
import urllib.parse
import uuid
from collections.abc import Callable, Iterable
from typing import Any

import webob
import webob.exc
from glance.common import wsgi

from caas_glance import look, properties, tree

LOG = logging.getLogger(__name__)

#: Bytes of a JSON body; Glance itself has no limit.
MAX_BODY = 1 << 20
#: A change of these is something caas should know of.
TOLD = frozenset({"name", "visibility", "os_hidden", "protected"})
#: What Glance takes before the colon of a filter.
_OPERATORS = frozenset({"in", "eq", "neq", "gt", "gte", "lt", "lte"})
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")

Record = dict[str, Any]
Wsgi = Callable[[dict[str, Any], Any], Iterable[bytes]]


def factory(_global_conf: Any, **conf: str) -> Callable[[Wsgi], "Filter"]:
    """What paste calls.

    :param conf: ``caas_url``, base URL of caas-api, which is told of changes
        if it is given; ``cafile``, certificates to check it by;
        ``service_roles``, comma-separated, who may write ``caas_*``
        properties (default: ``service``).
    :raises ValueError: there is another option.
    """
    url = conf.pop("caas_url", "").strip()
    ca_file = conf.pop("cafile", "").strip() or None
    roles = conf.pop("service_roles", "service")
    if conf:
        raise ValueError(
            f"The caas filter knows caas_url, cafile and service_roles, "
            f"not {', '.join(sorted(conf))}."
        )
    teller = look.Teller(url, ca_file) if url else None
    service_roles = {each.strip().lower() for each in roles.split(",")}
    return lambda app: Filter(app, service_roles - {""}, teller)


class Filter:
    """Middleware that stands between Glance's context and its API."""

    def __init__(
        self, app: Wsgi, service_roles: set[str], teller: look.Teller | None
    ) -> None:
        self._app = app
        self._service_roles = service_roles
        self._teller = teller

    def __call__(
        self, environ: dict[str, Any], start_response: Any
    ) -> Iterable[bytes]:
        answer: Any = self._app
        try:
            guard = self._which(environ)
            if guard:
                answer = guard(Call(environ, self._app))
        except webob.exc.HTTPException as error:
            answer = error
        except Exception:
            # Else the server closes the connection without an answer.
            LOG.exception("The filter caas failed")
            answer = webob.exc.HTTPInternalServerError()
        made: Iterable[bytes] = answer(environ, start_response)
        return made

    def _which(self, environ: dict[str, Any]) -> Any:
        """What is to be done about a request; None: nothing."""
        _refuse_other_methods(environ)
        method = environ["REQUEST_METHOD"]
        parts = [p for p in environ.get("PATH_INFO", "").split("/") if p]
        match (method, *parts):
            case ("GET", "v2", "images"):
                environ["QUERY_STRING"] = named(environ["QUERY_STRING"])
            case ("GET", "v2", "info", "caas"):
                return self._info
            case ("POST", "v2", "images"):
                return self._create
            case ("PATCH", "v2", "images", _):
                return self._update
            case ("DELETE", "v2", "images", _):
                return self._delete
            case ("PUT", "v2", "images", _, "file") | (
                "POST",
                "v2",
                "images",
                _,
                "import",
            ) if self._teller:
                return self._upload
        return None

    def _info(self, _call: "Call") -> Any:
        """By which caas knows that we are here; else Glance says 404."""
        return webob.Response(json_body={"guarded": True})

    def _create(self, call: "Call") -> Any:
        body = call.json()
        if body is not None and not isinstance(body, dict):
            # which Glance answers with 500
            raise _bad("The body of the request must be a JSON object.")
        wanted = properties.of_new(body or {})
        self._only_ours(call, wanted)
        parents = [
            value
            for name, value in wanted
            if name == properties.PARENT and value is not None
        ]
        if (properties.FORMAT, "docker") not in wanted:
            parents = []
        for each in parents:
            _parent(call, each)
        response = call.go_on()
        for each in parents if response.status_code == 201 else ():
            if not tree.stands(each):
                tree.take_back(call.context, response.json["id"], each, True)
                raise _parent_gone(each)
        return response

    def _update(self, call: "Call") -> Any:
        try:
            wanted = properties.of_patch(call.json())
        except ValueError as error:
            raise _bad(str(error)) from None
        self._only_ours(call, wanted)
        names = {name for name, _ in wanted}
        parent = None
        if names & {properties.PARENT, properties.FORMAT}:
            record = call.show(call.image_id)
            if record:
                parent = _new_parent(
                    call, record, wanted, self._is_service(call)
                )
        response = call.go_on()
        if response.status_code != 200:
            return response
        record = response.json
        if parent and not (
            tree.stands(parent) and record["id"] not in tree.chain(parent)
        ):
            tree.take_back(call.context, record["id"], parent, False)
            raise _parent_gone(parent)
        if names & TOLD:
            self._tell(call, record)
        return response

    def _delete(self, call: "Call") -> Any:
        record = call.show(call.image_id)
        if not record or record["container_format"] != "docker":
            return call.go_on()
        kind = record.get(properties.KIND)
        if kind in ("layer", "blob") and not self._is_service(call):
            raise _forbidden(
                f"Image {record['id']} is a {kind} of container images. "
                f"Delete those images; caas removes what only they used."
            )
        context = call.context
        if not (context.is_admin or record["owner"] == context.project_id):
            # Glance refuses, and as it does: what others made of a public
            # image is nobody's business.
            if tree.has_children(record["id"]):
                raise _forbidden(
                    "You are not authorized to complete delete_image action."
                )
            return call.go_on()
        try:
            with tree.deleting(record["id"]):
                if tree.has_children(record["id"]):
                    raise _conflict(
                        f"Image {record['id']} is the parent of other "
                        f"images. Delete those first."
                    )
                response = call.go_on()
        except tree.BeingDeleted:
            raise _conflict(
                f"Image {record['id']} is being deleted by another request."
            ) from None
        if response.status_code == 204:
            self._tell(call, record, gone=True)
        return response

    def _upload(self, call: "Call") -> Any:
        response = call.go_on()
        if response.status_code in (202, 204) and not self._is_service(call):
            record = call.show(call.image_id)
            if record:
                self._tell(call, record)
        return response

    def _tell(
        self, call: "Call", record: Record, *, gone: bool = False
    ) -> None:
        """Nothing is told of what caas does itself."""
        token = call.environ.get("HTTP_X_AUTH_TOKEN")
        if (
            self._teller
            and token
            and record["container_format"] == "docker"
            and not self._is_service(call)
        ):
            self._teller.tell(record["id"], token, gone=gone)

    def _only_ours(self, call: "Call", wanted: properties.Wanted) -> None:
        for name, _ in wanted:
            if name.startswith(properties.OURS) and not self._is_service(call):
                raise _forbidden(
                    f"Property {name} is written by caas only; leave out "
                    f"what begins with {properties.OURS}."
                )

    def _is_service(self, call: "Call") -> bool:
        return not self._service_roles.isdisjoint(call.context.roles)


class Call:
    """One request, and Glance behind us to ask and to pass it on to.

    :ivar context: Glance's; who calls.
    :ivar image_id: of the path, as it came.
    """

    def __init__(self, environ: dict[str, Any], app: Wsgi) -> None:
        self.environ = environ
        self._app = app
        parts = [p for p in environ["PATH_INFO"].split("/") if p]
        self.image_id = parts[2] if len(parts) > 2 else ""
        self.context = environ.get("webob.adhoc_attrs", {}).get("context")
        if self.context is None:
            LOG.error("The filter caas must come after 'context' in pipelines")
            raise webob.exc.HTTPInternalServerError(
                explanation="The paste pipeline of this service is wrong."
            )

    def go_on(self) -> webob.Response:
        """Glance's answer."""
        return webob.Request(self.environ).get_response(self._app)

    def show(self, image_id: str) -> Record | None:
        """A record as the caller sees it; None if it is not there for him."""
        environ = {
            key: value
            for key, value in self.environ.items()
            if not key.startswith(("webob.", "HTTP_IF_", "HTTP_RANGE"))
        }
        for key in ("CONTENT_TYPE", "HTTP_TRANSFER_ENCODING", "HTTP_ACCEPT"):
            environ.pop(key, None)
        environ |= {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": f"/v2/images/{image_id}",
            "QUERY_STRING": "",
            "CONTENT_LENGTH": "0",
            "wsgi.input": io.BytesIO(),
            "webob.adhoc_attrs": {"context": self.context},
        }
        response = webob.Request(environ).get_response(self._app)
        if response.status_code != 200:
            return None
        record: Record = response.json
        return record

    def json(self) -> Any:
        """The body.  Glance gets what was read, not what may be read so."""
        request = wsgi.Request(self.environ)
        raw = b""
        # not even begun if it is said to be too long
        if (request.content_length or 0) <= MAX_BODY:
            raw = request.body_file.read(MAX_BODY + 1)
        if max(len(raw), request.content_length or 0) > MAX_BODY:
            raise webob.exc.HTTPRequestEntityTooLarge(
                explanation=f"The body of the request is larger than "
                f"{MAX_BODY} bytes."
            )
        body = None
        if raw:
            try:
                body = json.loads(raw)
            except (ValueError, RecursionError):
                raise _bad("Malformed JSON in request body.") from None
            raw = json.dumps(body).encode()
        self.environ.pop("HTTP_TRANSFER_ENCODING", None)
        self.environ |= {
            "CONTENT_LENGTH": str(len(raw)),
            "wsgi.input": io.BytesIO(raw),
        }
        return body


def named(query: str) -> str:
    """A query for ``name:tag`` as Glance understands it.

    It takes what stands before a colon for an operator, and refuses those it
    does not know, so that ``openstack image show name:tag`` finds nothing.

    :param query: of a list of images, percent-encoded.
    """
    parts = query.split("&")
    for n, part in enumerate(parts):
        key, _, value = part.partition("=")
        if urllib.parse.unquote_plus(key) != "name":
            continue
        word, colon, _ = urllib.parse.unquote_plus(value).partition(":")
        if colon and word not in _OPERATORS:
            parts[n] = f"name=eq:{value}"
    return "&".join(parts)


def _new_parent(
    call: Call, record: Record, wanted: properties.Wanted, service: bool
) -> str | None:
    """The parent a change gives to a record, checked; None: it gives none.

    :param service: caas asks, which may take a record out of the tree: one
        whose bytes stand elsewhere too, when its own place is not needed.
    """
    old = record.get(properties.PARENT)
    docker = record["container_format"] == "docker"
    formats = [v for name, v in wanted if name == properties.FORMAT]
    parents = [v for name, v in wanted if name == properties.PARENT]
    if (
        docker
        and any(each != "docker" for each in formats)
        and (old is not None or tree.has_children(record["id"]))
    ):
        raise _forbidden(
            f"Image {record['id']} has a parent or children: its "
            f"container_format stays docker."
        )
    if not docker and "docker" not in formats:
        return None
    if docker and old is not None:
        if any(
            each != old and not (service and each is None) for each in parents
        ):
            raise _forbidden(
                f"The parent_id of image {record['id']} never changes. "
                f"Make another image with the parent that is wanted."
            )
        return None
    new = [each for each in parents or [old] if each is not None]
    for each in new:
        _parent(call, each, record["id"])
    return new[-1] if new else None


def _parent(call: Call, parent: Any, child: str | None = None) -> None:
    """Refuse what cannot be a parent.

    :param child: the record that is to have it, if there is one already.
    """
    try:
        canonical = isinstance(parent, str) and str(uuid.UUID(parent))
    except ValueError:
        canonical = False
    if parent != canonical:
        raise _bad(
            "The parent_id must be the id of an image, a UUID in lower case."
        )
    record = call.show(parent)
    if not record:
        raise _bad(
            f"There is no image {parent} to be the parent: make the parent "
            f"first."
        )
    if record["container_format"] != "docker":
        raise _bad(
            f"Image {parent} cannot be a parent: its container_format is "
            f"not docker."
        )
    chain = tree.chain(parent)
    if child in chain:
        raise _bad(
            f"Image {parent} cannot be the parent of {child}, on which it "
            f"stands itself."
        )
    if len(chain) > tree.MAX_DEPTH:
        raise _bad(
            f"Image {parent} cannot be a parent: there are "
            f"{tree.MAX_DEPTH} images below it, which is the most there may "
            f"be."
        )


def _refuse_other_methods(environ: dict[str, Any]) -> None:
    """Glance's router lets a query or a form say another method."""
    content_type = environ.get("CONTENT_TYPE", "").split(";")[0].lower()
    if "_method" in environ.get("QUERY_STRING", "") or (
        environ["REQUEST_METHOD"] == "POST" and content_type.strip() in _FORMS
    ):
        raise _bad(
            "Use the HTTP method that is meant, with a body of JSON; forms "
            "and _method are not taken."
        )


def _bad(sentence: str) -> webob.exc.HTTPException:
    return webob.exc.HTTPBadRequest(explanation=sentence)


def _forbidden(sentence: str) -> webob.exc.HTTPException:
    return webob.exc.HTTPForbidden(explanation=sentence)


def _conflict(sentence: str) -> webob.exc.HTTPException:
    return webob.exc.HTTPConflict(explanation=sentence)


def _parent_gone(parent: str) -> webob.exc.HTTPException:
    return _conflict(
        f"Image {parent}, which was to be the parent, went away meanwhile."
    )
