"""What all lists do the same way: pages and links to the next one."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from caas import exception
from caas.api.compute.operation import Call
from caas.model.query import Query

T = TypeVar("T")

#: Parameters that say which page.
PAGING = frozenset({"limit", "marker", "sort_key", "sort_dir", "page"})


def number(text: str) -> int | None:
    """A whole number that is not negative, None if it is none."""
    if text.isascii() and text.isdigit() and len(text) < 10:
        return int(text)
    return None


def limit(call: Call) -> int:
    """:raises BadRequest: one that is given is no number."""
    most = call.settings.max_limit
    for text in call.query.get("limit", ()):
        if not (text.isascii() and text.isdigit()):
            _counted("limit", text)
    last = call.one("limit")
    # a very large one is more than there may be
    found = most if last is None else number(last)
    return most if found is None else min(found, most)


def offset(call: Call) -> int:
    """:raises BadRequest: it is no number."""
    return _counted("offset", call.one("offset") or "0")


def _counted(name: str, text: str) -> int:
    found = number(text)
    if found is None:
        raise exception.BadRequest(
            f"Invalid input for query parameters {name}. It must be a number "
            "that is not negative."
        )
    return found


def query_of(
    call: Call,
    filters: dict[str, Any],
    project_id: str | None,
    sort_keys: dict[str, str],
    default: str = "created_at",
) -> Query:
    """What the store is asked for: one object more than the page holds.

    :param sort_keys: of the store, by what Nova calls them.
    :raises BadRequest: it cannot be sorted so.
    """
    wanted = call.one("sort_key")
    key = default
    if wanted is not None:
        if wanted not in sort_keys:
            raise exception.BadRequest(
                f"Sort key {wanted[:50]!r} is not supported; there are "
                f"{', '.join(sorted(sort_keys))}."
            )
        key = sort_keys[wanted]
    direction = call.one("sort_dir") or "desc"
    if direction not in ("asc", "desc"):
        raise exception.BadRequest("sort_dir must be 'asc' or 'desc'.")
    return Query(
        filters=filters,
        limit=limit(call) + 1,
        marker=call.one("marker"),
        sort_key=key,
        sort_dir=direction,
        project_id=project_id,
    )


def fetch(query: Query, ask: Callable[[Query], list[T]]) -> list[T]:
    """What the store gives for a query.

    :raises BadRequest: in Nova's words if its marker is none.
    """
    try:
        return ask(query)
    except exception.BadRequest as error:
        if query.marker and error.message.startswith("The marker"):
            raise no_marker(query.marker) from None
        raise


def no_marker(marker: str) -> exception.BadRequest:
    return exception.BadRequest(f"marker [{marker[:100]}] not found")


def page(
    call: Call,
    noun: str,
    path: str,
    items: Sequence[Any],
    view: Callable[[Any], dict[str, Any]],
    marker: Callable[[Any], str] = lambda item: str(item.id),
) -> dict[str, Any]:
    """The answer of a list.

    :param noun: its key.
    :param path: of the list, for the link to the next page.
    :param items: what the store gave for :func:`query_of`.
    """
    size = limit(call)
    shown = items[:size]
    answer: dict[str, Any] = {noun: [view(each) for each in shown]}
    if len(items) > size > 0:
        answer[f"{noun}_links"] = next_page(call, path, marker(shown[-1]))
    return answer


def next_page(call: Call, path: str, marker: str) -> list[dict[str, str]]:
    """The link to what follows.

    :param path: of the list.
    :param marker: of the last one that is shown.
    """
    query = {**call.query, "marker": [marker]}
    href = f"{call.url}{path}?{urlencode(query, doseq=True)}"
    return [{"rel": "next", "href": href}]
