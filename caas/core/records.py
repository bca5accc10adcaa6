"""Use cases of records of images, as Glance shows them to a user.

For clients that ask the compute service for images; what is in them is none of
its business.
"""

import dataclasses
import uuid
from collections.abc import Mapping
from typing import Any

from caas import exception
from caas.context import RequestContext
from caas.core.deps import Deps, kept

#: What of a record is no property that users gave it.
_OWN = frozenset(
    {
        *("id", "name", "status", "owner", "created_at", "updated_at"),
        *("container_format", "disk_format", "size", "virtual_size"),
        *("checksum", "os_hash_algo", "os_hash_value", "os_hidden"),
        *("visibility", "protected", "min_ram", "min_disk", "tags", "self"),
        *("file", "schema", "locations", "direct_url", "stores"),
    }
)


@dataclasses.dataclass(frozen=True)
class Record:
    """:ivar values: as Glance has them.
    :ivar properties: those that users gave it.
    """

    id: str
    values: Mapping[str, Any]
    properties: dict[str, str]


def _record(values: dict[str, Any]) -> Record:
    return Record(
        id=values["id"],
        values=values,
        properties={
            k: str(v)
            for k, v in values.items()
            if k not in _OWN and v is not None
        },
    )


def list_(
    deps: Deps, ctx: RequestContext, query: Mapping[str, str]
) -> list[Record]:
    """:param query: as Glance has it.
    :raises BadRequest: Glance takes no such question.
    """
    found = kept(deps).seen.page(ctx, query)
    return [_record(each) for each in found]


def get(deps: Deps, ctx: RequestContext, image_id: str) -> Record:
    """:raises NotFound: the user sees no such image."""
    try:
        uuid.UUID(image_id)
    except ValueError:
        found = None
    else:
        found = kept(deps).seen.record(ctx, image_id)
    if found is None:
        raise exception.NotFound("Image not found.")
    return _record(found)


def delete(deps: Deps, ctx: RequestContext, image_id: str) -> None:
    """:raises CaasError: what Glance says."""
    kept(deps).seen.remove(ctx, get(deps, ctx, image_id).id)


def set_properties(
    deps: Deps, ctx: RequestContext, item: Record, after: dict[str, str]
) -> None:
    """Those that are not named go.

    :raises BadRequest: one has the name of something that is no property.
    :raises CaasError: what Glance says.
    """
    wrong = sorted(set(after) & _OWN)
    if wrong:
        raise exception.BadRequest(
            f"Metadata of images cannot be named {', '.join(wrong)}."
        )
    before = item.properties
    changes: list[dict[str, Any]] = [
        {"op": "remove", "path": f"/{_escaped(key)}"}
        for key in before
        if key not in after
    ]
    changes += [
        {
            "op": "replace" if key in before else "add",
            "path": f"/{_escaped(key)}",
            "value": value,
        }
        for key, value in after.items()
        if before.get(key) != value
    ]
    if changes:
        kept(deps).seen.change(ctx, item.id, changes)


def _escaped(key: str) -> str:
    """As JSON pointers have it."""
    return key.replace("~", "~0").replace("/", "~1")
