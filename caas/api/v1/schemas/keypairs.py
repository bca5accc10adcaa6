"""Schemas of key pairs."""

from caas.api.schema import Definition
from caas.api.v1.schemas import common
from caas.core.sshkeys import LONGEST
from caas.model.keypairs import SSH

NAME: Definition = {
    "type": "string",
    "minLength": 1,
    "maxLength": 255,
    # as Nova has it
    "pattern": r"^(?! )[A-Za-z0-9@._ -]*(?<! )\Z",
    "x-must": "have only letters without accents, digits, '@', '.', '_', '-' "
    "and spaces, with no space at either end",
}

_TYPE: Definition = {"type": "string", "enum": [SSH], "default": SSH}

CREATE = common.request(
    "keypair",
    common.obj(
        {
            "name": NAME,
            "type": _TYPE,
            "public_key": {
                "type": ["string", "null"],
                "maxLength": LONGEST,
                "description": "One line, as OpenSSH writes it. Without one a "
                "pair is made.",
            },
        },
        ["name"],
    ),
)

VIEW: Definition = common.obj(
    {
        "id": common.UUID,
        "name": common.STRING,
        "type": {"enum": [SSH]},
        "public_key": common.STRING,
        "fingerprint": {
            **common.STRING,
            "description": "MD5, as Nova shows it.",
        },
        "fingerprint_sha256": {
            **common.STRING,
            "description": "As OpenSSH shows it.",
        },
        "user_id": common.STRING,
        "created_at": common.TIME,
        "links": common.LINKS,
    },
    title="Keypair",
)

MADE: Definition = {
    **VIEW,
    "title": "NewKeypair",
    "properties": {
        **VIEW["properties"],
        "private_key": {
            **common.STRING,
            "description": "In the answer that tells of its making, and never "
            "again: it is not kept.",
        },
    },
}

ONE = common.one("keypair", VIEW)
NEW = common.one("keypair", MADE)
MANY = common.many("keypairs", VIEW)

_USER: dict[str, Definition] = {
    "user_id": {
        "type": "string",
        "minLength": 1,
        "maxLength": 64,
        "description": "Of this user; another than the token's is for "
        "operators.",
    }
}

OF_USER = common.obj(_USER, ())
LIST = common.listing(
    VIEW,
    sort_keys=["created_at", "name", "id"],
    filters={"name": NAME, **_USER},
)
