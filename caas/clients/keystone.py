"""Who somebody is and what roles they have, for processes that users come to
without a token: Keystone is asked, in the name of this service.

It takes the role ``reader`` on the system (or ``admin``): the default
policies of ``identity:get_user``, ``identity:list_role_assignments``,
``identity:get_project`` and ``identity:get_domain``.
"""

import dataclasses
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from keystoneauth1 import exceptions as ksa
from keystoneauth1.session import Session

from caas import exception

#: Seconds for which an answer is good; a role that was taken away may still
#: be had for so long.
TTL = 10.0
#: Answers kept at most.
KEPT = 10_000


@dataclasses.dataclass(frozen=True)
class Project:
    """:ivar roles: names of those a user has there, implied ones too."""

    domain_id: str
    roles: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class User:
    """:ivar projects: where the user has a role, by id."""

    id: str
    domain_id: str
    projects: Mapping[str, Project]


class Identity:
    """:param session: of keystoneauth, of the service.
    :param region: None for any.
    :param interfaces: of the catalog, the best first.
    """

    def __init__(
        self,
        session: Session,
        *,
        region: str | None = None,
        interfaces: Sequence[str] = ("internal", "public"),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._session = session
        self._where = {
            "service_type": "identity",
            "interface": list(interfaces),
            "region_name": region,
            "min_version": (3,),
        }
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[tuple[str, str], tuple[float, Any]] = {}

    def user(self, user_id: str) -> User | None:
        """:returns: None: there is no such user, or it is disabled.
        :raises Unavailable: Keystone does not answer.
        """
        found: User | None = self._kept("user", user_id, self._user)
        return found

    def open(self, project_id: str) -> bool:
        """Whether there is such a project, and it is not disabled.

        :raises Unavailable: Keystone does not answer.
        """
        return bool(self._kept("project", project_id, self._open))

    def project_name(self, project_id: str) -> str | None:
        """:returns: None: there is no such project.
        :raises Unavailable: Keystone does not answer.
        """
        found: str | None = self._kept("name", project_id, self._name)
        return found

    def _kept(self, kind: str, key: str, ask: Callable[[str], Any]) -> Any:
        now = self._clock()
        with self._lock:
            until, found = self._known.get((kind, key), (0.0, None))
        if now < until:
            return found
        found = ask(key)
        with self._lock:
            if len(self._known) >= KEPT:
                self._known.clear()
            self._known[kind, key] = (now + TTL, found)
        return found

    def _user(self, user_id: str) -> User | None:
        found = self._get(f"/users/{user_id}", "user")
        if not found or not found["enabled"]:
            return None
        if not self._domain_open(found["domain_id"]):
            return None
        assignments = self._get(
            f"/role_assignments?user.id={user_id}&effective&include_names",
            "role_assignments",
        )
        return User(
            id=user_id,
            domain_id=found["domain_id"],
            projects=_projects(assignments or ()),
        )

    def _open(self, project_id: str) -> bool:
        found = self._get(f"/projects/{project_id}", "project")
        return (
            bool(found)
            and found["enabled"]
            and self._domain_open(found["domain_id"])
        )

    def _name(self, project_id: str) -> str | None:
        found = self._get(f"/projects/{project_id}", "project")
        return str(found["name"]) if found else None

    def _domain_open(self, domain_id: str) -> bool:
        def ask(key: str) -> bool:
            found = self._get(f"/domains/{key}", "domain")
            return bool(found) and found["enabled"]

        return bool(self._kept("domain", domain_id, ask))

    def _get(self, path: str, key: str) -> Any:
        """:returns: what the answer has there, None for 404."""
        try:
            answer = self._session.get(
                path,
                endpoint_filter=self._where,
                headers={"Accept": "application/json"},
            )
        except ksa.NotFound:
            return None
        except ksa.ClientException as error:
            raise exception.Unavailable(
                "Keystone does not answer; try again."
            ) from error
        return answer.json()[key]


def _projects(assignments: Any) -> dict[str, Project]:
    roles: dict[str, set[str]] = {}
    domains = {}
    for each in assignments:
        project = each["scope"].get("project")
        # roles of a domain's own mean nothing to a policy
        if project and not each["role"].get("domain"):
            roles.setdefault(project["id"], set()).add(each["role"]["name"])
            domains[project["id"]] = project["domain"]["id"]
    return {
        project_id: Project(domains[project_id], tuple(sorted(names)))
        for project_id, names in roles.items()
    }
