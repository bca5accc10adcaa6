"""Where the API is and which versions it speaks; open to everybody."""

from typing import Any

from caas.api import version
from caas.api.operation import Call, operation
from caas.api.v1.schemas import versions as schemas


def _document(call: Call) -> dict[str, Any]:
    return {
        "id": "v1.0",
        "status": "CURRENT",
        "version": str(version.MAX),
        "max_version": str(version.MAX),
        "min_version": str(version.MIN),
        "links": [{"rel": "self", "href": f"{call.url}/v1/"}],
    }


@operation("GET", "/", policy=None, response=schemas.MANY)
def list_(call: Call) -> dict[str, Any]:
    """List the versions of the API."""
    return {"versions": [_document(call)]}


@operation("GET", "/v1", policy=None, response=schemas.ONE)
def get(call: Call) -> dict[str, Any]:
    """Show version 1 of the API."""
    return {"version": _document(call)}
