"""Errors of caas; every message is a sentence a user can act on."""

import dataclasses


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


class QuotaTooSmall(QuotaExceeded):
    """:ivar lacking: what there is too little of."""

    def __init__(self, message: str, lacking: list["Lack"]) -> None:
        super().__init__(message)
        self.lacking = lacking


@dataclasses.dataclass(frozen=True)
class Lack:
    """:ivar resource: by its name in the database."""

    resource: str
    asked: int
    used: int
    limit: int


class NotFound(CaasError):
    code = 404


class Conflict(CaasError):
    """The object is in a state, or the name is in use, that forbids this."""

    code = 409


class NameUnknown(NotFound):
    """Of a namespace or a repository."""


class BlobUnknown(NotFound):
    pass


class UploadUnknown(NotFound):
    pass


class ManifestUnknown(NotFound):
    pass


class ManifestBlobUnknown(NotFound):
    """A manifest refers to what is not there."""


class ManifestInvalid(BadRequest):
    pass


class DigestInvalid(BadRequest):
    """The bytes are not those that were announced."""


class SizeInvalid(BadRequest):
    """There are more or fewer bytes than were announced."""


class RangeInvalid(CaasError):
    """A piece that does not go on where the one before ended.

    :ivar size: how many bytes there are.
    """

    code = 416

    def __init__(self, message: str, size: int) -> None:
        super().__init__(message)
        self.size = size


class Unavailable(CaasError):
    """Something caas needs does not answer; trying again may help."""

    code = 503


class LoginRefused(CaasError):
    """Who says who he is cannot show it; ``docker login`` wants 401."""

    code = 401


class TooManyRequests(CaasError):
    """:ivar seconds: after which trying again makes sense."""

    code = 429

    def __init__(self, message: str, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds
