"""What is known of the recipe's keys, for error messages, for options of the command line and for documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from berth.recipe.recipe import Recipe
from berth.recipe.section import Section


def section_at(path: Sequence[str]) -> type[Section] | None:
    """The section at a key path, or the one that the list or mapping there holds; None where there are plain values.

    Names of record sets and tasks, and indices of lists, may be given or omitted.
    """
    section: type[Section] | None = Recipe
    for part in path:
        if section is not None and part in section.model_fields:
            section = next(_sections(section.model_fields[part].annotation), None)
    return section


def not_null(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The JSON Schema of a key's value where the value may also be null."""
    return next((option for option in schema.get("anyOf", ()) if option.get("type") != "null"), schema)


def expectation(problem: Mapping[str, Any]) -> str:
    """What a value should have been, of one of pydantic's errors."""
    if problem["type"] == "string_pattern_mismatch":
        pattern = problem["ctx"]["pattern"]
        return next(_descriptions(Recipe.model_json_schema(), pattern), f"text of the pattern {pattern}")
    message = re.sub(r"^(Input should be|(String|List|Dictionary) should have) ", "", str(problem["msg"]))
    return message.replace(" after validation", "")


def _descriptions(schema: Any, pattern: str) -> Iterator[str]:
    """What types of this pattern say of themselves, anywhere in a JSON Schema."""
    if isinstance(schema, dict):
        if schema.get("pattern") == pattern and "description" in schema:
            yield schema["description"]
        schema = list(schema.values())
    if isinstance(schema, list):
        for item in schema:
            yield from _descriptions(item, pattern)


def _sections(annotation: Any) -> Iterator[type[Section]]:
    """The sections that a type names: of ``dict[Name, RecordSet] | None`` RecordSet."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield annotation
    for argument in getattr(annotation, "__args__", ()):
        yield from _sections(argument)
