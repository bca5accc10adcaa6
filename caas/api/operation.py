"""The one decorator: everything about an operation of the API, said once.

::

    @operation(
        "POST", "/v1/sets",
        policy="caas:sets:create", body=..., response=..., status=202,
    )
    def create(call):
        \"\"\"Create sets.

        What the reference says about it.
        \"\"\"

The registry filled by it is what the router matches, the OpenAPI document is
written from, and tests walk.
"""

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from microversion_parse import Version, parse_version_string

from caas import exception
from caas.api import errors
from caas.api.schema import Definition, Schema
from caas.context import RequestContext
from caas.core.deps import Deps
from caas.policy import Policy

#: The schema of a query that takes no parameters.
NOTHING: Definition = {"type": "object", "additionalProperties": False}


@dataclasses.dataclass(frozen=True)
class Settings:
    """What ``[api]`` says; see :mod:`caas.conf.api`.

    :ivar console_url: where users reach ``caas-console``.
    """

    public_url: str | None = None
    console_url: str = ""
    default_limit: int = 100
    max_limit: int = 1000
    response_validation: str = "off"


@dataclasses.dataclass(frozen=True)
class Call:
    """One request, checked against the schemas of its operation.

    :ivar args: what the path names.
    :ivar target: what ``load`` of the operation found, else None.
    :ivar url: where the API is, without a slash at the end.
    """

    deps: Deps
    policy: Policy
    settings: Settings
    ctx: RequestContext
    version: Version
    url: str
    args: Mapping[str, str]
    query: Mapping[str, Any]
    body: Any
    target: Any = None

    def allows(self, rule: str, target: Any = None) -> bool:
        """Whether the user may do this, to ``target`` or in the project.

        :param target: an object with ``project_id``.
        """
        owner = self.ctx if target is None else target
        return self.policy.allows(
            self.ctx,
            rule,
            {
                "project_id": owner.project_id,
                "user_id": getattr(owner, "user_id", None),
            },
        )

    def require(self, rule: str) -> None:
        """:raises Forbidden: the user may not do this in the project."""
        if not self.allows(rule):
            raise _forbidden(rule)


def _forbidden(rule: str) -> exception.Forbidden:
    return exception.Forbidden(
        f"The policy {rule} does not allow this to your roles."
    )


class _Owned(Protocol):
    @property
    def project_id(self) -> str | None: ...


#: Finds the object a path names: in one project, or (None) in any.
Load = Callable[[Call, str | None], _Owned]


@dataclasses.dataclass(frozen=True)
class Operation:
    """:ivar policy: the rule; None for what is open to everybody.

    :ivar load: if the path names what belongs to a project; the policy is
        asked about that too.
    :ivar body: None: it takes none.
    :ivar response: None: it answers without a body.
    :ivar versions: the first and the last version it is in.
    """

    name: str
    method: str
    path: str
    handler: Callable[[Call], Any]
    policy: str | None
    load: Load | None
    query: Schema
    body: Schema | None
    body_optional: bool
    response: Schema | None
    status: int
    versions: tuple[Version, Version | None]

    @property
    def summary(self) -> str:
        """First sentence of the handler's docstring."""
        return self._doc[0]

    @property
    def description(self) -> str:
        """The rest of it."""
        return "\n".join(self._doc[1:]).strip()

    @property
    def _doc(self) -> list[str]:
        return (inspect.getdoc(self.handler) or "").splitlines() or [""]

    def serves(self, version: Version) -> bool:
        first, last = self.versions
        return first <= version and (last is None or version <= last)

    def run(self, call: Call) -> Any:
        """Check the policy, find the target, do it.

        :returns: the body of the answer.
        """
        if self.policy is not None:
            call.require(self.policy)
            if self.load is not None:
                target = self._find(call, self.load, self.policy)
                call = dataclasses.replace(call, target=target)
        return self.handler(call)

    def _find(self, call: Call, load: Load, policy: str) -> _Owned:
        target = load(call, None)
        if not call.allows(policy, target):
            # One of another project is not there, in the same words.
            load(call, call.ctx.project_scope)
            raise _forbidden(policy)
        return target


class Registry:
    """All operations, found by method, path and version."""

    def __init__(self) -> None:
        self.operations: list[Operation] = []
        self._root = _Node()

    def add(self, operation: Operation) -> None:
        node = self._root
        for part in _parts(operation.path):
            node = node.child(part)
        node.operations.append(operation)
        self.operations.append(operation)

    def match(
        self, method: str, path: str, version: Version
    ) -> tuple[Operation, dict[str, str]]:
        """:returns: the operation, and what the path names.

        :raises NotFound: nothing is at this path, in this version.
        :raises MethodNotAllowed: something is, but not with this method.
        """
        node: _Node | None = self._root
        args = {}
        parts = _parts(path)
        while parts and node is not None:
            long = _long(parts) if node.name == _LONG else 0
            if parts[0] in node.children and not long:
                node = node.children[parts.pop(0)]
            else:
                args[node.name] = "/".join(parts[: long or 1])
                parts, node = parts[long or 1 :], node.named
        found = [
            o for o in (node.operations if node else ()) if o.serves(version)
        ]
        if not found:
            raise exception.NotFound(
                "Nothing is at this path; GET / tells where the API is."
            )
        wanted = "GET" if method == "HEAD" else method
        for operation in found:
            if operation.method == wanted:
                return operation, args
        allowed = {o.method for o in found}
        if "GET" in allowed:
            allowed.add("HEAD")
        raise errors.MethodNotAllowed(
            f"This path cannot be asked for with {method[:16]}; try "
            f"{', '.join(sorted(allowed))}.",
            allowed,
        )


class _Node:
    """A place in the tree of paths."""

    def __init__(self) -> None:
        self.children: dict[str, _Node] = {}
        self.name = ""
        self.named: _Node | None = None
        self.operations: list[Operation] = []

    def child(self, part: str) -> "_Node":
        if not part.startswith("{"):
            return self.children.setdefault(part, _Node())
        name = part.strip("{}")
        if self.named is None:
            self.name, self.named = name, _Node()
        assert self.name == name, f"{name} is named {self.name} elsewhere"
        return self.named


#: What has a name with slashes in it, which ends with the part that has a
#: colon: that of its tag or digest.
_LONG = "image"


def _long(parts: list[str]) -> int:
    """How many parts a name has that a path goes on with; 0 for none."""
    return next((n for n, part in enumerate(parts, 1) if ":" in part), 0)


def _parts(path: str) -> list[str]:
    """A slash at the end makes no difference."""
    return path.removesuffix("/").split("/")[1:]


REGISTRY = Registry()


def operation(
    method: str,
    path: str,
    *,
    policy: str | None,
    load: Load | None = None,
    query: Definition = NOTHING,
    body: Definition | None = None,
    body_optional: bool = False,
    response: Definition | None = None,
    status: int = 200,
    versions: tuple[str, str | None] = ("1.0", None),
) -> Callable[[Callable[[Call], Any]], Callable[[Call], Any]]:
    """Register the function as an operation; it stays what it is.

    For another version of an operation, register another one at the same
    path, or the same function twice with other schemas.
    """

    def register(handler: Callable[[Call], Any]) -> Callable[[Call], Any]:
        noun = handler.__module__.rsplit(".", 1)[-1]
        first, last = versions
        REGISTRY.add(
            Operation(
                name=f"{noun}.{handler.__name__.rstrip('_')}",
                method=method,
                path=path,
                handler=handler,
                policy=policy,
                load=load,
                query=Schema(query),
                body=None if body is None else Schema(body),
                body_optional=body_optional,
                response=None if response is None else Schema(response),
                status=status,
                versions=(
                    parse_version_string(first),
                    None if last is None else parse_version_string(last),
                ),
            )
        )
        return handler

    return register
