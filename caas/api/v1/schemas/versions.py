"""Schemas of the version documents, in the form keystoneauth looks for."""

from caas.api.schema import Definition
from caas.api.v1.schemas import common

VIEW: Definition = common.obj(
    {
        "id": common.STRING,
        "status": {"enum": ["CURRENT"]},
        "version": {**common.STRING, "description": "Newest microversion."},
        "max_version": common.STRING,
        "min_version": {
            **common.STRING,
            "description": "Oldest microversion.",
        },
        "links": common.LINKS,
    },
    title="Version",
)

MANY = common.obj({"versions": {"type": "array", "items": VIEW}})
ONE = common.one("version", VIEW)
