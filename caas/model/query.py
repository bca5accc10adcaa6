"""What a list request asks for, for any noun."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from caas.model.states import Ranks


@dataclasses.dataclass(frozen=True)
class Query:
    """One page of a list.

    :ivar filters: column or noun-specific filter -> value; what a noun
        understands stands in its module of :mod:`caas.store`.
    :ivar limit: most objects to return.
    :ivar marker: id of the last object of the page before.
    :ivar project_id: only objects of this project; None for all.
    :ivar then: more sort keys, with their directions, for what is the same
        by those before.
    :ivar ranks: sort keys that only this query has, of sets.
    """

    filters: dict[str, Any] = dataclasses.field(default_factory=dict)
    limit: int = 100
    marker: str | None = None
    sort_key: str = "created_at"
    sort_dir: str = "desc"
    project_id: str | None = None
    then: tuple[tuple[str, str], ...] = ()
    ranks: Mapping[str, Ranks] = dataclasses.field(default_factory=dict)

    def ascending(self) -> "Query":
        return dataclasses.replace(self, sort_dir="asc")
