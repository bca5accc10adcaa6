"""Pull tokens: leave to fetch or push one image and nothing else, for a while.

An agent has no credentials of the cloud.  Whatever it is to run, or to make
of what runs, comes with a token of the conductor, which the registry accepts
for that one image.
"""

import dataclasses
import json
from collections.abc import Sequence
from typing import Any

from cryptography import fernet

from caas import exception

#: Tell these tokens from others that the same keys may sign.
_PULL, _PUSH = "pull", "push"


@dataclasses.dataclass(frozen=True)
class Base:
    """The image another one is made from.

    :ivar repository: ``namespace/repository``.
    :ivar digest: of its manifest.
    """

    repository: str
    digest: str


@dataclasses.dataclass(frozen=True)
class Leave:
    """:ivar repository: ``namespace/repository``.
    :ivar digest: of the manifest that may be pulled; with it go the manifests
        and blobs that it refers to.  "" with leave to push.
    :ivar tag: what may be pushed, with all it is made of; "" for nothing.
        That includes to look for its blobs and manifest there.
    :ivar base: what its blobs may be mounted from.
    :ivar job: id of the job that pushes, "" for none.
    :ivar user_id: for whom it is pushed, and ``project_id`` in which; their
        rights in the namespace are what counts.
    """

    repository: str
    digest: str = ""
    tag: str = ""
    base: Base | None = None
    user_id: str = ""
    project_id: str = ""
    job: str = ""

    @property
    def push(self) -> bool:
        return bool(self.tag)


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

    def issue(self, repository: str, digest: str) -> str:
        """A token for one image; see :class:`Leave`."""
        held = {"kind": _PULL, "repository": repository, "digest": digest}
        return self._seal(held)

    def issue_push(
        self,
        repository: str,
        tag: str,
        *,
        base: Base | None,
        user_id: str,
        project_id: str,
        job: str = "",
    ) -> str:
        """A token to push one image; see :class:`Leave`."""
        leave = Leave(
            repository,
            tag=tag,
            base=base,
            user_id=user_id,
            project_id=project_id,
            job=job,
        )
        return self._seal({"kind": _PUSH, **dataclasses.asdict(leave)})

    def _seal(self, held: dict[str, Any]) -> str:
        return self._fernet.encrypt(json.dumps(held).encode()).decode()

    def read(self, token: str) -> Leave:
        """What a token is good for.

        :raises Forbidden: it is not valid, or no longer.
        """
        try:
            held = json.loads(
                self._fernet.decrypt(token.encode(), ttl=self._ttl)
            )
            if held["kind"] == _PULL:
                return Leave(held["repository"], held["digest"])
            if held["kind"] != _PUSH or not held["tag"]:
                raise KeyError(held["kind"])
            base = held["base"]
            return Leave(
                held["repository"],
                tag=held["tag"],
                base=Base(**base) if base else None,
                user_id=held["user_id"],
                project_id=held["project_id"],
                job=held["job"],
            )
        except (fernet.InvalidToken, ValueError, KeyError, TypeError):
            raise exception.Forbidden(
                "The pull token is not valid, or no longer."
            ) from None
