"""What a user of caas-host may call a set or a container."""

from collections.abc import Callable, Iterable

from caas.host.errors import HostError
from caas.host.listing import Container, Listing, Set

#: A set, or one container of it.
Match = tuple[Set, Container | None]

FORMS = (
    "name or id of a set, name or id of a container, SET/CONTAINER, "
    "CONTAINER.SET, or what the engine calls it; of ids the beginning will do"
)


def find_set(listing: Listing, text: str) -> Set:
    """:raises HostError: there is none, or it could be another one."""
    found = {match[0].id: match[0] for match in _matches(listing, text)}
    if len(found) == 1:
        return next(iter(found.values()))
    raise _not_one(text, [f"{s.called} ({s.id})" for s in found.values()])


def find_container(listing: Listing, text: str) -> Container:
    """A set stands for its business container, if it has one only.

    :raises HostError: there is none, or it could be another one.
    """
    found: dict[str, tuple[Set, Container]] = {}
    empty = None
    for one, container in _matches(listing, text):
        mine = one.business if container is None else (container,)
        empty = one if not mine else empty
        found.update({c.engine_id: (one, c) for c in mine})
    if len(found) == 1:
        return next(iter(found.values()))[1]
    if not found and empty is not None:
        raise HostError(
            f"Set {empty.called} has no business container on this host now."
        )
    raise _not_one(text, [f"{c.name}.{s.called}" for s, c in found.values()])


def _not_one(text: str, candidates: Iterable[str]) -> HostError:
    told = sorted(candidates)
    if not told:
        return HostError(
            f"Nothing on this host is called {text!r}; 'caas-host ps' shows "
            "what there is."
        )
    return HostError(
        f"{text!r} may be any of: {', '.join(told)}. Say which one."
    )


def _matches(listing: Listing, text: str) -> list[Match]:
    """The exact ones, or else those by the beginning of an id."""
    exact = _each(
        listing,
        lambda s: text in (s.id, s.name),
        lambda s, c: (
            text in (c.id, c.engine_id, c.engine_name, c.name)
            or text in (f"{s.id}/{c.name}", f"{s.name}/{c.name}")
            or text in (f"{c.name}.{s.name}", f"{c.name}.{s.id}")
        ),
    )
    if exact or not text:
        return exact if text else []
    return _each(
        listing,
        lambda s: s.id.startswith(text),
        lambda s, c: (
            c.engine_id.startswith(text)
            or (bool(c.id) and c.id.startswith(text))
        ),
    )


def _each(
    listing: Listing,
    is_set: Callable[[Set], bool],
    is_container: Callable[[Set, Container], bool],
) -> list[Match]:
    found: list[Match] = []
    for one in listing.sets:
        if is_set(one):
            found.append((one, None))
        found += [(one, c) for c in one.containers if is_container(one, c)]
    return found
