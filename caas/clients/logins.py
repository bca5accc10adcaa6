"""Who somebody is by name and password, as ``docker login`` sends them.

A password is checked by Keystone, which takes a third of a second for it and
may lock a user out after some failures.  A process therefore remembers for a
while which passwords were right, and which were wrong.

User names:

``USER``, ``USER@DOMAIN``
    of the default domain, of another; the name may itself have an ``@``.
*id of an application credential*
    with its secret.
``token``
    with a token of Keystone's as the password.
"""

import dataclasses
import datetime
import hmac
import re
import secrets
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from keystoneauth1 import exceptions as ksa
from keystoneauth1.access import AccessInfoV3
from keystoneauth1.identity import v3
from keystoneauth1.session import Session

from caas import exception
from caas.memo import Memo

#: The name of who logs in with a token of Keystone's.
TOKEN_USER = "token"  # noqa: S105 - a name

#: Seconds for which the projects of a user, and a token for one of them, are
#: good.
_SCOPED_TTL = 60.0

_CREDENTIAL = re.compile(r"[0-9a-f]{32}")

#: Longest name and secret anybody has; Keystone's own limits are lower.
_LONGEST = 4096


#: How Keystone says that it does not know somebody.
_NOBODY = (ksa.Unauthorized, ksa.Forbidden, ksa.NotFound, ksa.BadRequest)


@dataclasses.dataclass(frozen=True)
class Scoped:
    """A token of Keystone, and whose it is.

    :ivar project_id: "" if it is for no project, and so on.
    :ivar roles: their names.
    :ivar expires: seconds since the epoch.
    """

    token: str = dataclasses.field(repr=False)
    expires: float
    user_id: str
    user_name: str
    user_domain_id: str
    project_id: str
    project_name: str
    project_domain_id: str
    roles: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Project:
    id: str
    name: str


@dataclasses.dataclass(frozen=True)
class Login:
    """:ivar key: under which it is remembered.
    :ivar scoped: as Keystone chose: for the default project of the user.
    :ivar fixed: it is good for no other project.
    """

    key: bytes = dataclasses.field(repr=False)
    scoped: Scoped
    fixed: bool


@dataclasses.dataclass(frozen=True)
class _Refused:
    """An answer to remember, unlike an error."""

    message: str


_WRONG = _Refused("The user name or the password is wrong.")


class Logins:
    """:param session: of keystoneauth, of the service.
    :param auth_url: of Keystone; None for that of the catalog.
    :param default_domain: name of the domain of ``USER``.
    :param ttl: seconds for which is remembered what Keystone said.
    :param failures: different wrong passwords of one name from one address,
        within ``ttl``, after which Keystone is not asked about more.
    """

    def __init__(
        self,
        session: Session,
        *,
        auth_url: str | None = None,
        region: str | None = None,
        interfaces: Sequence[str] = ("internal", "public"),
        default_domain: str = "Default",
        ttl: float = 300,
        failures: int = 5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._auth_url = auth_url
        self._region = region
        self._interfaces = list(interfaces)
        self._domain = default_domain
        self._ttl = ttl
        self._failures = failures
        self._clock = clock
        # what is remembered is of no use to who reads memory
        self._key = secrets.token_bytes(32)
        self._logins: Memo[bytes, Login | _Refused] = Memo(ttl, clock=clock)
        self._projects: Memo[bytes, tuple[Project, ...]] = Memo(
            _SCOPED_TTL, clock=clock
        )
        self._scoped: Memo[tuple[bytes, str], Scoped | None] = Memo(
            _SCOPED_TTL, clock=clock
        )
        self._lock = threading.Lock()
        self._failed: dict[tuple[str, str], tuple[float, int]] = {}

    def login(self, name: str, secret: str, address: str) -> Login:
        """:param address: where the request comes from.
        :raises LoginRefused: the name or the secret is wrong.
        :raises TooManyRequests: so were many before.
        :raises Unavailable: Keystone does not answer.
        """
        if not name or not secret or len(name) + len(secret) > _LONGEST:
            raise exception.LoginRefused(_WRONG.message)
        key = hmac.digest(
            self._key, f"{len(name)}:{name}{secret}".encode(), "sha256"
        )
        for _ in range(2):
            found = self._logins.get(
                key, lambda: self._ask(key, name, secret, address)
            )
            if isinstance(found, _Refused):
                raise exception.LoginRefused(found.message)
            if found.scoped.expires > time.time():
                return found
            self._logins.forget(key)
        raise exception.Unavailable(
            "Keystone issues tokens that have expired: its clock and this "
            "one's differ."
        )

    def projects(self, login: Login) -> tuple[Project, ...]:
        """Where the user has a role, by name."""
        if login.fixed:
            own = login.scoped
            return (Project(own.project_id, own.project_name),)
        return self._projects.get(login.key, lambda: self._list(login))

    def scope(self, login: Login, project_id: str) -> Scoped | None:
        """A token for this project; None: the user has no role there."""
        if project_id == login.scoped.project_id:
            return login.scoped
        if login.fixed:
            return None
        return self._scoped.get(
            (login.key, project_id), lambda: self._rescope(login, project_id)
        )

    # --- asking --------------------------------------------------------------

    def _ask(
        self, key: bytes, name: str, secret: str, address: str
    ) -> Login | _Refused:
        self._check_failures(name, address)
        found: Login | _Refused = _WRONG
        if name == TOKEN_USER:
            found = self._by_token(key, secret)
        elif _CREDENTIAL.fullmatch(name):
            found = self._by(
                key,
                v3.ApplicationCredential(
                    self._url(),
                    secret,
                    application_credential_id=name,
                    include_catalog=False,
                ),
                fixed=True,
            )
        else:
            for user, domain in self._users(name):
                found = self._by(
                    key,
                    v3.Password(
                        self._url(),
                        secret,
                        username=user,
                        user_domain_name=domain,
                        include_catalog=False,
                    ),
                )
                if found is not _WRONG:
                    break
        if isinstance(found, _Refused):
            self._count_failure(name, address)
        return found

    def _users(self, name: str) -> list[tuple[str, str]]:
        """Name and domain, in the ways they can be read.

        Only one of them is somebody's, as a rule, so only one failure is
        counted by Keystone.
        """
        user, at, domain = name.rpartition("@")
        read = [(name, self._domain)]
        return [(user, domain), *read] if at and user and domain else read

    def _by(
        self, key: bytes, plugin: Any, *, fixed: bool = False
    ) -> Login | _Refused:
        try:
            found = plugin.get_access(self._session)
        except ksa.MissingAuthMethods:
            return _Refused(
                "This user needs more than a password to log in; log in "
                "with an application credential, or with the user name "
                f"'{TOKEN_USER}' and a token of Keystone's."
            )
        except _NOBODY:
            return _WRONG
        except ksa.ClientException as error:
            raise _unavailable() from error
        return Login(key, _scoped(found), fixed)

    def _by_token(self, key: bytes, token: str) -> Login | _Refused:
        if not token.isascii() or not token.isprintable():
            return _WRONG
        # API reference of Identity v3, "Validate and show information for
        # token": everybody may ask about the own one
        answer = self._get(
            "/auth/tokens?nocatalog", token, {"X-Subject-Token": token}
        )
        if answer is None:
            return _WRONG
        found = AccessInfoV3(body=answer.json(), auth_token=token)
        return Login(key, _scoped(found), fixed=bool(found.project_id))

    def _list(self, login: Login) -> tuple[Project, ...]:
        answer = self._get("/auth/projects", login.scoped.token)
        if answer is None:
            self._logins.forget(login.key)
            raise exception.LoginRefused(
                "The login is no longer valid; log in again."
            )
        found = [
            Project(each["id"], each["name"])
            for each in answer.json()["projects"]
            if each["enabled"]
        ]
        return tuple(sorted(found, key=lambda p: (p.name, p.id)))

    def _rescope(self, login: Login, project_id: str) -> Scoped | None:
        plugin = v3.Token(
            self._url(),
            login.scoped.token,
            project_id=project_id,
            include_catalog=False,
        )
        found = self._by(login.key, plugin)
        return found.scoped if isinstance(found, Login) else None

    def _get(
        self, path: str, token: str, headers: dict[str, str] | None = None
    ) -> Any:
        """:returns: None: Keystone does not take the token."""
        url = self._url().rstrip("/")
        if not url.endswith("/v3"):
            url += "/v3"
        try:
            return self._session.get(
                url + path,
                authenticated=False,
                headers={"X-Auth-Token": token, **(headers or {})},
            )
        except _NOBODY:
            return None
        except ksa.ClientException as error:
            raise _unavailable() from error

    def _url(self) -> str:
        if self._auth_url:
            return self._auth_url
        try:
            found = self._session.get_endpoint(
                service_type="identity",
                interface=self._interfaces,
                region_name=self._region,
                skip_discovery=True,
            )
        except ksa.ClientException as error:
            raise _unavailable() from error
        if not found:
            raise exception.Unavailable(
                "The catalog of Keystone does not say where Keystone is; set "
                "[registry] auth_url."
            )
        return str(found)

    # --- failures ------------------------------------------------------------

    def _check_failures(self, name: str, address: str) -> None:
        with self._lock:
            until, count = self._failed.get((name, address), (0.0, 0))
        left = until - self._clock()
        if left > 0 and count >= self._failures:
            raise exception.TooManyRequests(
                "There were too many logins with a wrong password; try "
                f"again in {left:.0f} seconds.",
                left,
            )

    def _count_failure(self, name: str, address: str) -> None:
        now = self._clock()
        with self._lock:
            until, count = self._failed.pop((name, address), (0.0, 0))
            if until <= now:
                until, count = now + self._ttl, 0
            while len(self._failed) >= 10_000:
                del self._failed[next(iter(self._failed))]
            self._failed[name, address] = (until, count + 1)


def _scoped(found: AccessInfoV3) -> Scoped:
    expires = found.expires
    assert expires
    if expires.tzinfo is None:
        expires = expires.replace(tzinfo=datetime.UTC)
    assert found.auth_token
    assert found.user_id
    return Scoped(
        token=found.auth_token,
        expires=expires.timestamp(),
        user_id=found.user_id,
        user_name=found.username or "",
        user_domain_id=found.user_domain_id or "",
        project_id=found.project_id or "",
        project_name=found.project_name or "",
        project_domain_id=found.project_domain_id or "",
        roles=tuple(found.role_names or ()),
    )


def _unavailable() -> exception.Unavailable:
    return exception.Unavailable(
        "Keystone does not answer, so nobody can be let in; try again."
    )
