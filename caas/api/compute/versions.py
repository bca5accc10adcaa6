"""Where the API is and which versions it speaks; open to everybody."""

from typing import Any

from caas.api.compute import version
from caas.api.compute.operation import Call, route

#: When Nova brought them, as it says.
_UPDATED = {"v2.0": "2011-01-21T11:33:21Z", "v2.1": "2013-07-23T11:33:21Z"}


def _document(base: str, name: str, *, types: bool) -> dict[str, Any]:
    """:param base: URL of the API without a version."""
    current = name == "v2.1"
    path = "v2.1" if current else "v2"
    document: dict[str, Any] = {
        "id": name,
        "status": "CURRENT" if current else "SUPPORTED",
        "version": str(version.MAX) if current else "",
        "min_version": str(version.MIN) if current else "",
        "updated": _UPDATED[name],
        "links": [{"rel": "self", "href": f"{base}/{path}/"}],
    }
    if types:
        document["links"].append(
            {
                "rel": "describedby",
                "type": "text/html",
                "href": "http://docs.openstack.org/",
            }
        )
        document["media-types"] = [
            {
                "base": "application/json",
                "type": "application/vnd.openstack.compute+json;version="
                + ("2.1" if current else "2"),
            }
        ]
    return document


def _base(call: Call) -> str:
    return call.url.rpartition("/")[0]


@route("GET", "/", policy=None)
def list_(call: Call) -> dict[str, Any]:
    """List the versions."""
    return {
        "versions": [
            _document(_base(call), name, types=False) for name in _UPDATED
        ]
    }


@route("GET", "/v2.1", policy=None)
def current(call: Call) -> dict[str, Any]:
    """Show the version with microversions."""
    return {"version": _document(_base(call), "v2.1", types=True)}


@route("GET", "/v2", policy=None)
def legacy(call: Call) -> dict[str, Any]:
    """Show the version without microversions."""
    return {"version": _document(_base(call), "v2.0", types=True)}


@route("GET", "/versions/{version_id}", policy=None)
def get(call: Call) -> dict[str, Any]:
    """Show a version; asked for below one, as old clients do."""
    name = call.args["version_id"]
    name = {"v2": "v2.0"}.get(name, name)
    if name not in _UPDATED:
        from caas import exception

        raise exception.NotFound("The resource could not be found.")
    return {"version": _document(_base(call), name, types=True)}


def choices(base: str, path: str) -> dict[str, Any]:
    """For a path that begins with no version: where it may be."""
    found = []
    for name in _UPDATED:
        made = _document(base, name, types=True)
        href = made["links"][0]["href"].rstrip("/") + path
        found.append(
            {
                "id": name,
                "status": made["status"],
                "links": [{"rel": "self", "href": href}],
                "media-types": made["media-types"],
            }
        )
    return {"choices": found}
