"""Sessions: leave to look inside containers, and the record of who did.

An operation that opens one answers with the URL of a websocket and a token for
it; what travels on it is told in the guide on sessions.
"""

import functools
from typing import Any

from caas.api.operation import Call, operation
from caas.api.v1 import lists
from caas.api.v1 import sets as sets_api
from caas.api.v1.schemas import sessions as schemas
from caas.api.v1.views import sessions as views
from caas.core import sessions
from caas.model.sessions import Session
from caas.model.streams import Verb
from caas.store.engine import utcnow


def _load(call: Call, project_id: str | None) -> Session:
    return sessions.get(
        call.deps, call.ctx, call.args["session_id"], project_id
    )


def _open(call: Call, verb: Verb) -> dict[str, Any]:
    arguments = dict(call.body.get("session") or {})
    session, token = sessions.create(
        call.deps,
        call.ctx,
        call.target,
        call.args.get("container"),
        verb,
        arguments,
        reason=arguments.pop("reason", ""),
        record=arguments.pop("record", False),
        terms=sessions.Terms(
            record=call.allows("caas:sessions:must:record", call.target),
            reason=call.allows("caas:sessions:must:reason", call.target),
        ),
    )
    view = views.session(session, call.url, utcnow())
    base = call.settings.console_url.rstrip("/")
    return {
        "session": {
            **view,
            "url": f"{base}/v1/sessions/{session.id}",
            "token": token,
        }
    }


@operation(
    "POST",
    "/v1/sets/{set_id}/containers/{container}/exec",
    policy="caas:containers:exec",
    load=sets_api.load,
    body=schemas.EXEC,
    response=schemas.CREATED,
    status=201,
)
def exec_(call: Call) -> dict[str, Any]:
    """Open a session that runs a command in a container.

    It ends with the command, and the command with it.
    """
    return _open(call, Verb.EXEC)


@operation(
    "POST",
    "/v1/sets/{set_id}/containers/{container}/attach",
    policy="caas:containers:attach",
    load=sets_api.load,
    body=schemas.ATTACH,
    body_optional=True,
    response=schemas.CREATED,
    status=201,
)
def attach(call: Call) -> dict[str, Any]:
    """Open a session with the first process of a container.

    It goes on when the session ends. Data can be sent to it if the container
    was made with `stdin`.
    """
    return _open(call, Verb.ATTACH)


@operation(
    "POST",
    "/v1/sets/{set_id}/containers/{container}/logs",
    policy="caas:containers:logs",
    load=sets_api.load,
    body=schemas.LOGS,
    body_optional=True,
    response=schemas.CREATED,
    status=201,
)
def logs(call: Call) -> dict[str, Any]:
    """Open a session that reads what a container has written.

    What its predecessors wrote comes first, those it replaced in an update.
    """
    return _open(call, Verb.LOGS)


@operation(
    "POST",
    "/v1/sets/{set_id}/logs",
    policy="caas:containers:logs",
    load=sets_api.load,
    body=schemas.LOGS,
    body_optional=True,
    response=schemas.CREATED,
    status=201,
)
def logs_of_set(call: Call) -> dict[str, Any]:
    """Open a session that reads what all containers of a set have written."""
    return _open(call, Verb.LOGS)


@operation(
    "POST",
    "/v1/sets/{set_id}/containers/{container}/download",
    policy="caas:containers:download",
    load=sets_api.load,
    body=schemas.DOWNLOAD,
    response=schemas.CREATED,
    status=201,
)
def download(call: Call) -> dict[str, Any]:
    """Open a session that gets a file or folder, as a tar archive."""
    return _open(call, Verb.DOWNLOAD)


@operation(
    "POST",
    "/v1/sets/{set_id}/containers/{container}/upload",
    policy="caas:containers:upload",
    load=sets_api.load,
    body=schemas.UPLOAD,
    response=schemas.CREATED,
    status=201,
)
def upload(call: Call) -> dict[str, Any]:
    """Open a session that unpacks a tar archive in a folder."""
    return _open(call, Verb.UPLOAD)


@operation(
    "POST",
    "/v1/sets/{set_id}/containers/{container}/tail",
    policy="caas:containers:tail",
    load=sets_api.load,
    body=schemas.TAIL,
    response=schemas.CREATED,
    status=201,
)
def tail(call: Call) -> dict[str, Any]:
    """Open a session that reads the end of a file, and what is added."""
    return _open(call, Verb.TAIL)


@operation(
    "POST",
    "/v1/sets/{set_id}/containers/{container}/sftp",
    policy="caas:containers:sftp",
    load=sets_api.load,
    body=schemas.SFTP,
    body_optional=True,
    response=schemas.CREATED,
    status=201,
)
def sftp(call: Call) -> dict[str, Any]:
    """Open a session that speaks SFTP, version 3."""
    return _open(call, Verb.SFTP)


@operation(
    "POST",
    "/v1/sets/{set_id}/containers/{container}/forward",
    policy="caas:containers:forward",
    load=sets_api.load,
    body=schemas.FORWARD,
    response=schemas.CREATED,
    status=201,
)
def forward(call: Call) -> dict[str, Any]:
    """Open a session with a TCP port of the set."""
    return _open(call, Verb.FORWARD)


@operation(
    "GET",
    "/v1/sessions",
    policy="caas:sessions:list",
    query=schemas.LIST,
    response=schemas.MANY,
)
def list_(call: Call) -> dict[str, Any]:
    """List sessions, the newest first."""
    query = lists.query_of(
        call, "created_at", "caas:sessions:list:all_projects"
    )
    items = sessions.list_(call.deps, call.ctx, query)
    view = functools.partial(views.session, url=call.url, now=utcnow())
    return lists.page(call, "sessions", "/v1/sessions", items, view)


@operation(
    "GET",
    "/v1/sessions/{session_id}",
    policy="caas:sessions:get",
    load=_load,
    response=schemas.ONE,
)
def get(call: Call) -> dict[str, Any]:
    """Show a session."""
    return {"session": views.session(call.target, call.url, utcnow())}


@operation(
    "GET",
    "/v1/sessions/{session_id}/recording",
    policy="caas:sessions:replay",
    load=_load,
    query=schemas.RECORDING_QUERY,
    response=schemas.RECORDING,
)
def recording(call: Call) -> dict[str, Any]:
    """Get a piece of what was recorded of a session."""
    piece = call.query.get("piece", 0)
    text, after = sessions.recording(call.deps, call.ctx, call.target, piece)
    return {
        "recording": {
            "session_id": call.target.id,
            "piece": piece,
            "next": after,
            "asciicast": text,
        }
    }
