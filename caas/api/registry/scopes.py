"""Scopes: what a client asks a token for.

``repository:NAME:pull,push`` and ``registry:catalog:*``; the grammar is that
of ``docs/spec/auth/scope.md`` of the project distribution.
"""

from collections.abc import Iterable

from caas import exception

#: The key of the catalog among repositories.
CATALOG = ""

_ACTIONS = frozenset({"pull", "push", "delete", "*"})
#: A client asks for one scope, or two when it mounts.
_MOST = 64


def parse(texts: Iterable[str]) -> dict[str, frozenset[str]]:
    """:param texts: each with scopes, separated by spaces.
    :returns: actions by repository; what is not known is left out, as the
        grammar wants it.
    :raises BadRequest: there are too many.
    """
    scopes = [scope for text in texts for scope in text.split()]
    if len(scopes) > _MOST:
        raise exception.BadRequest(
            f"A token is for {_MOST} scopes at most, not {len(scopes)}."
        )
    found: dict[str, frozenset[str]] = {}
    for scope in scopes:
        kind, _, rest = scope.partition(":")
        name, _, actions = rest.rpartition(":")
        kind = kind.partition("(")[0]
        if kind == "repository" and name:
            key = name
        elif kind == "registry" and name == "catalog":
            key = CATALOG
        else:
            continue
        wanted = _ACTIONS & set(actions.split(","))
        found[key] = found.get(key, frozenset()) | wanted
    return found


def text(name: str, *actions: str) -> str:
    """:param name: a repository, or :data:`CATALOG`."""
    if name == CATALOG:
        return "registry:catalog:*"
    return f"repository:{name}:{','.join(actions)}"
