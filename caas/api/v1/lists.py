"""What all lists do the same way: pages, sorting, filters, fields, links."""

from collections.abc import Callable, Collection, Sequence
from typing import Any
from urllib.parse import urlencode

from caas.api.operation import Call
from caas.api.schema import parse_time
from caas.model.query import Query

_PAGING = (
    "limit",
    "marker",
    "sort_key",
    "sort_dir",
    "fields",
    "all_projects",
    "project_id",
)
_TIMES = ("changes_since", "since", "until")


def query_of(
    call: Call, sort_key: str, all_projects: str | None = None
) -> Query:
    """What the store is asked for: one object more than the page holds.

    :param sort_key: the default.
    :param all_projects: the rule for lists across projects; None: the noun
        belongs to no project.
    """
    asked = call.query
    filters = {k: v for k, v in asked.items() if k not in _PAGING}
    for key in _TIMES:
        if key in filters:
            filters[key] = parse_time(filters[key])
    return Query(
        filters=filters,
        limit=_limit(call) + 1,
        marker=asked.get("marker"),
        sort_key=asked.get("sort_key", sort_key),
        sort_dir=asked.get("sort_dir", "desc"),
        project_id=_project(call, all_projects) if all_projects else None,
    )


def _limit(call: Call) -> int:
    settings = call.settings
    limit: int = call.query.get("limit", settings.default_limit)
    return min(limit, settings.max_limit)


def _project(call: Call, rule: str) -> str | None:
    """The project whose objects are listed, None for all."""
    own = call.ctx.project_scope
    project: str | None = call.query.get("project_id")
    everything = call.query.get("all_projects", False)
    if everything or project not in (None, own):
        call.require(rule)
    if everything or project is not None:
        return project
    return own


def page(
    call: Call,
    noun: str,
    path: str,
    items: Sequence[Any],
    view: Callable[[Any], dict[str, Any]],
) -> dict[str, Any]:
    """The answer of a list.

    :param noun: its key, in the plural.
    :param path: of the list, for the link to the next page.
    :param items: what the store gave for :func:`query_of`.
    """
    limit = _limit(call)
    shown = items[:limit]
    answer: dict[str, Any] = {noun: cut(call, [view(i) for i in shown])}
    if len(items) > limit:
        query = {**call.query, "marker": shown[-1].id}
        href = f"{call.url}{path}?{urlencode(_text(query), doseq=True)}"
        answer[f"{noun}_links"] = [{"rel": "next", "href": href}]
    return answer


def _text(query: dict[str, Any]) -> dict[str, Any]:
    return {
        k: str(v).lower() if isinstance(v, bool) else v
        for k, v in query.items()
    }


def cut(call: Call, views: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leave what ``fields`` asks for."""
    if "fields" not in call.query:
        return views
    fields: Collection[str] = set(call.query["fields"].split(","))
    return [{k: v for k, v in view.items() if k in fields} for view in views]
