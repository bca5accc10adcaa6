"""``/v2/token``: a login token for the password of a user of Keystone.

``GET`` as in ``docs/spec/auth/token.md`` of the project distribution, ``POST``
as in ``oauth.md`` there.  What the client asks for is written into the token,
not whether it may be had: nobody learns here what there is.
"""

import base64
import datetime
import json
import time
import urllib.parse
from collections.abc import Iterable

import webob

from caas import exception
from caas.api.registry import scopes
from caas.api.registry.bearers import Bearer, Bearers
from caas.api.registry.bodies import Body
from caas.clients.logins import Login, Logins, Scoped
from caas.core import namespaces
from caas.core.deps import Deps
from caas.model import images

#: Longest form of a POST.
_FORM = 64 << 10


class Endpoint:
    def __init__(self, deps: Deps, logins: Logins, bearers: Bearers) -> None:
        self._deps = deps
        self._logins = logins
        self._bearers = bearers

    def get(self, request: webob.Request, _body: Body) -> webob.Response:
        name, secret = _basic(request)
        asked = request.GET.getall("scope")
        token, left = self._token(request, name, secret, asked)
        return _answer(
            {
                "token": token,
                "access_token": token,
                "expires_in": left,
                "issued_at": _now(),
            }
        )

    def post(self, request: webob.Request, body: Body) -> webob.Response:
        try:
            form = urllib.parse.parse_qs(
                body.whole(_FORM, "A form").decode(), strict_parsing=True
            )
        except ValueError:
            raise exception.BadRequest(
                "The body has to be a form, application/x-www-form-urlencoded."
            ) from None
        grant = form.get("grant_type", [""])[0]
        if grant != "password":
            raise exception.LoginRefused(
                f"The grant_type {grant[:30]!r} is not known here; there is "
                "'password'. Log in again."
            )
        name = form.get("username", [""])[0]
        secret = form.get("password", [""])[0]
        asked = form.get("scope", [])
        token, left = self._token(request, name, secret, asked)
        return _answer(
            {
                "access_token": token,
                "scope": " ".join(asked),
                "expires_in": left,
                "issued_at": _now(),
            }
        )

    def _token(
        self,
        request: webob.Request,
        name: str,
        secret: str,
        asked: Iterable[str],
    ) -> tuple[str, int]:
        access = scopes.parse(asked)
        address = request.remote_addr or ""
        login = self._logins.login(name, secret, address)
        who = self._choose(login, access)
        return self._bearers.issue(Bearer(who, access))

    def _choose(
        self, login: Login, access: dict[str, frozenset[str]]
    ) -> Scoped:
        """In which of the user's projects he asks.

        That of the namespace, or one that is a member of it, or one whose
        name it has and that may therefore make it; else the default.
        """
        # what is pushed to comes first
        order = sorted(access, key=lambda n: ("push" not in access[n], n))
        wanted = [n.partition("/")[0] for n in order if n != scopes.CATALOG]
        mine = {} if login.fixed else self._projects(login)
        for name in wanted:
            if not mine or not images.NAMESPACE.fullmatch(name):
                continue
            for project_id in namespaces.projects(self._deps, name):
                if project_id in mine:
                    found = self._logins.scope(login, project_id)
                    if found is not None:
                        return found
            for project_id, called in mine.items():
                if called.lower() == name:
                    found = self._logins.scope(login, project_id)
                    if found is not None:
                        return found
        if login.scoped.project_id or not mine:
            return login.scoped
        # one who has no default project
        first = self._logins.scope(login, next(iter(mine)))
        return first or login.scoped

    def _projects(self, login: Login) -> dict[str, str]:
        return {p.id: p.name for p in self._logins.projects(login)}


def _basic(request: webob.Request) -> tuple[str, str]:
    """:raises LoginRefused: there is no name and password, or malformed."""
    kind, _, text = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() == "basic":
        try:
            decoded = base64.b64decode(text.strip(), validate=True).decode()
        except ValueError:
            decoded = ""
        name, colon, secret = decoded.partition(":")
        if colon:
            return name, secret
    raise exception.LoginRefused(
        "Please log in, with a user name and a password of Keystone."
    )


def _now() -> str:
    now = datetime.datetime.fromtimestamp(int(time.time()), datetime.UTC)
    return now.strftime("%Y-%m-%dT%H:%M:%SZ")


def _answer(value: dict[str, object]) -> webob.Response:
    response = webob.Response(
        content_type="application/json",
        charset="UTF-8",
        body=json.dumps(value).encode(),
    )
    response.headers["Cache-Control"] = "no-store"
    return response
