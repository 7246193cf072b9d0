"""The memory of invocations: what it stores, and that a full one is cleared."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.wikitext.parser.control_bytes import END, INVOCATION
from pipelines.wikitext.templates.memo import LONGEST_INVOCATION, SHOWN, InvocationMemory, show_invocations


def expand(memory, text, shown):
    """Expand a text; returns it, and the invocations that were not stored."""
    size, unknown = len(text), []
    source, out = np.frombuffer(text + bytes([END]), np.uint8), np.empty(2 * len(text) + 10_000, np.uint8)
    memory.begin(0, size)
    tables = (memory.index, memory.hashes, memory.bounds, memory.pool)
    while True:
        start, stop, _ = show_invocations(source, size, out, memory.state, *tables)
        if start < 0:
            return out[:stop].tobytes(), unknown
        unknown.append(out[start:stop].tobytes())
        result = shown(unknown[-1])
        out[stop : stop + len(result)] = np.frombuffer(result, np.uint8)
        memory.state[SHOWN] = len(result)


def invocation(name):
    return bytes([INVOCATION]) + name + bytes([END])


def test_an_invocation_is_expanded_once_and_innermost_first():
    memory = InvocationMemory()
    text = b"x" + invocation(b"a" + invocation(b"b")) + invocation(b"b") + b"y"
    assert expand(memory, text, bytes.upper) == (b"xABBy", [b"b", b"aB"])
    assert expand(memory, text, bytes.upper) == (b"xABBy", [])


@pytest.mark.parametrize(("length", "times"), [(LONGEST_INVOCATION, 1), (LONGEST_INVOCATION + 1, 2)])
def test_long_invocations_are_not_stored(length, times):
    text = 2 * invocation(b"a" * length)
    assert expand(InvocationMemory(), text, lambda name: b"-") == (b"--", times * [b"a" * length])


def test_a_full_memory_is_cleared():
    memory = InvocationMemory()
    many = b"".join(invocation(b"%d" % number) for number in range(5000))
    expected = b"".join(b"<%d>" % number for number in range(5000))
    for _ in range(2):
        text, unknown = expand(memory, many, lambda name: b"<" + name + b">")
        assert text == expected
        assert len(unknown) <= 5000
