"""How images are shown.

What the configuration of an image says comes from who pushed it: whatever is
not of the form it should be is left out.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from caas.api.v1.views import common
from caas.core.catalog import Detail, Taken, Tree
from caas.model import loose, steps
from caas.model.containers import Container
from caas.model.image_policies import Finding
from caas.model.images import Image, PlacedLayer, Relative, Step


def image(item: Image, url: str) -> dict[str, Any]:
    return {
        "id": item.id,
        "name": item.name,
        "namespace": item.namespace,
        "repository": item.repository,
        "tag": item.tag,
        "digest": item.digest,
        "media_type": item.media_type,
        "artifact_type": item.artifact_type,
        "size": item.size,
        "unpacked_size": item.unpacked_size,
        "layer_count": item.layers,
        "platforms": item.platforms,
        "problem": item.problem,
        "project_id": item.project_id,
        "public": item.public,
        "user_id": item.user_id,
        "created_at": common.time(item.created_at),
        "updated_at": common.time(item.updated_at),
        "deleted_at": common.optional_time(item.deleted_at),
        "links": common.links(url, f"/v1/images/{item.id}"),
    }


def detail(
    item: Detail, warnings: Sequence[Finding], url: str
) -> dict[str, Any]:
    config = item.manifest.config
    return {
        **image(item.image, url),
        "parts": [
            {
                "digest": part.digest,
                "platform": platform(part),
                "size": part.size,
                "problem": part.problem,
            }
            for part in item.parts
        ],
        "platform": platform(item.manifest),
        "built_at": loose.text(config, "created"),
        "author": loose.text(config, "author"),
        "annotations": item.manifest.annotations,
        "config": _config(loose.mapping(config, "config")),
        "layers": [layer(each) for each in item.layers],
        "warnings": [each.message for each in warnings],
    }


def platform(manifest: Any) -> str:
    """ "" for what has none."""
    if not manifest.os and not manifest.architecture:
        return ""
    return f"{manifest.os}/{manifest.architecture}"


def _config(config: Mapping[str, Any]) -> dict[str, Any]:
    labels = loose.mapping(config, "Labels")
    return {
        "entrypoint": loose.texts(config, "Entrypoint"),
        "command": loose.texts(config, "Cmd"),
        "env": loose.texts(config, "Env"),
        "working_dir": loose.text(config, "WorkingDir"),
        "user": loose.text(config, "User"),
        "labels": {k: v for k, v in labels.items() if isinstance(v, str)},
        "ports": sorted(loose.mapping(config, "ExposedPorts")),
        "volumes": sorted(loose.mapping(config, "Volumes")),
        "stop_signal": loose.text(config, "StopSignal"),
    }


def layer(item: PlacedLayer) -> dict[str, Any]:
    return {**dataclasses.asdict(item), "parent_id": item.parent_id or None}


def step(item: Step) -> dict[str, Any]:
    return {
        "instruction": steps.instruction(item.created_by),
        "created_by": item.created_by,
        "created": item.created,
        "author": item.author,
        "comment": item.comment,
        "size": item.layer.size if item.layer else 0,
        "layer": layer(item.layer) if item.layer else None,
    }


def tree(item: Tree) -> dict[str, Any]:
    return {
        "parents": [_relative(each) for each in item.below],
        "same": [_relative(each) for each in item.same],
        "children": [_relative(each) for each in item.above],
        "more": item.more,
    }


def _relative(item: Relative) -> dict[str, Any]:
    return {
        "id": item.image.id,
        "name": item.image.name,
        "digest": item.image.digest,
        "size": item.image.size,
        "common_layers": item.common,
        "parent_id": item.parent_id or None,
    }


def use(item: Container, sets: Mapping[str, str]) -> dict[str, Any]:
    """:param sets: names by id."""
    return {
        "set_id": item.set_id,
        "set_name": sets.get(item.set_id, ""),
        "container_id": item.id,
        "container": item.name,
        "status": item.status.value,
        "image": item.spec.image.ref if item.spec else "",
        "project_id": item.project_id,
        "created_at": common.time(item.created_at),
    }


def space(project_id: str, by: str, item: Taken) -> dict[str, Any]:
    return {
        "project_id": project_id,
        "size": item.size,
        "deleted": item.deleted,
        "by": by,
        "parts": [
            {**dataclasses.asdict(part), "id": part.id or None}
            for part in item.parts
        ],
    }
