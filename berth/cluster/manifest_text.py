"""Manifests as YAML that every parser reads alike, also those of YAML 1.1, such as Kubernetes' own."""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString, LiteralScalarString

LONGEST_LINE = 10_000  # so that ruamel.yaml does not wrap text
# Words that are texts without quotes, except those that YAML 1.1 takes for truth values or nothing.
PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9._/-]*")
NOT_TEXT = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})
# Control characters, what ends a line in YAML or JavaScript, a byte order mark, and what is no character.
UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


def text(documents: Sequence[Mapping[str, Any]]) -> str:
    """The manifests as one YAML stream."""
    stream = io.StringIO()
    yaml = YAML(typ="rt", pure=True)
    yaml.width = LONGEST_LINE
    yaml.dump_all([_quoted(document) for document in documents], stream)
    return stream.getvalue()


def escaped(json_text: str) -> str:
    """JSON whose strings hold escapes instead of characters that would end a line, or that YAML does not permit."""
    return UNPRINTABLE.sub(lambda found: f"\\u{ord(found.group()):04x}", json_text)


def _quoted(value: Any) -> Any:
    """The value with quotes around all texts but plain words: in YAML 1.1 `yes` is true, and `1_0` is ten."""
    if isinstance(value, dict):
        return {_quoted(key): _quoted(each) for key, each in value.items()}
    if isinstance(value, list):
        return [_quoted(each) for each in value]
    if isinstance(value, str) and not isinstance(value, LiteralScalarString) and not _is_plain(value):
        return DoubleQuotedScalarString(value)
    return value


def _is_plain(value: str) -> bool:
    return PLAIN.fullmatch(value) is not None and value.lower() not in NOT_TEXT
