"""What a server of several containers is made of, as its image says, or else
its flavor.

The template is JSON: an object with the ``containers`` of a set, as ``/v1``
takes them, and maybe its ``sysctls``.  Containers that name no image are made
from the image of the server; the first one is, as it is what a server is shown
with, and what a rebuild replaces.
"""

import dataclasses
import json
from typing import Any

from caas import exception
from caas.api.compute.operation import Call
from caas.api.schema import Definition, Schema
from caas.api.v1.schemas import containers as containers_schemas
from caas.api.v1.schemas import sets as sets_schemas
from caas.core import images, sets
from caas.model import extra_specs

#: Property of an image in Glance.
PROPERTY = "caas_set_template"

#: Only some may choose CPUs of a host; an image is of whoever uploads it.
_CPUSET = "caas:containers:update:cpuset"

_LONGEST = 1 << 16
_NATIVE: Definition = sets_schemas.CREATE["properties"]["set"]["properties"]
_SCHEMA = Schema(
    {
        "type": "object",
        "properties": {
            "containers": {
                **_NATIVE["containers"],
                "items": {**containers_schemas.CREATE, "required": ["name"]},
            },
            "sysctls": _NATIVE["sysctls"],
        },
        "required": ["containers"],
        "additionalProperties": False,
    }
)


@dataclasses.dataclass(frozen=True)
class Template:
    """:ivar containers: as in a request of ``/v1``, by Index and name.
    :ivar sysctls: likewise.
    """

    containers: list[dict[str, Any]]
    sysctls: dict[str, str]


def of_image(call: Call, image: str) -> Template | None:
    """The one an image has; None without.

    :param image: of the server, as the request names it.
    :raises BadRequest: it cannot be used, with why; or there is no image.
    """
    text = images.property_of(call.deps, call.ctx, image, PROPERTY)
    if not text.strip():
        return None
    made = parse(text, image, f"The {PROPERTY} of image {image}")
    if any(each.get("cpuset") is not None for each in made.containers):
        call.require(_CPUSET)
    return made


def of_flavor(call: Call, flavor: str, image: str) -> Template | None:
    """The one a flavor has; None without.

    :param flavor: id or name.
    :raises BadRequest: it cannot be used, with why; or there is no flavor.
    """
    found = sets.flavor_of(call.deps, call.ctx, flavor)
    text = found.extra_specs.get(extra_specs.TEMPLATE, "")
    if not text.strip():
        return None
    what = f"The {extra_specs.TEMPLATE} of flavor {found.name}"
    return parse(text, image, what)


def parse(text: str, image: str, what: str) -> Template:
    """:param what: is parsed, as the beginning of a sentence.

    :raises BadRequest: it cannot be used.
    """
    if len(text) > _LONGEST:
        raise _unusable(what, f"has more than {_LONGEST} characters")
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise _unusable(what, "is no JSON") from None
    problem = _SCHEMA.error(found, "the template")
    if problem is not None:
        raise _unusable(what, f"cannot be used: {problem.rstrip('.')}")
    containers = sorted(
        found["containers"],
        key=lambda each: (each.get("index", 0), each["name"]),
    )
    if "image" in containers[0]:
        raise _unusable(
            what,
            f"cannot be used: container {containers[0]['name']!r} is the "
            "first one, and is made from the image of the server, so it must "
            "name none",
        )
    for each in containers:
        each.setdefault("image", image)
    return Template(containers, found.get("sysctls") or {})


def _unusable(what: str, why: str) -> exception.BadRequest:
    return exception.BadRequest(f"{what} {why}.")
