"""How key pairs are shown."""

from typing import Any
from urllib.parse import quote

from caas.api.v1.views import common
from caas.model.keypairs import Keypair


def keypair(
    item: Keypair, url: str, private_key: str | None = None
) -> dict[str, Any]:
    """:param private_key: if it was made just now."""
    path = f"/v1/keypairs/{quote(item.name, safe='')}"
    view = {
        "id": item.id,
        "name": item.name,
        "type": item.type,
        "public_key": item.public_key,
        "fingerprint": item.fingerprint,
        "fingerprint_sha256": item.sha256,
        "user_id": item.user_id,
        "created_at": common.time(item.created_at),
        "links": common.links(url, path),
    }
    if private_key is not None:
        view["private_key"] = private_key
    return view
