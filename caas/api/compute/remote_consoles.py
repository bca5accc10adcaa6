"""Terminals of servers: of any kind Nova knows, it is the one in a browser."""

from typing import Any

from caas import exception
from caas.api.compute import servers
from caas.api.compute.operation import Call, action, route
from caas.api.compute.schemas import common
from caas.core import sessions

#: Kinds of consoles by protocol, as Nova has them.
_KINDS = {
    "vnc": ("novnc", "xvpvnc"),
    "spice": ("spice-html5",),
    "serial": ("serial",),
    "rdp": ("rdp-html5",),
    "mks": ("webmks",),
}
#: Those that are no terminal in a browser, and never will be.
_NONE = frozenset({"xvpvnc", "rdp-html5", "webmks"})

_CONSOLE = common.request(
    "remote_console",
    common.obj(
        {
            "protocol": {"enum": ["vnc", "spice", "serial", "rdp", "mks"]},
            "type": {
                "enum": [
                    *("novnc", "xvpvnc", "spice-html5", "serial"),
                    *("rdp-html5", "webmks"),
                ]
            },
        },
        ["protocol", "type"],
    ),
)
_TYPE = {"type": "string", "maxLength": 255}


def _url(call: Call, protocol: str, kind: str) -> str:
    """Where a browser finds the terminal; what is secret of it is behind the
    ``#``, which no server gets to see and no log."""
    if kind not in _KINDS[protocol] or kind in _NONE:
        raise exception.BadRequest(f"Unavailable console type {kind}.")
    terms = sessions.Terms(
        record=call.allows("caas:sessions:must:record", call.target),
        reason=call.allows("caas:sessions:must:reason", call.target),
    )
    try:
        session, token = sessions.terminal(
            call.deps, call.ctx, call.target, terms
        )
    except exception.Conflict:
        raise exception.Conflict(
            f"Instance {call.target.id} is not ready"
        ) from None
    base = "http" + call.settings.console_url.removeprefix("ws").rstrip("/")
    return f"{base}/terminal#{session.id}:{token}"


@route(
    "POST",
    f"{servers.SERVER}/remote-consoles",
    policy="caas:containers:exec",
    load=servers.load,
    body=_CONSOLE,
    versions=("2.6", None),
)
def create(call: Call) -> dict[str, Any]:
    """Get the address of a terminal in its first container."""
    asked = call.body["remote_console"]
    url = _url(call, asked["protocol"], asked["type"])
    return {"remote_console": {**asked, "url": url}}


def _old(call: Call, name: str, protocol: str) -> dict[str, Any]:
    kind = call.body[name]["type"]
    if kind not in _KINDS[protocol]:
        raise exception.BadRequest(f"Unavailable console type {kind}.")
    return {"console": {"type": kind, "url": _url(call, protocol, kind)}}


@action(
    servers.SERVER,
    "os-getVNCConsole",
    policy="caas:containers:exec",
    load=servers.load,
    body=common.obj({"type": _TYPE}, ["type"]),
    status=200,
    versions=("2.1", "2.5"),
)
def vnc(call: Call) -> dict[str, Any]:
    """The same, as old clients ask for it."""
    return _old(call, "os-getVNCConsole", "vnc")


@action(
    servers.SERVER,
    "os-getSPICEConsole",
    policy="caas:containers:exec",
    load=servers.load,
    body=common.obj({"type": _TYPE}, ["type"]),
    status=200,
    versions=("2.1", "2.5"),
)
def spice(call: Call) -> dict[str, Any]:
    """The same, as old clients ask for it."""
    return _old(call, "os-getSPICEConsole", "spice")


@action(
    servers.SERVER,
    "os-getSerialConsole",
    policy="caas:containers:exec",
    load=servers.load,
    body=common.obj({"type": _TYPE}, ["type"]),
    status=200,
    versions=("2.1", "2.5"),
)
def serial(call: Call) -> dict[str, Any]:
    """The same, as old clients ask for it."""
    return _old(call, "os-getSerialConsole", "serial")


@route(
    "GET",
    "/os-console-auth-tokens/{console_token}",
    policy="caas:sessions:token",
)
def token(call: Call) -> dict[str, Any]:
    """Show what a token that was not used yet is good for."""
    session, host = sessions.of_token(call.deps, call.args["console_token"])
    if not call.at_least(31):
        # as Nova, of all that is no RDP
        raise _Unauthorized(
            "The requested console type details are not accessible"
        )
    address, _, port = (host.facts.get("streams") or "").rpartition(":")
    return {
        "console": {
            "instance_uuid": session.set_id,
            "host": address or host.name,
            "port": int(port) if port.isdigit() else 0,
            "internal_access_path": None,
        }
    }


class _Unauthorized(exception.CaasError):
    code = 401
