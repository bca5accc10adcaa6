"""Errors of caas; every message is a sentence a user can act on."""


class CaasError(Exception):
    """Base.  ``code`` is the HTTP status a front end answers with."""

    code = 500

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadRequest(CaasError):
    code = 400


class Forbidden(CaasError):
    code = 403


class QuotaExceeded(Forbidden):
    """Names the resource, the limit, what is used and what was asked for."""


class NotFound(CaasError):
    code = 404


class Conflict(CaasError):
    """The object is in a state, or the name is in use, that forbids this."""

    code = 409


class Unavailable(CaasError):
    """Something caas needs does not answer; trying again may help."""

    code = 503
