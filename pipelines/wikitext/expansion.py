"""Calls of templates that the scanner left in the text → what they show, from the innermost outwards."""

from __future__ import annotations

import functools
import re
from collections.abc import Set

from pipelines.wikitext.marks import ARGUMENT, CALL, DROPPED, END, EQUALS
from pipelines.wikitext.template_table import TemplateTable

_BOUNDARY = re.compile(b"[%c%c]" % (CALL, END))
_INNERMOST = re.compile(b"%c([^%c%c]*)%c" % (CALL, CALL, END, END))
_DROPPED = bytes([DROPPED])
_ARGUMENT, _EQUALS = chr(ARGUMENT), chr(EQUALS)
# Functions of the parser that show something.
FUNCTIONS = (b"formatnum",)
# Short calls come again ({{ndash}}, {{lang|fr|…}}): so many of them are remembered, each of so many bytes at most.
REMEMBERED_CALLS = 1 << 14
REMEMBERED_BYTES = 64


def normal_name(name: bytes, template_prefixes: Set[bytes]) -> bytes:
    """A template's name in lower case, single spaces, without "Template:"."""
    name = b" ".join(name.replace(b"_", b" ").replace(_DROPPED, b"").split()).lower()
    prefix, colon, rest = name.partition(b":")
    return rest.strip() if colon and prefix.strip() in template_prefixes else name


class Expansion:
    """Expands the calls of one wiki's templates.

    Args:
        template_prefixes: The names of the namespace of templates.
        table: What templates show.
    """

    def __init__(self, template_prefixes: Set[bytes], table: TemplateTable) -> None:
        self._prefixes, self._table = template_prefixes, table
        self._remembered = functools.lru_cache(REMEMBERED_CALLS)(self._work_out)

    def expand(self, marked: bytes) -> bytes:
        """Replace every call by what it shows, or by the mark for something dropped."""
        marked = _INNERMOST.sub(lambda call: self._shown(call[1]), marked)
        start = marked.find(CALL)
        if start < 0:
            return marked
        pieces, at = [], 0
        while start >= 0:
            pieces.append(marked[at:start])
            shown, at = self._nested(marked, start)
            pieces.append(shown)
            start = marked.find(CALL, at)
        return b"".join([*pieces, marked[at:]])

    def _nested(self, marked: bytes, start: int) -> tuple[bytes, int]:
        """What the call at ``start`` shows, calls within it included, and the place behind it."""
        stack: list[list[bytes]] = [[]]
        at = start + 1
        for found in _BOUNDARY.finditer(marked, at):
            stack[-1].append(marked[at : found.start()])
            at = found.end()
            if marked[found.start()] == CALL:
                stack.append([])
                continue
            shown = self._shown(b"".join(stack.pop()))
            if not stack:
                return shown, at
            stack[-1].append(shown)
        raise AssertionError("the scanner closes every call")

    def _shown(self, call: bytes) -> bytes:
        """What a call without calls in it shows."""
        return self._remembered(call) if len(call) <= REMEMBERED_BYTES else self._work_out(call)

    def _work_out(self, call: bytes) -> bytes:
        name, *values = call.decode().split(_ARGUMENT)
        arguments: dict[str, str] = {}
        position = 0
        for value in values:
            key, equals, named = value.partition(_EQUALS)
            if equals:
                arguments[key.strip().lower()] = named.strip()
            else:
                position += 1
                arguments[str(position)] = value
        shown = self._table.expand(normal_name(name.replace(_EQUALS, "=").encode(), self._prefixes).decode(), arguments)
        return _DROPPED if shown is None else shown.encode()
