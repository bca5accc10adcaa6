"""From the request for a server to the set it means."""

import ipaddress
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from caas import exception
from caas.api.compute import template
from caas.api.compute.operation import Call, forbidden
from caas.api.compute.schemas.common import integer
from caas.api.compute.schemas.servers import ENV, VARIABLE
from caas.core import hosts
from caas.core.sets import MAX_METADATA
from caas.model import hints
from caas.model.query import Query

#: Scheduler hints that mean something to Nova and nothing here, and why.
_NO_HINTS = {
    "build_near_host_ip": "hosts have no addresses that users know; name "
    "servers by same_host",
    "cidr": "hosts have no addresses that users know; name servers by "
    "same_host",
    "different_cell": "there are no cells",
    "target_cell": "there are no cells",
}
_NAME = re.compile(r"[^a-z0-9]+")
_ENV = re.compile(rf"{ENV}(?P<name>{VARIABLE})")


def of_request(call: Call) -> dict[str, Any]:
    """The body of :func:`caas.core.sets.create`.

    :raises BadRequest: it asks for what sets do not have.
    """
    asked = call.body["server"]
    _check_networks(asked.get("networks"))
    _check_groups(asked.get("security_groups") or [])
    given = _given(call.body)
    zone, host = _place(call, asked)
    minimum = integer(asked.get("min_count", 1))
    maximum = integer(asked.get("max_count", minimum))
    if minimum > maximum:
        raise exception.BadRequest("min_count must be <= max_count")
    metadata = asked.get("metadata") or {}
    if len(metadata) > MAX_METADATA:
        raise exception.QuotaExceeded(
            f"Maximum number of metadata items exceeds {MAX_METADATA}"
        )
    boots = _boots(asked)
    made = None
    if boots:
        made = template.of_image(call, boots) or template.of_flavor(
            call, str(asked["flavorRef"]), boots
        )
    return {
        "name": asked["name"],
        "description": asked.get("description") or "",
        "flavor": str(asked["flavorRef"]),
        "metadata": metadata,
        "tags": asked.get("tags") or [],
        "availability_zone": zone,
        "server_group": _group(given.get("group")),
        "hints": hints.Hints(
            same_host=tuple(_several(given.get("same_host"))),
            different_host=tuple(_several(given.get("different_host"))),
            query=_query(call, given.get("query")),
            host=host,
        ).to_dict(),
        "network": "none" if asked.get("networks") == "none" else "auto",
        "hostname": _hostname(asked.get("hostname")),
        **_access(asked),
        "min_count": minimum,
        "max_count": maximum,
        "key_name": asked.get("key_name"),
        **handed(asked),
        "sysctls": made.sysctls if made else {},
        "containers": _containers(asked, metadata, made, boots),
    }


def handed(asked: dict[str, Any]) -> dict[str, Any]:
    """What is handed into the containers, in the words of core: only what the
    request names.
    """
    found: dict[str, Any] = {}
    if "user_data" in asked:
        found["user_data"] = asked["user_data"]
    if "personality" in asked:
        found["files"] = [
            # from the root, as Nova takes them
            {**each, "path": "/" + each["path"].lstrip("/")}
            for each in asked["personality"]
        ]
    return found


def env_of(metadata: Mapping[str, str]) -> dict[str, str]:
    """Variables that metadata give the containers.

    What names none was not given by this API, which refuses it.
    """
    return {
        found["name"]: value
        for key, value in metadata.items()
        if (found := _ENV.match(key))
    }


def words(asked: dict[str, Any]) -> dict[str, Any]:
    """What a request calls a server from now on, in the words of core."""
    found: dict[str, Any] = {
        k: asked[k] for k in ("name", "description") if k in asked
    }
    if found.get("description", "") is None:
        found["description"] = ""
    hostname = _hostname(asked.get("hostname"))
    if hostname:
        found["hostname"] = hostname
    return found | _access(asked)


def _access(asked: dict[str, Any]) -> dict[str, str]:
    return {
        key: str(ipaddress.ip_address(asked[name]))
        for name, key in (
            ("accessIPv4", "access_ipv4"),
            ("accessIPv6", "access_ipv6"),
        )
        if name in asked
    }


def _hostname(text: str | None) -> str | None:
    """A label of a name is what a set has."""
    if text is None:
        return None
    label = text.partition(".")[0].lower().replace("_", "-")[:63].strip("-")
    return label or None


def _boots(asked: dict[str, Any]) -> str:
    """The image of the server: what it names, or that of the device it boots
    from.
    """
    for each in _devices(asked, "block_device_mapping_v2"):
        if not asked.get("imageRef") and str(each.get("boot_index")) == "0":
            return each.get("uuid") or each.get("image_id") or ""
    return asked.get("imageRef") or ""


def _devices(asked: dict[str, Any], key: str) -> list[dict[str, Any]]:
    """Those that it is to have: of others the request says so."""
    return [each for each in asked.get(key) or [] if not each.get("no_device")]


def _containers(
    asked: dict[str, Any],
    metadata: dict[str, str],
    made: template.Template | None,
    boots: str,
) -> list[dict[str, Any]]:
    """One for the image, or those its template has, and one for each device
    made of an image.

    :param boots: image of the server.
    """
    env = env_of(metadata)
    disk_index = 0
    found: list[dict[str, Any]] = []
    image = asked.get("imageRef") or ""
    if made is not None:
        found += made.containers
        disk_index = max(each.get("index", 0) for each in found)
    elif image:
        found.append({"name": "main", "image": image, "index": 0})
    if _devices(asked, "block_device_mapping"):
        raise exception.BadRequest(
            "Block Device Mapping is Invalid: volumes are not supported for "
            "container sets; use block_device_mapping_v2 with images."
        )
    for each in _devices(asked, "block_device_mapping_v2"):
        source = each.get("source_type")
        if source == "blank":
            # the volume of the set, which its flavor gives it
            continue
        if source != "image":
            raise exception.BadRequest(
                "Block Device Mapping is Invalid: source_type "
                f"{source or 'volume'!r} is not supported for container "
                "sets: their disks are containers, made from images."
            )
        uuid = each.get("uuid") or each.get("image_id") or ""
        if not uuid:
            raise exception.BadRequest(
                "Block Device Mapping is Invalid: an image needs its uuid."
            )
        index = each.get("boot_index")
        number = 0 if index in (None, "") else int(str(index))
        if (image or made) and number == 0 and uuid == boots:
            # clients say the image twice
            continue
        if number < 0 or index is None:
            disk_index += 1
            number = disk_index
        disk_index = max(disk_index, number)
        found.append(
            {
                "name": _name(each, found),
                "image": uuid,
                "index": number,
            }
        )
    if not found:
        raise exception.BadRequest(
            "Invalid imageRef provided. A server of containers needs an "
            "image, or a block device made from one."
        )
    for container in found:
        container["env"] = {**container.get("env", {}), **env}
    return found


def _name(device: dict[str, Any], others: list[dict[str, Any]]) -> str:
    """By its tag, or by the name of the device."""
    text = device.get("tag") or device.get("device_name") or ""
    taken = [each["name"] for each in others]
    return container_name(text.rpartition("/")[2], taken)


def container_name(text: str, taken: Collection[str]) -> str:
    """One that a container may have, and none has yet.

    :param text: what it was asked to be, "" for nothing.
    """
    name = _NAME.sub("-", text.lower()).strip("-")[:50]
    if not name and not taken:
        return "main"
    start, number = name or "disk", 0 if name else 1
    while True:
        found = f"{start}-{number}" if number else start
        if found not in taken:
            return found
        number += 1


def _check_networks(networks: Any) -> None:
    if networks in (None, "auto", "none", []):
        return
    if isinstance(networks, str):
        raise exception.BadRequest(
            "Invalid input for field/attribute networks. It must be a list, "
            "'auto' or 'none'."
        )
    raise exception.BadRequest(
        "Choosing networks, ports and addresses is not supported for "
        "container sets: there is one network, which gives each an address; "
        "leave out networks, or ask for 'auto' or 'none'."
    )


def _check_zone(call: Call, zone: str | None) -> None:
    """Sets wait for a zone to come; servers never did."""
    if zone is None:
        return
    query = Query({"availability_zone": zone, "enabled": True}, limit=1)
    if not hosts.list_(call.deps, call.ctx, query):
        raise exception.BadRequest(
            "The requested availability zone is not available"
        )


def _check_groups(groups: list[dict[str, Any]]) -> None:
    for each in groups:
        name = each.get("name", "default")
        if name != "default":
            raise exception.BadRequest(
                f"Unable to find security_group with name or id '{name}'"
            )


def _given(body: dict[str, Any]) -> dict[str, Any]:
    """The hints of a request.  Those that Nova does not know are of no
    effect there either.

    :raises BadRequest: they are of something that there is not.
    """
    for key in ("os:scheduler_hints", "OS-SCH-HNT:scheduler_hints"):
        if key in body:
            break
    else:
        return {}
    found: dict[str, Any] = body[key]
    for name, why in _NO_HINTS.items():
        if found.get(name):
            raise exception.BadRequest(
                f"The scheduler hint {name} is not supported for container "
                f"sets: {why}."
            )
    return found


def _group(value: str | list[str] | None) -> str | None:
    """The one server group."""
    found = _several(value)
    if len(found) > 1:
        raise exception.BadRequest(
            "The scheduler hint group names several server groups; a server "
            "can be in one."
        )
    return found[0] if found else None


def _several(value: str | list[str] | None) -> list[str]:
    """One may stand alone."""
    if not value:
        return []
    return [value] if isinstance(value, str) else value


def _query(call: Call, value: Any) -> str:
    """:raises BadRequest: it is none."""
    if not value:
        return ""
    if not isinstance(value, str):
        raise exception.BadRequest(
            "The scheduler hint query has to be a text with a list in JSON."
        )
    try:
        hints.parse(value, names=call.allows("caas:sets:get:host"))
    except ValueError as error:
        raise exception.BadRequest(
            f"The scheduler hint query is of no use: {error}."
        ) from None
    return value


def _place(call: Call, asked: dict[str, Any]) -> tuple[str | None, str]:
    """Zone and host, "" for any.

    A host is named as ``ZONE:HOST`` or ``ZONE:HOST:NODE``, or by itself from
    2.74 on; a node is the host.

    :raises BadRequest: they are not there, or do not go together.
    :raises Forbidden: only operators name hosts.
    """
    named = [asked.get(key) or "" for key in ("host", "hypervisor_hostname")]
    text = asked.get("availability_zone") or ""
    zone, *forced = text.split(":")
    if len(forced) > 2:
        raise exception.BadRequest(
            "Invalid input received: Unable to parse availability_zone"
        )
    if any(named) or any(forced):
        rule = "caas:sets:create:on_host"
        if not call.allows(rule):
            raise forbidden(rule)
    if any(named) and any(forced):
        raise exception.BadRequest(
            "One mechanism with host and/or hypervisor_hostname and another "
            "mechanism with zone:host:node are mutually exclusive."
        )
    host = _one_host(named if any(named) else forced)
    if any(forced):
        # as Nova, where the zone of a host counts more than the one named
        return (zone if _zone_of(call, host) == zone else None), host
    _check_zone(call, zone or None)
    return zone or None, host


def _one_host(names: Sequence[str]) -> str:
    """:param names: of a host and of its node, either may be ""."""
    found = [each for each in names if each]
    if len(set(found)) > 1:
        raise exception.BadRequest(
            f"Compute host {found[1][:100]} could not be found."
        )
    return found[0] if found else ""


def _zone_of(call: Call, host: str) -> str | None:
    """None: there is no such host, which is found out later."""
    query = Query({"name": host}, limit=1)
    found = hosts.list_(call.deps, call.ctx, query)
    return found[0].zone if found else None
