"""Login tokens: who somebody is, and for which repositories he asked.

A client gets one for a user's password at ``/v2/token`` and shows it with the
requests that follow.  It says nothing of what the user may do there.
"""

import dataclasses
import json
import time
from collections.abc import Callable, Mapping, Sequence

from cryptography import fernet

from caas import exception
from caas.clients.logins import Scoped

#: Tells these tokens from others that the same keys sign.
_KIND = "login"


@dataclasses.dataclass(frozen=True)
class Bearer:
    """:ivar access: actions (``pull``, ``push``, ``delete``, ``*``) by
    repository; ``""`` is the catalog.
    """

    who: Scoped
    access: Mapping[str, frozenset[str]]


class Bearers:
    """:param keys: Fernet keys, as of :class:`caas.pull.Tokens`.
    :param ttl: seconds for which a token is good.
    """

    def __init__(
        self,
        keys: Sequence[str],
        ttl: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._fernet = fernet.MultiFernet([fernet.Fernet(k) for k in keys])
        self._ttl = ttl
        self._clock = clock

    def issue(self, bearer: Bearer) -> tuple[str, int]:
        """:returns: the token, and for how many seconds it is good: never
        longer than the token of Keystone in it.
        """
        left = min(self._ttl, int(bearer.who.expires - self._clock()))
        held = {
            "kind": _KIND,
            "who": dataclasses.asdict(bearer.who),
            "access": {k: sorted(v) for k, v in bearer.access.items()},
            "until": self._clock() + left,
        }
        text = json.dumps(held, separators=(",", ":"))
        return self._fernet.encrypt(text.encode()).decode(), left

    def read(self, token: str) -> Bearer | None:
        """:returns: None: it is none of these tokens.
        :raises LoginRefused: it is one, but no longer good.
        """
        try:
            held = json.loads(self._fernet.decrypt(token.encode()))
        except (fernet.InvalidToken, ValueError):
            return None
        if held.get("kind") != _KIND:
            return None
        if held["until"] <= self._clock():
            raise exception.LoginRefused("The login token has expired.")
        who = held["who"]
        return Bearer(
            Scoped(**{**who, "roles": tuple(who["roles"])}),
            {k: frozenset(v) for k, v in held["access"].items()},
        )
