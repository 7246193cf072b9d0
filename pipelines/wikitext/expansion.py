"""Calls of templates that the scanner left in the text → what they show, from the innermost outwards."""

from __future__ import annotations

import re
from collections.abc import Set

from pipelines.wikitext import templates
from pipelines.wikitext.marks import ARGUMENT, CALL, DROPPED, END, EQUALS

_MARK = re.compile(b"[%c%c%c%c]" % (CALL, ARGUMENT, EQUALS, END))
_DROPPED = bytes([DROPPED])
_SHOWN = frozenset(name.encode() for name in templates.TABLE)
# Templates by the beginning of their name, and functions of the parser.
SHOWN_FAMILY = b"lang-"
FUNCTIONS = (b"formatnum",)


def normal_name(name: bytes, template_prefixes: Set[bytes]) -> bytes:
    """A template's name in lower case, single spaces, without "Template:"."""
    name = b" ".join(name.replace(b"_", b" ").replace(_DROPPED, b"").split()).lower()
    prefix, colon, rest = name.partition(b":")
    return rest.strip() if colon and prefix.strip() in template_prefixes else name


def is_shown(name: bytes, template_prefixes: Set[bytes]) -> bool:
    """Whether a template shows anything."""
    name = normal_name(name, template_prefixes)
    return name in _SHOWN or name.startswith(SHOWN_FAMILY) or name.partition(b":")[0] in FUNCTIONS


def expand_calls(marked: bytes, template_prefixes: Set[bytes]) -> bytes:
    """Replace every call by what it shows, or by the mark for something dropped."""
    pieces, at = [], 0
    while (start := marked.find(CALL, at)) >= 0:
        shown, end = _expand_call(marked, start, template_prefixes)
        pieces += [marked[at:start], shown]
        at = end
    return b"".join([*pieces, marked[at:]])


def _expand_call(marked: bytes, start: int, template_prefixes: Set[bytes]) -> tuple[bytes, int]:
    """What the call at ``start`` shows, calls within it included, and the place behind it."""
    # For each open call: its arguments, each with its name (None if it has none) and the pieces of its value.
    stack: list[list[tuple[bytes | None, list[bytes]]]] = []
    at = start
    for found in _MARK.finditer(marked, start):
        if stack:
            stack[-1][-1][1].append(marked[at : found.start()])
        at = found.end()
        kind = marked[found.start()]
        if kind == CALL:
            stack.append([(None, [])])
        elif kind == ARGUMENT:
            stack[-1].append((None, []))
        elif kind == EQUALS:
            stack[-1][-1] = (b"".join(stack[-1][-1][1]), [])
        else:
            shown = _shown(stack.pop(), template_prefixes)
            if not stack:
                return shown, at
            stack[-1][-1][1].append(shown)
    raise AssertionError("the scanner closes every call")


def _shown(call: list[tuple[bytes | None, list[bytes]]], template_prefixes: Set[bytes]) -> bytes:
    prefix, pieces = call[0]
    name = b"".join(pieces) if prefix is None else prefix + b"=" + b"".join(pieces)
    arguments: dict[str, str] = {}
    position = 0
    for key, values in call[1:]:
        value = b"".join(values).decode()
        if key is None:
            position += 1
            arguments[str(position)] = value
        else:
            arguments[key.decode().strip().lower()] = value.strip()
    shown = templates.expand(normal_name(name, template_prefixes).decode(), arguments)
    return _DROPPED if shown is None else shown.encode()
