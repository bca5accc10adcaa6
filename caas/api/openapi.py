"""The OpenAPI document of the API, made from the registry.

``python -m caas.api.openapi`` prints it; ``api-ref/source/openapi.yaml`` is a
copy that a test keeps in step.
"""

import re
import sys
from typing import Any

import yaml

import caas.api.v1  # noqa: F401  registers the operations
from caas.api import version
from caas.api.operation import REGISTRY, Operation
from caas.api.schema import Definition
from caas.api.v1.schemas import common

ERROR: Definition = common.obj(
    {
        "error": common.obj(
            {
                "code": common.INTEGER,
                "title": common.STRING,
                "message": common.STRING,
                "request_id": common.STRING,
            }
        )
    },
    title="Error",
)


def document() -> dict[str, Any]:
    """The whole document, in plain types."""
    components: dict[str, Definition] = {}
    paths: dict[str, Any] = {}
    for operation in sorted(
        REGISTRY.operations, key=lambda o: (o.path, o.method)
    ):
        place = paths.setdefault(operation.path, {})
        place[operation.method.lower()] = _operation(operation, components)
    error = _schema(ERROR, components)
    for place in paths.values():
        for shown in place.values():
            shown["responses"]["default"] = {
                "description": "An error, in one sentence.",
                **_json(error),
            }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Containers as a Service",
            "version": str(version.MAX),
            "license": {
                "name": "Apache-2.0",
                "identifier": "Apache-2.0",
            },
        },
        "servers": [{"url": "http://127.0.0.1:9517"}],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(components.items())),
            "securitySchemes": {
                "token": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "X-Auth-Token",
                }
            },
        },
    }


def _operation(
    operation: Operation, components: dict[str, Definition]
) -> dict[str, Any]:
    shown: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "tags": [operation.name.split(".")[0]],
        "parameters": [
            *_path_parameters(operation),
            *_query_parameters(operation, components),
        ],
        "responses": {
            str(operation.status): {
                "description": "Done."
                if operation.status != 202
                else "Accepted; it is being done.",
                **(
                    _json(_schema(operation.response.definition, components))
                    if operation.response
                    else {}
                ),
            }
        },
        "security": [{"token": []}] if operation.policy else [],
        "x-policy": operation.policy,
        "x-min-version": str(operation.versions[0]),
    }
    if operation.description:
        shown["description"] = operation.description
    if operation.versions[1] is not None:
        shown["x-max-version"] = str(operation.versions[1])
    if operation.body is not None:
        shown["requestBody"] = {
            "required": not operation.body_optional,
            **_json(_schema(operation.body.definition, components)),
        }
    if operation.policy is not None:
        shown["parameters"].append(_VERSION)
    return shown


_VERSION = {
    "name": "OpenStack-API-Version",
    "in": "header",
    "schema": {"type": "string"},
    "description": f"{version.SERVICE_TYPE} and a version, such as "
    f"{version.SERVICE_TYPE} {version.MAX}; the oldest when left out.",
}


def _json(schema: Definition) -> dict[str, Any]:
    return {"content": {"application/json": {"schema": schema}}}


def _path_parameters(operation: Operation) -> list[dict[str, Any]]:
    return [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": {"type": "string"},
        }
        for name in re.findall(r"{(\w+)}", operation.path)
    ]


def _query_parameters(
    operation: Operation, components: dict[str, Definition]
) -> list[dict[str, Any]]:
    found = []
    for name, definition in operation.query.definition.get(
        "properties", {}
    ).items():
        schema = dict(_schema(definition, components))
        parameter = {"name": name, "in": "query"}
        if "description" in schema:
            parameter["description"] = schema.pop("description")
        found.append({**parameter, "schema": schema})
    return found


def _schema(value: Any, components: dict[str, Definition]) -> Any:
    """The schema for other readers: titled ones by reference, patterns in
    the dialect of JavaScript."""
    if isinstance(value, list):
        return [_schema(item, components) for item in value]
    if not isinstance(value, dict):
        return value
    plain = {
        key: item.replace(r"\Z", "$")
        if key == "pattern" and isinstance(item, str)
        else _schema(item, components)
        for key, item in value.items()
    }
    title = plain.get("title")
    if not isinstance(title, str) or plain.get("type") != "object":
        return plain
    components.setdefault(title, plain)
    assert components[title] == plain, f"two schemas are named {title}"
    return {"$ref": f"#/components/schemas/{title}"}


class _Dumper(yaml.SafeDumper):
    """Without anchors: schemas share parts, readers need not know."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def main() -> None:
    sys.stdout.write(
        "# Made by tools/generate from caas/api; do not edit.\n"
        + yaml.dump(document(), Dumper=_Dumper, sort_keys=False, width=79)
    )


if __name__ == "__main__":
    main()
