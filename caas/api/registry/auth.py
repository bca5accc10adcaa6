"""Who asks: a login token, a token of Keystone, or a host's leave.

A request without any gets 401 and the way to the token endpoint; so does one
with a token for something else, since the client then fetches another.  Only
then is looked at what there is, so that to who has nothing to do with a
namespace it is as if there were none.
"""

import dataclasses
import json
from wsgiref.types import WSGIEnvironment

from caas import exception
from caas.api.registry import scopes
from caas.api.registry.bearers import Bearer, Bearers
from caas.api.registry.errors import Challenge
from caas.clients.logins import Scoped
from caas.context import RequestContext
from caas.policy import Policy
from caas.pull import Leave, Tokens

#: What a token has to be for, by what is done.
_WANTED = {"pull": ("pull",), "push": ("pull", "push"), "delete": ("delete",)}

_INVALID = "The token is not valid, or no longer; log in again."


@dataclasses.dataclass(frozen=True)
class Asker:
    """:ivar leave: of a host.  With leave to pull the context is nobody's,
        with leave to push it is that of the user who asked for it.
    :ivar bearer: None: nothing limits what the token is for.
    """

    ctx: RequestContext
    leave: Leave | None = None
    bearer: Bearer | None = None


class Auth:
    def __init__(
        self, bearers: Bearers, tokens: Tokens, policy: Policy
    ) -> None:
        self._bearers = bearers
        self._tokens = tokens
        self._policy = policy

    def asker(
        self, environ: WSGIEnvironment, action: str, repository: str
    ) -> Asker:
        """:param action: what he wants to do; "" for nothing in particular.
        :param repository: in which, :data:`scopes.CATALOG` for none.
        :raises Challenge: he has to show another token, or one at all.
        """
        scope = _scope(action, repository)
        kind, _, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        if kind.lower() == "bearer":
            return self._of_bearer(environ, token.strip(), scope)
        if environ.get("HTTP_X_IDENTITY_STATUS") == "Confirmed":
            catalog = environ.get("HTTP_X_SERVICE_CATALOG")
            return Asker(
                RequestContext.from_environ(
                    environ,
                    service_catalog=json.loads(catalog) if catalog else None,
                )
            )
        raise Challenge(
            "Please log in, with 'docker login' or the like.",
            scope,
            "invalid_token" if environ.get("HTTP_X_AUTH_TOKEN") else "",
        )

    def check(
        self, asker: Asker, action: str, repository: str, *, hosts: bool
    ) -> None:
        """:param hosts: whether a leave to pull is enough for it; one to
            push is for all that a push does.
        :raises Challenge: the token is for something else.
        :raises Forbidden: he may not do it in any repository.
        """
        if asker.leave is not None:
            _check_leave(asker.leave, action, repository, hosts)
            return
        if not action:
            return
        if asker.bearer is not None:
            held = asker.bearer.access.get(repository, frozenset())
            wanted = frozenset(_WANTED[action][-1:])
            if repository == scopes.CATALOG:
                wanted = frozenset("*")
            if not wanted <= held and "*" not in held:
                raise Challenge(
                    "The login token is not for this.",
                    _scope(action, repository),
                    "insufficient_scope",
                )
        target = {"project_id": asker.ctx.project_id}
        rule = f"caas:registry:{action}"
        if not self._policy.allows(asker.ctx, rule, target):
            raise exception.Forbidden(
                f"Your roles in the project {asker.ctx.project_name or ''!r} "
                f"do not let you {action} images."
            )

    def _of_bearer(
        self, environ: WSGIEnvironment, token: str, scope: str
    ) -> Asker:
        try:
            bearer = self._bearers.read(token)
        except exception.LoginRefused:
            raise Challenge(_INVALID, scope, "invalid_token") from None
        if bearer is not None:
            return Asker(context_of(environ, bearer.who), bearer=bearer)
        try:
            leave = self._tokens.read(token)
        except exception.Forbidden:
            raise Challenge(_INVALID, scope, "invalid_token") from None
        return Asker(
            RequestContext(
                user_id=leave.user_id or None,
                project_id=leave.project_id or None,
                request_id=environ.get("openstack.request_id"),
                overwrite=False,
            ),
            leave=leave,
        )


def context_of(environ: WSGIEnvironment, who: Scoped) -> RequestContext:
    return RequestContext(
        auth_token=who.token,
        user_id=who.user_id,
        user_name=who.user_name,
        user_domain_id=who.user_domain_id or None,
        project_id=who.project_id or None,
        project_name=who.project_name or None,
        project_domain_id=who.project_domain_id or None,
        roles=list(who.roles),
        request_id=environ.get("openstack.request_id"),
        global_request_id=environ.get("openstack.global_request_id"),
        overwrite=False,
    )


def _scope(action: str, repository: str) -> str:
    return scopes.text(repository, *_WANTED[action]) if action else ""


def _check_leave(
    leave: Leave, action: str, repository: str, hosts: bool
) -> None:
    if not action:
        return
    if leave.repository == repository and (
        action == "push" if leave.push else hosts
    ):
        return
    raise exception.Forbidden("The token of this host is not for this.")
