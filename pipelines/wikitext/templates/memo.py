"""Replaces the invocations of templates in a scanned page by what they show, as far as it was stored before. Kernels.

Short invocations recur ({{ndash}}, {{lang|fr|…}}). What they show is stored, so that only new ones are expanded, by
:mod:`pipelines.wikitext.templates.expansion`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from berth.kernels import borrowing_jit, inlined_jit
from berth.kernels.hash_table import NO_ENTRY, find_bytes
from berth.kernels.hashing import hash_bytes
from pipelines.wikitext.parser.control_bytes import DROPPED, END, INVOCATION
from pipelines.wikitext.parser.stack import MAX_DEPTH

# Longer invocations are not stored.
LONGEST_INVOCATION = 512
# Limits of the memory: number of invocations; bytes of them and of what they show. A full memory is cleared.
_MAX_INVOCATIONS, _MAX_BYTES = 1 << 12, 1 << 20
# The bytes of an invocation within another are read for both. The limit on bytes read is the size of the text times
# MAX_READINGS, plus _MORE_READING; further invocations are dropped. In articles, few are in more than three others.
MAX_READINGS, _MORE_READING = 4, 1 << 16
# The state of a walk, an array of numbers: indices in the text and in the output; number of open invocations; bytes
# that may still be read in invocations; the number of bytes that the unknown invocation shows, or NOTHING; numbers of
# invocations and bytes in the memory; where each open invocation begins in the output.
_AT, _TO, _DEPTH, _UNREAD, SHOWN, _INVOCATIONS, _BYTES, _STARTS = range(8)
NOTHING = -1


class InvocationMemory:
    """Invocations and what they show: a hash table whose keys are the invocations' bytes.

    Attributes:
        index: The table's slots; int32.
        hashes: The hash of each invocation; uint64.
        bounds: Of each invocation where its bytes begin and end in ``pool``, and where the bytes that it shows end,
            which follow them; int64, shape [invocations, 3].
        pool: The bytes; uint8.
        state: The state of the kernel; int64.
    """

    def __init__(self) -> None:
        self.index: npt.NDArray[np.int32] = np.full(2 * _MAX_INVOCATIONS, NO_ENTRY, np.int32)
        self.hashes: npt.NDArray[np.uint64] = np.empty(_MAX_INVOCATIONS, np.uint64)
        self.bounds: npt.NDArray[np.int64] = np.empty((_MAX_INVOCATIONS, 3), np.int64)
        self.pool: npt.NDArray[np.uint8] = np.empty(_MAX_BYTES, np.uint8)
        self.state: npt.NDArray[np.int64] = np.zeros(_STARTS + MAX_DEPTH, np.int64)

    def begin(self, at: int, size: int) -> None:
        """Begin a walk at index ``at`` of a text of ``size`` bytes."""
        self.state[:_INVOCATIONS] = at, 0, 0, MAX_READINGS * size + _MORE_READING, NOTHING


@borrowing_jit
def _copy(source, start, stop, out, to):
    """Copy source[start:stop] to ``to``, which is not after ``start`` if both are one array; returns the end."""
    for at in range(start, stop):
        out[to] = source[at]
        to += 1
    return to


@borrowing_jit
def _find(out, start, stop, index, hashes, bounds, pool):
    """The slot of the invocation out[start:stop], or the empty one where it belongs; and its hash."""
    hashed = hash_bytes(out, start, stop)
    return find_bytes(index, hashes, bounds[:, 0], bounds[:, 1], pool, hashed, out, start, stop), hashed


@inlined_jit
def _store(out, start, stop, shown, state, index, hashes, bounds, pool):
    """Store the invocation out[start:stop] and the ``shown`` bytes that it shows, which follow it in ``out``."""
    size = stop + shown - start
    if stop - start > LONGEST_INVOCATION or size > _MAX_BYTES:
        return
    if state[_INVOCATIONS] == _MAX_INVOCATIONS or state[_BYTES] + size > _MAX_BYTES:
        index[:] = NO_ENTRY
        state[_INVOCATIONS] = state[_BYTES] = 0
    slot, hashed = _find(out, start, stop, index, hashes, bounds, pool)
    if index[slot] != NO_ENTRY:
        return
    entry, begin = state[_INVOCATIONS], state[_BYTES]
    index[slot], hashes[entry] = entry, hashed
    bounds[entry, 0], bounds[entry, 1], bounds[entry, 2] = begin, begin + stop - start, begin + size
    state[_INVOCATIONS] += 1
    state[_BYTES] = _copy(out, start, stop + shown, pool, begin)


@borrowing_jit
def show_invocations(text, size, out, state, index, hashes, bounds, pool):
    """Write a text with its invocations replaced by what they show, innermost first, up to the first unknown one.

    The caller expands that one, writes what it shows after it into ``out`` and the number of bytes into state[SHOWN],
    and calls the kernel again.

    Args:
        text: Scanned text with a control byte END appended; uint8.
        size: Its number of bytes without that.
        out: Space for the text, and for what invocations show; uint8.
        state: See :class:`InvocationMemory`, as for the following.
        index: The table's slots.
        hashes: Hashes of the invocations.
        bounds: Where the bytes of each begin and end.
        pool: The bytes.

    Returns:
        The beginning and end of the unknown invocation in ``out``, without its control bytes, and the number of bytes
        of the text not yet read; -1 for the beginning at the end of the text. A known invocation is treated as unknown
        if there is no space left for what it shows.
    """
    one = np.uint64(1)
    at, to, depth = np.uint64(state[_AT]), np.uint64(state[_TO]), state[_DEPTH]
    if state[SHOWN] != NOTHING:
        depth -= 1
        start, stop = state[_STARTS + depth], state[_TO]
        _store(out, start, stop, state[SHOWN], state, index, hashes, bounds, pool)
        state[_UNREAD] -= stop - start
        to = np.uint64(_copy(out, stop, stop + state[SHOWN], out, start))
        state[SHOWN] = NOTHING
        at += one
    start = -1
    while True:
        byte = text[at]
        while byte != INVOCATION and byte != END:
            out[to] = byte
            to += one
            at += one
            byte = text[at]
        if byte == INVOCATION:
            state[_STARTS + depth] = to
            depth += 1
        else:
            if at >= size:
                start = -1
                break
            start, stop = state[_STARTS + depth - 1], np.int64(to)
            if state[_UNREAD] < 0:
                out[start] = DROPPED
                to = np.uint64(start + 1)
            else:
                if stop - start > LONGEST_INVOCATION:
                    break
                entry = index[_find(out, start, stop, index, hashes, bounds, pool)[0]]
                if entry == NO_ENTRY:
                    break
                begin, end = bounds[entry, 1], bounds[entry, 2]
                if start + end - begin + size - np.int64(at) > len(out):
                    break
                to = np.uint64(_copy(pool, begin, end, out, start))
            state[_UNREAD] -= stop - start
            depth -= 1
        at += one
    state[_AT], state[_TO], state[_DEPTH] = at, to, depth
    return start, np.int64(to), size - np.int64(at)
