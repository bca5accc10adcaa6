"""What containers are told of their set, as files.  Pure.

``meta_data.json`` has the form of that of OpenStack's metadata service, as far
as that has a meaning here, so that programs that know the one read the other.
"""

import base64
import hashlib
import json
from typing import Any

from caas.model import inputs, wire

META_DATA = "meta_data.json"
USER_DATA = "user_data"
AUTHORIZED_KEYS = "authorized_keys"


def digest(wanted: wire.Wanted) -> str:
    """Tells one such set of files from another."""
    parts = [_meta_data(wanted, ""), wanted.inputs]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]


def files(
    wanted: wire.Wanted, handed: inputs.Inputs, zone: str
) -> dict[str, bytes]:
    """By name.

    :param zone: the one of this host.
    """
    text = json.dumps(_meta_data(wanted, zone), indent=1, ensure_ascii=False)
    found = {META_DATA: f"{text}\n".encode()}
    if handed.user_data:
        found[USER_DATA] = base64.b64decode(handed.user_data)
    if wanted.public_key:
        found[AUTHORIZED_KEYS] = f"{wanted.public_key.strip()}\n".encode()
    return found


def _meta_data(wanted: wire.Wanted, zone: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "uuid": wanted.id,
        "name": wanted.name,
        "hostname": wanted.hostname,
        "availability_zone": zone,
        "project_id": wanted.project_id,
        "launch_index": 0,
    }
    if wanted.metadata:
        found["meta"] = wanted.metadata
    if wanted.public_key:
        name, key = wanted.key_name, wanted.public_key.strip()
        found["public_keys"] = {name: key}
        found["keys"] = [{"name": name, "type": "ssh", "data": key}]
    return found
