"""Schemas of looks into containers."""

from caas.api.schema import Definition
from caas.api.v1.schemas import common

_ANY: Definition = {"type": "object"}

STATS = common.one("stats", _ANY)
TOP = common.one("processes", _ANY)
DIFF = common.one("diff", _ANY)
INSPECT = common.one("inspect", _ANY)
FILES = common.one("files", _ANY)

FILES_QUERY = common.obj(
    {
        "path": {
            "type": "string",
            "minLength": 1,
            "maxLength": 4096,
            "pattern": r"^/[^\x00]*\Z",
            "x-must": "be an absolute path",
            "description": "Of a folder, or of one file.",
        }
    }
)
