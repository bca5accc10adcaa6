"""Stands in for keystonemiddleware, whose work system tests prove.

A token is ``USER:PROJECT:ROLE``; the role brings those Keystone has it imply.
"""

import json
from collections.abc import Callable, Iterable
from typing import Any

#: Each persona's roles, as Keystone gives them with its default roles.
ROLES = {
    "reader": ["reader"],
    "member": ["member", "reader"],
    "manager": ["manager", "member", "reader"],
    "admin": ["admin", "manager", "member", "reader"],
    "service": ["service"],
    "stranger": [],
}


class Auth:
    """WSGI middleware: the headers keystonemiddleware would set."""

    #: The catalog of every token.
    image_url: str | None = None

    def __init__(self, app: Any) -> None:
        self._app = app

    @classmethod
    def factory(cls, _global_conf: Any, **_conf: Any) -> Callable[..., Any]:
        return cls

    def __call__(self, environ: Any, start_response: Any) -> Iterable[bytes]:
        for key in list(environ):
            if key.startswith(
                ("HTTP_X_IDENTITY", "HTTP_X_USER", "HTTP_X_PRO", "HTTP_X_ROL")
            ):
                del environ[key]
        token = environ.get("HTTP_X_AUTH_TOKEN", "")
        user, _, rest = token.partition(":")
        project, _, role = rest.partition(":")
        if role not in ROLES:
            environ["HTTP_X_IDENTITY_STATUS"] = "Invalid"
            return self._app(environ, start_response)
        environ |= {
            "HTTP_X_IDENTITY_STATUS": "Confirmed",
            "HTTP_X_USER_ID": user,
            "HTTP_X_PROJECT_ID": project,
            "HTTP_X_ROLES": ",".join(ROLES[role]),
        }
        if self.image_url:
            endpoint = {"region": "RegionOne", "publicURL": self.image_url}
            environ["HTTP_X_SERVICE_CATALOG"] = json.dumps(
                [{"type": "image", "name": "glance", "endpoints": [endpoint]}]
            )
        return self._app(environ, start_response)
