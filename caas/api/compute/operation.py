"""The one decorator of the Nova-compatible API.

As :mod:`caas.api.operation`, but for what is Nova's own: a request may have
another schema in each microversion, actions are told apart by the one key of
their body, and answers may have a status and headers of their own.
"""

import dataclasses
import functools
import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any, NoReturn

from microversion_parse import Version, parse_version_string

from caas import exception
from caas.api import operation as native
from caas.api.schema import Definition, Schema

#: Microversions something is in: the first and the last.
Versions = tuple[str, str | None]


@dataclasses.dataclass(frozen=True)
class Call(native.Call):
    """:ivar query: all values of each parameter of the URL."""

    query: Mapping[str, list[str]]

    def at_least(self, minor: int) -> bool:
        """Whether the microversion is 2.``minor`` or later."""
        return self.version >= Version(2, minor)

    def one(self, key: str) -> str | None:
        """The last value of a parameter of the URL."""
        values = self.query.get(key)
        return values[-1] if values else None


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a handler returns that says more than a body."""

    body: Any
    status: int | None = None
    headers: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Part:
    """A property of a request that not all microversions have.

    :ivar since: minor version.
    :ivar until: the last one, None for all that follow.
    """

    schema: Definition
    since: int = 1
    until: int | None = None

    def at(self, version: Version) -> bool:
        minor = version.minor
        return self.since <= minor and (
            self.until is None or minor <= self.until
        )


def resolve(definition: Any, version: Version) -> Any:
    """A schema as it is in one microversion: without the parts that are not
    in it."""
    if isinstance(definition, Part):
        return resolve(definition.schema, version)
    if isinstance(definition, dict):
        return {
            key: resolve(value, version)
            for key, value in definition.items()
            if not isinstance(value, Part) or value.at(version)
        }
    if isinstance(definition, list):
        return [resolve(value, version) for value in definition]
    return definition


@dataclasses.dataclass(frozen=True)
class Route:
    """:ivar path: below the version; that of an action ends with its name.

    :ivar policy: the rule; None for what is open to everybody.
    :ivar body: None: it takes none.
    :ivar query: parameters of the URL, None: any.
    """

    name: str
    method: str
    path: str
    handler: Callable[[Call], Any]
    policy: str | None
    load: Any
    body: Definition | None
    query: Collection[str] | None
    status: int
    versions: tuple[Version, Version | None]

    def serves(self, version: Version) -> bool:
        first, last = self.versions
        return first <= version and (last is None or version <= last)

    @property
    def refuses(self) -> bool:
        """Whether errors are all it answers: the type of its handler says so,
        which is checked."""
        return inspect.get_annotations(self.handler)["return"] is NoReturn

    @functools.cache  # noqa: B019 (routes live for ever)
    def schema(self, version: Version) -> Schema | None:
        return (
            None if self.body is None else Schema(resolve(self.body, version))
        )

    def __hash__(self) -> int:
        return id(self)

    def run(self, call: Call) -> Any:
        """Check the policy, find the target, do it."""
        if self.policy is not None:
            _require(call, self.policy)
            if self.load is not None:
                target = self.load(call, None)
                if not call.allows(self.policy, target):
                    # one of another project is not there, in the same words
                    self.load(call, call.ctx.project_scope)
                    raise forbidden(self.policy)
                call = dataclasses.replace(call, target=target)
        return self.handler(call)


def _require(call: Call, rule: str) -> None:
    if not call.allows(rule):
        raise forbidden(rule)


def forbidden(rule: str) -> exception.Forbidden:
    """In Nova's words."""
    return exception.Forbidden(f"Policy doesn't allow {rule} to be performed.")


REGISTRY = native.Registry()


def route(
    method: str,
    path: str,
    *,
    policy: str | None,
    load: Any = None,
    body: Definition | None = None,
    query: Collection[str] | None = None,
    status: int = 200,
    versions: Versions = ("2.1", None),
) -> Callable[[Callable[[Call], Any]], Callable[[Call], Any]]:
    """Register the function at a path; it stays what it is.

    :param path: below ``/v2.1``.
    """

    def register(handler: Callable[[Call], Any]) -> Callable[[Call], Any]:
        noun = handler.__module__.rsplit(".", 1)[-1]
        first, last = versions
        made: Any = Route(
            name=f"{noun}.{handler.__name__.rstrip('_')}",
            method=method,
            path=path,
            handler=handler,
            policy=policy,
            load=load,
            body=body,
            query=query,
            status=status,
            versions=(
                parse_version_string(first),
                None if last is None else parse_version_string(last),
            ),
        )
        REGISTRY.add(made)
        return handler

    return register


def action(
    noun: str,
    name: str,
    *,
    policy: str,
    load: Any = None,
    body: Definition | None = None,
    status: int = 202,
    versions: Versions = ("2.1", None),
) -> Callable[[Callable[[Call], Any]], Callable[[Call], Any]]:
    """``POST /NOUN/{id}/action`` with a body of the one key ``name``.

    :param noun: its path, such as ``/servers/{server_id}``.
    :param body: schema of the value of that key; None: anything goes, as in
        Nova for actions that take nothing.
    """
    return route(
        "POST",
        f"{noun}/action/{name}",
        policy=policy,
        load=load,
        body={
            "type": "object",
            "properties": {name: {} if body is None else body},
            "required": [name],
            "additionalProperties": False,
        },
        status=status,
        versions=versions,
    )
