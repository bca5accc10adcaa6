"""Takes out of an image what caas gave to the container it was made of.  Pure.

The engine writes into the configuration of a new image all that the container
was made with: labels by which the agent knows it, variables that say what it
may use, and names of this host.  None of that is the user's.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any

#: Labels that only the agent gives.
RESERVED = "caas."
#: Variables that only the agent gives.
VARIABLES = "CAAS_"

#: Label and script of a container that user data started, see
#: :mod:`caas.drivers.runtime.base`.
STARTED = "caas.started"
SCRIPT = "/run/caas/user_data"

#: Of the container, in configurations of engines before 26.
_CONTAINER = ("container", "container_config", "docker_version")
#: Names of this host and of the engine's image.
_NAMES = ("Hostname", "Domainname", "Image", "MacAddress")


def stripped(config: bytes) -> bytes:
    """The configuration of an image, without what is not the user's.

    :raises ValueError: it is none.
    """
    found = json.loads(config)
    if not isinstance(found, dict) or not isinstance(
        found.get("config") or {}, dict
    ):
        raise ValueError("the configuration of an image is a JSON object")
    for key in _CONTAINER:
        found.pop(key, None)
    run = found.get("config")
    if run:
        _restore(run)
        for key in _NAMES:
            run.pop(key, None)
        labels = {
            name: value
            for name, value in (run.get("Labels") or {}).items()
            if not name.startswith(RESERVED)
        }
        run["Labels"] = labels or None
        run["Env"] = [
            pair
            for pair in run.get("Env") or ()
            if not pair.startswith(VARIABLES)
        ]
    return json.dumps(found, separators=(",", ":")).encode()


def _restore(run: dict[str, Any]) -> None:
    """What it runs, if that was given to user data as arguments."""
    told = (run.get("Labels") or {}).get(STARTED)
    if not isinstance(told, str):
        return
    was = json.loads(told)
    entrypoint, command = was["Entrypoint"], was["Cmd"]
    # not what the user has given the image since
    if run.get("Entrypoint") == [SCRIPT]:
        run["Entrypoint"] = entrypoint
    if run.get("Cmd") == [*(entrypoint or ()), *(command or ())]:
        run["Cmd"] = command


def replaced(body: bytes, new: Mapping[str, bytes]) -> bytes:
    """A manifest or an index that refers to other bytes.

    :param new: what to refer to instead, by digest.
    :raises ValueError: it is neither.
    """
    found = json.loads(body)
    if not isinstance(found, dict):
        raise ValueError("a manifest is a JSON object")
    for one in _descriptors(found):
        if (data := new.get(str(one.get("digest")))) is not None:
            one["digest"], one["size"] = digest(data), len(data)
            one.pop("data", None)
    return json.dumps(found, indent=3).encode()


def blobs(body: bytes) -> tuple[str, list[str]]:
    """Digests of what a manifest is made of: configuration, and layers.

    :returns: ("", []) of an index.
    :raises ValueError: it is neither.
    """
    found = json.loads(body)
    if not isinstance(found, dict):
        raise ValueError("a manifest is a JSON object")
    config = found.get("config")
    if not isinstance(config, dict):
        return "", []
    layers = found.get("layers")
    if not isinstance(layers, list):
        layers = []
    return str(config.get("digest")), [
        str(layer.get("digest")) for layer in layers if isinstance(layer, dict)
    ]


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _descriptors(manifest: Mapping[str, Any]) -> list[dict[str, Any]]:
    listed = [manifest.get("config")]
    for key in ("layers", "manifests"):
        more = manifest.get(key)
        listed += more if isinstance(more, list) else []
    return [one for one in listed if isinstance(one, dict)]
