"""Manifests as clients push them: OCI image manifests and indexes, and those
of Docker's schema 2.  Pure.
"""

import dataclasses
import enum
import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from typing import Any

from caas import exception
from caas.model.images import DIGEST

OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
OCI_EMPTY = "application/vnd.oci.empty.v1+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"

MANIFESTS = frozenset({OCI_MANIFEST, DOCKER_MANIFEST})
INDEXES = frozenset({OCI_INDEX, DOCKER_LIST})
CONFIGS = frozenset({OCI_CONFIG, DOCKER_CONFIG})

#: Bytes of a manifest, or of a configuration; clients expect 4 MiB at least.
MAX_BODY = 8 << 20
#: Layers of a manifest, or manifests of an index.
MAX_PARTS = 1000
#: The digest of no bytes: what some tools, the conformance suite of the
#: distribution specification among them, put in place of a diff id.
NOTHING = f"sha256:{hashlib.sha256().hexdigest()}"
#: Layers that graph drivers of the engine can put on each other.
MAX_LAYERS = 125
#: Labels with this prefix tell an agent what a container is.
RESERVED_LABEL = "caas."

_TYPE = re.compile(
    r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}/"
    r"[A-Za-z0-9][A-Za-z0-9!#$&^_.+-]{0,126}"
)
_WORD = re.compile(r"[A-Za-z0-9._-]{1,64}")


def _spellings(*names: str) -> Mapping[str, str]:
    return {name.casefold(): name for name in names}


_MANIFEST_KEYS = _spellings(
    *("schemaVersion", "mediaType", "artifactType", "config", "layers"),
    *("manifests", "subject", "annotations"),
)
_DESCRIPTOR_KEYS = _spellings(
    *("mediaType", "digest", "size", "urls", "annotations", "data"),
    *("platform", "artifactType"),
)
_CONFIG_KEYS = _spellings(
    *("architecture", "os", "variant", "created", "author", "config"),
    *("rootfs", "history"),
)
_ROOTFS_KEYS = _spellings("type", "diff_ids")
_RUN_KEYS = _spellings(
    *("User", "Env", "Entrypoint", "Cmd", "Labels", "Healthcheck", "Volumes"),
    *("ExposedPorts", "WorkingDir", "StopSignal", "OnBuild", "Shell"),
)


class Kind(enum.StrEnum):
    IMAGE = "image"
    INDEX = "index"
    ARTIFACT = "artifact"


@dataclasses.dataclass(frozen=True)
class Descriptor:
    """:ivar elsewhere: the bytes are not meant to be in a registry.
    :ivar os: of a manifest in an index, "" if it is not said; so is
        ``architecture``.
    """

    media_type: str
    digest: str
    size: int
    elsewhere: bool = False
    os: str = ""
    architecture: str = ""


@dataclasses.dataclass(frozen=True)
class Parsed:
    """:ivar artifact_type: as referrers show it.
    :ivar subject: digest, or "".
    :ivar config: None for an index.
    :ivar layers: of an image the bottom first; blobs of an artifact.
    :ivar children: of an index.
    """

    kind: Kind
    media_type: str
    artifact_type: str
    subject: str
    annotations: dict[str, str]
    config: Descriptor | None = None
    layers: tuple[Descriptor, ...] = ()
    children: tuple[Descriptor, ...] = ()

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """The configuration, if there is one, and the layers."""
        config = (self.config,) if self.config else ()
        return (*config, *self.layers)


@dataclasses.dataclass(frozen=True)
class Config:
    """What the configuration of an image says.

    :ivar body: all of it.
    :ivar diff_ids: digests of its layers unpacked, the bottom first.
    :ivar problem: why no set can be made of it.
    """

    body: dict[str, Any]
    os: str
    architecture: str
    diff_ids: tuple[str, ...]
    problem: str = ""


def parse(media_type: str, body: bytes) -> Parsed:
    """Read a manifest.

    :param media_type: as the client calls it, "" if it does not.
    :raises ManifestInvalid: with what is wrong.
    """
    if len(body) > MAX_BODY:
        raise exception.ManifestInvalid(
            f"The manifest has {len(body)} bytes; {MAX_BODY} are the most."
        )
    data = _load(body, "manifest")
    _check_keys(data, _MANIFEST_KEYS)
    media_type = media_type.partition(";")[0].strip().lower()
    inside = data.get("mediaType") or ""
    if media_type in ("", "application/json", "application/octet-stream"):
        media_type = inside if isinstance(inside, str) else ""
    if inside and inside != media_type:
        raise exception.ManifestInvalid(
            f"The manifest was sent as {media_type[:200]!r}, but its "
            f"mediaType is {str(inside)[:200]!r}; both must be the same."
        )
    if data.get("schemaVersion") != 2:
        raise exception.ManifestInvalid(
            "The manifest is not of schemaVersion 2; the older ones are no "
            "longer taken, push with Docker 1.10 or later."
        )
    if media_type in INDEXES:
        return _index(media_type, data)
    if media_type in MANIFESTS:
        return _manifest(media_type, data)
    raise exception.ManifestInvalid(
        f"A manifest of the type {media_type[:200]!r} is not known here; it "
        "has to be an image manifest or index of OCI, or a manifest or "
        "manifest list of Docker."
    )


def parse_config(body: bytes) -> Config:
    """Read the configuration of an image.

    :raises ManifestInvalid: it is none, or must not be taken.
    """
    data = _load(body, "configuration")
    _check_keys(data, _CONFIG_KEYS)
    config = data.get("config") or {}
    _check_keys(config, _RUN_KEYS)
    labels = config.get("Labels") if isinstance(config, dict) else None
    if isinstance(labels, dict):
        for label in labels:
            if label.startswith(RESERVED_LABEL):
                raise exception.ManifestInvalid(
                    f"The image has the label {label[:200]!r}; labels that "
                    f"begin with {RESERVED_LABEL!r} are those of the service "
                    "itself. Build it without."
                )
    rootfs = data.get("rootfs")
    _check_keys(rootfs, _ROOTFS_KEYS)
    diff_ids = rootfs.get("diff_ids") if isinstance(rootfs, dict) else None
    if not isinstance(diff_ids, list):
        diff_ids = []
    for diff_id in diff_ids:
        if not isinstance(diff_id, str) or not DIGEST.fullmatch(diff_id):
            raise exception.ManifestInvalid(
                f"{str(diff_id)[:200]!r} is no diff id; the configuration has "
                "to have them in the form sha256:HEX."
            )
    os = _word(data.get("os"))
    architecture = _word(data.get("architecture"))
    problem = ""
    if not isinstance(config, dict):
        problem = "its configuration has no 'config' that is an object"
    elif os != "linux":
        problem = f"it is for the system {os or 'unknown'!r}, not for linux"
    elif not architecture:
        problem = "its configuration does not say for which architecture it is"
    return Config(data, os, architecture, tuple(diff_ids), problem)


def _manifest(media_type: str, data: dict[str, Any]) -> Parsed:
    config = _descriptor(data.get("config"), "config")
    layers = _descriptors(data, "layers")
    artifact_type = _media_type(data.get("artifactType"), "artifactType")
    image = config.media_type in CONFIGS
    if config.elsewhere:
        raise exception.ManifestInvalid(
            "The configuration of the manifest has URLs; it has to be here."
        )
    return Parsed(
        kind=Kind.IMAGE if image else Kind.ARTIFACT,
        media_type=media_type,
        artifact_type=artifact_type or config.media_type,
        subject=_subject(data),
        annotations=_annotations(data),
        config=config,
        layers=layers,
    )


def _index(media_type: str, data: dict[str, Any]) -> Parsed:
    return Parsed(
        kind=Kind.INDEX,
        media_type=media_type,
        artifact_type=_media_type(data.get("artifactType"), "artifactType"),
        subject=_subject(data),
        annotations=_annotations(data),
        children=_descriptors(data, "manifests"),
    )


def _load(body: bytes, what: str) -> dict[str, Any]:
    try:
        data = json.loads(
            # else it takes UTF-16 as well, which nobody else does
            body.decode(),
            object_pairs_hook=_object,
            parse_float=_float,
            parse_constant=_float,
        )
    except (ValueError, RecursionError) as error:
        raise exception.ManifestInvalid(
            f"The {what} is not JSON: {str(error)[:200]}."
        ) from None
    if not isinstance(data, dict):
        raise exception.ManifestInvalid(f"The {what} is no JSON object.")
    return data


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Readers do not agree on which of two counts, or merge them."""
    found = dict(pairs)
    if len(found) != len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise exception.ManifestInvalid(
                    f"An object of the JSON has the key {key[:200]!r} twice."
                )
            seen.add(key)
    return found


def _float(text: str) -> float:
    """Neither ``NaN`` nor what is too large: databases refuse both."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text[:50]} is no number there is in JSON")
    return value


def _check_keys(data: Any, known: Mapping[str, str]) -> None:
    """Engines take ``user`` for ``User``: what we would pass over, and the
    policies with us.

    :param data: anything.
    """
    for key in data if isinstance(data, dict) else ():
        name = known.get(key.casefold(), key)
        if name != key:
            raise exception.ManifestInvalid(
                f"An object of the JSON has the key {key[:200]!r}, which some "
                f"programs take for {name!r}; it has to be spelled so."
            )


def _descriptors(data: dict[str, Any], key: str) -> tuple[Descriptor, ...]:
    items = data.get(key)
    if not isinstance(items, list):
        raise exception.ManifestInvalid(
            f"The manifest has no list of {key!r}."
        )
    if len(items) > MAX_PARTS:
        raise exception.ManifestInvalid(
            f"The manifest has {len(items)} {key}; {MAX_PARTS} are the most."
        )
    return tuple(
        _descriptor(item, f"{key}[{n}]") for n, item in enumerate(items)
    )


def _descriptor(item: Any, where: str) -> Descriptor:
    if not isinstance(item, dict):
        raise exception.ManifestInvalid(
            f"The manifest has no descriptor at {where!r}."
        )
    _check_keys(item, _DESCRIPTOR_KEYS)
    size = item.get("size")
    if type(size) is not int or not 0 <= size < 1 << 60:
        raise exception.ManifestInvalid(
            f"The size at {where!r} of the manifest is not a number of bytes."
        )
    media_type = _media_type(item.get("mediaType"), f"{where}.mediaType")
    if not media_type:
        raise exception.ManifestInvalid(
            f"The descriptor at {where!r} of the manifest has no mediaType."
        )
    platform = item.get("platform")
    platform = platform if isinstance(platform, dict) else {}
    return Descriptor(
        media_type=media_type,
        digest=_digest(item.get("digest"), where),
        size=size,
        elsewhere=bool(item.get("urls"))
        or ".foreign." in media_type
        or ".nondistributable." in media_type,
        os=_word(platform.get("os")),
        architecture=_word(platform.get("architecture")),
    )


def _digest(value: Any, where: str) -> str:
    if not isinstance(value, str) or not DIGEST.fullmatch(value):
        raise exception.ManifestInvalid(
            f"The digest at {where!r} of the manifest is not of the form "
            "sha256:HEX, the only one taken here."
        )
    return value


def _media_type(value: Any, where: str) -> str:
    if value is None or value == "":
        return ""
    if not isinstance(value, str) or not _TYPE.fullmatch(value):
        raise exception.ManifestInvalid(
            f"{str(value)[:200]!r} at {where!r} of the manifest is no media "
            "type."
        )
    return value


def _subject(data: dict[str, Any]) -> str:
    if data.get("subject") is None:
        return ""
    return _descriptor(data["subject"], "subject").digest


def _annotations(data: dict[str, Any]) -> dict[str, str]:
    found = data.get("annotations")
    if found is None:
        return {}
    if not isinstance(found, dict) or not all(
        isinstance(value, str) for value in found.values()
    ):
        raise exception.ManifestInvalid(
            "The annotations of the manifest are no object of strings."
        )
    return found


def _word(value: Any) -> str:
    """ "" for what is not a plain word."""
    if isinstance(value, str) and _WORD.fullmatch(value):
        return value
    return ""


def problem_of_layers(
    layers: Sequence[Descriptor], diff_ids: Sequence[str]
) -> str:
    """Why no set can be made of these; "" if one can."""
    if any(layer.elsewhere for layer in layers):
        return "some of its layers are not kept in registries"
    if len(layers) > MAX_LAYERS:
        return f"it has {len(layers)} layers; {MAX_LAYERS} are the most"
    if not layers:
        return "it has no layers"
    if not diff_ids or NOTHING in diff_ids:
        return "its configuration does not say what its layers are"
    return ""
