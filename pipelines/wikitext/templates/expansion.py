"""Expands the template calls that the scanner left in a text, the innermost first."""

from __future__ import annotations

import functools
from collections.abc import Set

import numpy as np

from pipelines.wikitext.parser.control_bytes import ARGUMENT, DROPPED, END, EQUALS, INVOCATION
from pipelines.wikitext.templates.memo import SHOWN, InvocationMemory, show_invocations
from pipelines.wikitext.templates.table import TemplateTable

_DROPPED, _END = bytes([DROPPED]), bytes([END])
_ARGUMENT, _EQUALS = chr(ARGUMENT), chr(EQUALS)
# Further arguments are ignored; no template that shows something has as many.
MAX_ARGUMENTS = 256
_POSITIONS = tuple(str(position) for position in range(1, MAX_ARGUMENTS + 1))
# Names up to this length, as they are written, are cached with their normal form.
LONGEST_NAME, _MAX_NAMES = 64, 1 << 12
# Initial room for text that is longer than its calls, which is rare except in hostile input.
_ROOM = 1 << 10


def normal_name(name: bytes, template_prefixes: Set[bytes]) -> bytes:
    """A template's name in lower case, single spaces, without "Template:"."""
    name = b" ".join(name.replace(b"_", b" ").replace(_DROPPED, b"").split()).lower()
    prefix, colon, rest = name.partition(b":")
    return rest.strip() if colon and prefix.strip() in template_prefixes else name


class Expansion:
    """Expands the calls of one wiki's templates.

    Args:
        template_prefixes: The names of the namespace of templates.
        table: The templates of the wiki.
    """

    def __init__(self, template_prefixes: Set[bytes], table: TemplateTable) -> None:
        self._prefixes, self._table = template_prefixes, table
        self._memory = InvocationMemory()
        self._known_name = functools.lru_cache(_MAX_NAMES)(self._name)

    def expand(self, marked: bytes) -> bytes:
        """Replace every invocation by its text, or by the control byte for dropped text."""
        first = marked.find(INVOCATION)
        if first < 0:
            return marked
        text, size = np.frombuffer(marked + _END, np.uint8), len(marked)
        out = np.empty(size + _ROOM, np.uint8)
        memory = self._memory
        tables = (memory.state, memory.index, memory.hashes, memory.bounds, memory.pool)
        memory.begin(first, size)
        while True:
            start, stop, rest = show_invocations(text, size, out, *tables)
            if start < 0:
                return marked[:first] + out[:stop].tobytes()
            shown = self.shown(out[start:stop].tobytes())
            end = stop + len(shown)
            if end + rest > len(out):
                out = np.concatenate([out, np.empty(len(out) + end + rest, np.uint8)])
            out.data[stop:end] = shown
            memory.state[SHOWN] = len(shown)

    def shown(self, call: bytes) -> bytes:
        """The text of a call that contains no other call.

        Args:
            call: Its name and arguments, with the marks between them.
        """
        text = call.decode()
        name, *values = text.split(_ARGUMENT, MAX_ARGUMENTS + 1)[: MAX_ARGUMENTS + 1]
        arguments = _named(values) if _EQUALS in text else dict(zip(_POSITIONS, values, strict=False))
        name = self._known_name(name) if len(name) <= LONGEST_NAME else self._name(name)
        shown = self._table.expand(name, arguments)
        return _DROPPED if shown is None else shown.encode()

    def _name(self, written: str) -> str:
        return normal_name(written.replace(_EQUALS, "=").encode(), self._prefixes).decode()


def _named(values: list[str]) -> dict[str, str]:
    """Arguments by name; those without one are "1", "2", …"""
    arguments: dict[str, str] = {}
    position = 0
    for value in values:
        key, equals, named = value.partition(_EQUALS)
        if equals:
            arguments[key.strip().lower()] = named.strip()
        else:
            arguments[_POSITIONS[position]] = value
            position += 1
    return arguments
