"""The recipe's keys as text (`berth schema`): type, default and meaning of each, from the models themselves."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterator
from typing import Any

from berth.recipe import Recipe

WIDTH = 100


def describe() -> str:
    """One entry per key, indented as in a recipe file."""
    return "\n".join(_section(Recipe.model_json_schema(), 0))


def _section(schema: dict[str, Any], depth: int, definitions: dict[str, Any] | None = None) -> Iterator[str]:
    definitions = definitions if definitions is not None else schema.get("$defs", {})
    for name, field in schema["properties"].items():
        inner = _resolve(field, definitions)
        default = (
            f", default {json.dumps(field['default'])}"
            if "default" in field and ("anyOf" in field or inner is field)
            else ""
        )
        yield f"{'  ' * depth}{name}: {_kind(field, definitions)}{default}"
        if description := field.get("description") or inner.get("description"):
            yield from textwrap.wrap(
                " ".join(description.split()),
                WIDTH,
                initial_indent="  " * depth + "    # ",
                subsequent_indent="  " * depth + "    # ",
            )
        if "properties" in inner:
            nesting = {"array": "-", "object": "NAME:"}.get(field.get("type", ""))
            if nesting:
                yield f"{'  ' * (depth + 1)}{nesting}"
            yield from _section(inner, depth + (2 if nesting else 1), definitions)


def _resolve(field: dict[str, Any], definitions: dict[str, Any]) -> dict[str, Any]:
    """The section that a field holds (itself, or null, in a list or by name); the field itself if it holds none."""
    for inner in (field, *field.get("anyOf", ()), field.get("items"), *field.get("patternProperties", {}).values()):
        if isinstance(inner, dict) and "$ref" in inner:
            section: dict[str, Any] = definitions[inner["$ref"].rsplit("/", 1)[1]]
            return section
    return field


def _kind(field: dict[str, Any], definitions: dict[str, Any]) -> str:
    if "enum" in field:
        return " | ".join(map(str, field["enum"]))
    if "const" in field:
        return str(field["const"])
    if "anyOf" in field:
        return " | ".join(_kind(option, definitions) for option in field["anyOf"])
    if "$ref" in field:
        return "section"
    kind = str(field.get("type", "any"))
    if kind == "array":
        return f"list of {_kind(field['items'], definitions)}s"
    if kind == "object":
        return "sections by name"
    limits = [
        f"{word} {field[key]:g}"
        for key, word in (
            ("minimum", "at least"),
            ("exclusiveMinimum", "more than"),
            ("maximum", "at most"),
            ("exclusiveMaximum", "less than"),
        )
        if key in field
    ]
    return kind + (f" ({', '.join(limits)})" if limits else "")
