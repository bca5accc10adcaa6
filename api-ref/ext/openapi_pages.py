"""Sphinx directives that show parts of openapi.yaml.

``.. operations:: TAG`` shows the operations of a noun, ``.. objects::`` the
schemas they refer to.  So pages cannot be behind the API.
"""

import pathlib
from collections.abc import Iterator
from typing import Any

import yaml
from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

METHODS = ("get", "post", "put", "patch", "delete")


def _document(directive: SphinxDirective) -> dict[str, Any]:
    source = pathlib.Path(directive.env.srcdir) / "openapi.yaml"
    directive.env.note_dependency(str(source))
    with source.open() as stream:
        document: dict[str, Any] = yaml.safe_load(stream)
    return document


def _parse(directive: SphinxDirective, lines: list[str]) -> list[nodes.Node]:
    node = nodes.section()
    node.document = directive.state.document
    text = StringList(lines, source="openapi.yaml")
    directive.state.nested_parse(text, 0, node, match_titles=True)
    return list(node.children)


class Operations(SphinxDirective):
    """All operations with one tag."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        document = _document(self)
        lines: list[str] = []
        for path, place in document["paths"].items():
            for method in METHODS:
                operation = place.get(method)
                if operation and self.arguments[0] in operation["tags"]:
                    lines += _operation(method, path, operation)
        if not lines:
            raise self.error(f"no operation has the tag {self.arguments[0]}")
        return _parse(self, lines)


class Objects(SphinxDirective):
    """All named schemas."""

    def run(self) -> list[nodes.Node]:
        lines: list[str] = []
        for name, schema in _document(self)["components"]["schemas"].items():
            lines += ["", f".. _object-{name}:", "", *_title(name)]
            if schema.get("description"):
                lines += [schema["description"], ""]
            lines += _fields(schema)
        return _parse(self, lines)


def _title(text: str) -> list[str]:
    return [text, "-" * len(text), ""]


def _operation(method: str, path: str, operation: dict[str, Any]) -> list[str]:
    lines = [
        "",
        f".. _operation-{operation['operationId']}:",
        "",
        *_title(operation["summary"].rstrip(".")),
        f"``{method.upper()} {path}``",
        "",
    ]
    if operation.get("description"):
        text = operation["description"].replace("`", "``")
        lines += [*text.splitlines(), ""]
    policy = operation["x-policy"]
    lines += [f"Policy: ``{policy}``" if policy else "Needs no token.", ""]
    since = operation["x-min-version"]
    until = operation.get("x-max-version")
    if since != "1.0" or until:
        lines += [f"Version: {since} to {until or 'the newest'}", ""]
    parameters = [p for p in operation["parameters"] if p["in"] != "header"]
    if parameters:
        lines += ["Parameters:", ""]
        lines += _table(
            [
                (
                    p["name"],
                    p["in"],
                    _type(p["schema"]),
                    _words(p, p["schema"]),
                )
                for p in parameters
            ],
            ("Name", "In", "Type", "Meaning"),
        )
    body = operation.get("requestBody")
    if body:
        lines += ["Body:" if body["required"] else "Body (optional):", ""]
        lines += _fields(_json(body))
    for status, response in operation["responses"].items():
        if status == "default":
            continue
        lines += [f"Answer {status}. {response['description']}", ""]
        if "content" in response:
            schema = _json(response)
            if schema is not None:
                lines += _fields(schema)
    return lines


def _json(holder: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = holder["content"]
    media: dict[str, Any] = next(iter(content.values()))
    schema: dict[str, Any] = media["schema"]
    return schema


def _fields(schema: dict[str, Any]) -> list[str]:
    if "$ref" in schema:
        return [_type(schema), ""]
    rows = list(_rows(schema, ""))
    if not rows:
        return ["An object." if schema else "Bytes.", ""]
    return _table(rows, ("Key", "Type", "Meaning"))


def _rows(
    schema: dict[str, Any], above: str
) -> Iterator[tuple[str, str, str]]:
    required = schema.get("required", ())
    for key, value in schema.get("properties", {}).items():
        name = f"{above}{key}"
        meaning = _words(value, value)
        if key not in required:
            meaning = f"Optional. {meaning}".rstrip()
        yield name, _type(value), meaning
        yield from _rows(value, f"{name}.")
        if "items" in value:
            yield from _rows(value["items"], f"{name}[].")


def _words(described: dict[str, Any], schema: dict[str, Any]) -> str:
    parts = [str(described.get("description", "")).replace("`", "``")]
    if "enum" in schema:
        # no literal is empty in reStructuredText
        shown = ", ".join(
            f"``{v}``" if v != "" else "an empty string"
            for v in schema["enum"]
            if v is not None
        )
        parts.append(f"One of {shown}.")
    if "default" in schema:
        parts.append(f"Default: ``{schema['default']!r}``.")
    for key, words in (
        ("minimum", "At least"),
        ("maximum", "At most"),
        ("maxLength", "At most (characters)"),
        ("maxItems", "At most (items)"),
    ):
        if key in schema:
            parts.append(f"{words} {schema[key]}.")
    if "x-must" in schema:
        parts.append(f"Must {schema['x-must']}.".replace("*", r"\*"))
    return " ".join(part for part in parts if part)


def _type(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return f":ref:`{name} <object-{name}>`"
    kind = schema.get("type", "string" if "enum" in schema else "any")
    if isinstance(kind, list):
        kind = " or ".join(kind)
    if "items" in schema:
        kind = f"{kind} of {_type(schema['items'])}"
    return str(kind)


def _table(rows: list[tuple[str, ...]], head: tuple[str, ...]) -> list[str]:
    lines = [".. list-table::", "   :header-rows: 1", "   :widths: auto", ""]
    for number, row in enumerate([head, *rows]):
        cells = list(row)
        if number:
            cells[0] = f"``{cells[0]}``"
        for position, cell in enumerate(cells):
            text = " ".join(cell.split())
            lines.append(f"   {'* -' if position == 0 else '  -'} {text}")
    return [*lines, ""]


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("operations", Operations)
    app.add_directive("objects", Objects)
    return {"parallel_read_safe": True, "version": "1"}
