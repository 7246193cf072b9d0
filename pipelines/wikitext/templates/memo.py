"""Calls of templates in a scanned page → what they show, as far as calls are remembered from before. Kernels.

Short calls come again ({{ndash}}, {{lang|fr|…}}). What they show is remembered beside them, so that only what is new
has to be worked out, in :mod:`pipelines.wikitext.templates.expansion`.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from berth.kernels import borrowing_jit, inlined_jit
from berth.kernels.name_table import hash_range
from pipelines.wikitext.parser.control_bytes import CALL, DROPPED, END
from pipelines.wikitext.parser.stack import MAX_DEPTH

# Longer calls are not remembered.
LONGEST_CALL = 512
# So many calls, and so many bytes of them and of what they show; then all are forgotten.
_MAX_CALLS, _MAX_BYTES = 1 << 12, 1 << 20
_ROWS = 2 * _MAX_CALLS
# What stands in a call within a call is read for each of them. So many times the bytes of a text are read, and so many
# bytes more; calls behind that are dropped. In articles, hardly any call stands in more than three others.
MAX_READINGS, _MORE_READING = 4, 1 << 16
# A remembered call, a row of an array at the place its hash says: the hash (0 if free); where its bytes stand, and
# their number; the number of bytes that it shows, which stand behind.
_HASH, _PLACE, _LENGTH, _SHOWN = range(4)
# The state of a walk, an array of numbers: places in the text and in the output; open calls; bytes that may still be
# read in calls; the number of bytes that the unknown call shows, or NOTHING; calls and bytes in the memory; where each
# open call begins in the output.
_AT, _TO, _DEPTH, _UNREAD, SHOWN, _CALLS, _BYTES, _STARTS = range(8)
NOTHING = -1


class CallMemory:
    """Calls and what they show.

    Attributes:
        rows, pool: Tables of the kernel.
        state: Its state.
    """

    def __init__(self) -> None:
        self.rows: npt.NDArray[np.int64] = np.zeros((_ROWS, 4), np.int64)
        self.pool: npt.NDArray[np.uint8] = np.empty(_MAX_BYTES, np.uint8)
        self.state: npt.NDArray[np.int64] = np.zeros(_STARTS + MAX_DEPTH, np.int64)

    def begin(self, at: int, size: int) -> None:
        """Begin a walk at a place in a text of so many bytes."""
        self.state[:_CALLS] = at, 0, 0, MAX_READINGS * size + _MORE_READING, NOTHING


@borrowing_jit
def _copy(source, start, stop, out, to):
    """Copy source[start:stop] to ``to``, which is not behind ``start`` if both are one array; returns the end."""
    for at in range(start, stop):
        out[to] = source[at]
        to += 1
    return to


@borrowing_jit
def _row_of(out, start, stop, rows, pool):
    """The row of the call out[start:stop], or the free one where it belongs; and its hash."""
    value = np.int64(hash_range(0, out, start, stop)) | 1  # not 0
    row = value & (_ROWS - 1)
    while rows[row, _HASH]:
        if rows[row, _HASH] == value and rows[row, _LENGTH] == stop - start:
            place, same = rows[row, _PLACE], 0
            while same < stop - start and pool[place + same] == out[start + same]:
                same += 1
            if same == stop - start:
                break
        row = (row + 1) & (_ROWS - 1)
    return row, value


@inlined_jit
def _remember(out, start, stop, shown, state, rows, pool):
    """Remember the call out[start:stop] and what it shows, which stands behind."""
    size = stop + shown - start
    if stop - start > LONGEST_CALL or size > _MAX_BYTES:
        return
    if state[_CALLS] == _MAX_CALLS or state[_BYTES] + size > _MAX_BYTES:
        rows[:] = 0
        state[_CALLS] = state[_BYTES] = 0
    row, value = _row_of(out, start, stop, rows, pool)
    if rows[row, _HASH]:
        return
    rows[row, _HASH], rows[row, _PLACE] = value, state[_BYTES]
    rows[row, _LENGTH], rows[row, _SHOWN] = stop - start, shown
    state[_CALLS] += 1
    state[_BYTES] = _copy(out, start, stop + shown, pool, state[_BYTES])


@borrowing_jit
def show_calls(text, size, out, state, rows, pool):
    """Write a text with what its calls show in their place, from the innermost outwards, up to the first unknown one.

    Who works that out writes what it shows behind it into ``out``, the number of bytes into state[SHOWN], and goes on.

    Args:
        text: Scanned text, a mark END behind it.
        size: Number of bytes without that.
        out: Space for the text, and for what calls show.
        state: That of a :class:`CallMemory`.
        rows: Its rows.
        pool: Its pool.

    Returns:
        Where the unknown call begins and ends in ``out``, without its marks, and the number of bytes of the text that
        are still to be read; -1 for the beginning at the end of the text. A known call is treated as unknown if there
        is no space left for what it shows.
    """
    one = np.uint64(1)
    at, to, depth = np.uint64(state[_AT]), np.uint64(state[_TO]), state[_DEPTH]
    if state[SHOWN] != NOTHING:
        depth -= 1
        start, stop = state[_STARTS + depth], state[_TO]
        _remember(out, start, stop, state[SHOWN], state, rows, pool)
        state[_UNREAD] -= stop - start
        to = np.uint64(_copy(out, stop, stop + state[SHOWN], out, start))
        state[SHOWN] = NOTHING
        at += one
    start = -1
    while True:
        byte = text[at]
        while byte != CALL and byte != END:
            out[to] = byte
            to += one
            at += one
            byte = text[at]
        if byte == CALL:
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
                if stop - start > LONGEST_CALL:
                    break
                row, _ = _row_of(out, start, stop, rows, pool)
                if not rows[row, _HASH] or start + rows[row, _SHOWN] + size - np.int64(at) > len(out):
                    break
                place = rows[row, _PLACE] + rows[row, _LENGTH]
                to = np.uint64(_copy(pool, place, place + rows[row, _SHOWN], out, start))
            state[_UNREAD] -= stop - start
            depth -= 1
        at += one
    state[_AT], state[_TO], state[_DEPTH] = at, to, depth
    return start, np.int64(to), size - np.int64(at)
