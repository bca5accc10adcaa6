"""Pull tokens: leave to fetch one image, and nothing else, for a while.

An agent has no credentials of the cloud.  Whatever it is to run comes with a
token of the conductor, which the API accepts for that one image.
"""

from collections.abc import Sequence

from cryptography import fernet

from caas import exception


class Tokens:
    """Issues and checks tokens; those with the same keys trust each other."""

    def __init__(self, keys: Sequence[str], ttl: int) -> None:
        """
        :param keys: Fernet keys; the first one signs, all are accepted, so a
            new one can be put in front while old tokens are about.
        :param ttl: seconds for which a token is good.
        :raises BadRequest: there is no key, or one is malformed.
        """
        if not keys:
            raise exception.BadRequest(
                "There is no key to sign pull tokens with; set [pull] keys "
                "to what 'caas-manage pull_key' prints, the same everywhere."
            )
        try:
            self._fernet = fernet.MultiFernet([fernet.Fernet(k) for k in keys])
        except ValueError:
            raise exception.BadRequest(
                "[pull] keys has one that is not a Fernet key; "
                "'caas-manage pull_key' prints a good one."
            ) from None
        self._ttl = ttl

    def issue(self, image_id: str) -> str:
        """A token for the image with this Glance id."""
        return self._fernet.encrypt(image_id.encode()).decode()

    def check(self, token: str, image_id: str) -> None:
        """:raises Forbidden: the token is not good for this image now."""
        try:
            held = self._fernet.decrypt(token.encode(), ttl=self._ttl)
        except (fernet.InvalidToken, UnicodeError):
            raise exception.Forbidden(
                "The pull token is not valid, or no longer."
            ) from None
        if held.decode() != image_id:
            raise exception.Forbidden("The pull token is for another image.")
