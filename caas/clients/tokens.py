"""Whose token it is: Keystone is asked, in the name of this service."""

import hashlib
import threading
import time
from collections.abc import Callable
from typing import Any

from keystoneauth1 import exceptions

from caas import exception

#: Seconds for which an answer is good; one that was revoked may still be
#: taken for so long.
TTL = 30.0
#: Answers kept at most.
KEPT = 10_000


class Users:
    """:param session: of keystoneauth, of the service."""

    def __init__(
        self, session: Any, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._session = session
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, str]] = {}

    def user_of(self, token: str) -> str | None:
        """The id of the user a token is of.

        :returns: None: it is not valid (any more).
        :raises Unavailable: Keystone does not answer.
        """
        if not token or not token.isascii():
            return None
        key = hashlib.sha256(token.encode()).hexdigest()
        now = self._clock()
        with self._lock:
            until, user_id = self._known.get(key, (0.0, ""))
        if now < until:
            return user_id
        found = self._ask(token)
        if found is not None:
            with self._lock:
                if len(self._known) >= KEPT:
                    self._known.clear()
                self._known[key] = (now + TTL, found)
        return found

    def _ask(self, token: str) -> str | None:
        try:
            # API reference of Identity v3, "Validate and show information
            # for token"
            answer = self._session.get(
                "/auth/tokens?nocatalog",
                endpoint_filter={
                    "service_type": "identity",
                    "interface": "internal",
                    "min_version": (3,),
                },
                headers={"X-Subject-Token": token},
            )
        except (exceptions.NotFound, exceptions.BadRequest):
            return None
        except exceptions.ClientException as error:
            raise exception.Unavailable(
                "Keystone does not answer, so nobody can be let in."
            ) from error
        user: str = answer.json()["token"]["user"]["id"]
        return user
