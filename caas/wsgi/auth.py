"""keystonemiddleware, with an honest answer when Keystone does not answer."""

from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

import webob.exc
from keystoneauth1 import exceptions as ksa_exceptions
from keystonemiddleware import auth_token
from keystonemiddleware.auth_token import _exceptions as exceptions


class Auth(auth_token.AuthProtocol):  # type: ignore[misc]
    """Some paths need no token, so the decision about one that is missing or
    invalid is left to the API.  With that the middleware takes every token
    for invalid while Keystone is away, and its owner for a stranger.
    """

    @classmethod
    def factory(
        cls, global_conf: Any, **local_conf: Any
    ) -> Callable[[WSGIApplication], WSGIApplication]:
        """For a ``paste.filter_factory``."""
        conf = {**global_conf, **local_conf, "delay_auth_decision": "true"}
        return lambda app: cls(app, conf)

    def fetch_token(self, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().fetch_token(*args, **kwargs)
        except exceptions.InvalidToken as error:
            cause = error.__context__
            # Keystone says that there is no such token, or nothing was asked
            known = (exceptions.InvalidToken, ksa_exceptions.NotFound)
            if cause is None or isinstance(cause, known):
                raise
            # it could not be asked; see AuthProtocol.fetch_token
            raise webob.exc.HTTPServiceUnavailable from error


class IfShown(Auth):
    """For an API that has other tokens as well: nobody who shows none of
    Keystone's is told to do so.
    """

    def __call__(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        # what says whose the token is comes from here, never from outside
        environ.pop("HTTP_X_IDENTITY_STATUS", None)
        app = self._app
        if "HTTP_X_AUTH_TOKEN" in environ:
            app = super().__call__
        answer: Iterable[bytes] = app(environ, start_response)
        return answer
