"""Tables and captions of images as text. Kernels."""

# ruff: noqa: SIM109  numba compiles comparisons of bytes far better than `in` with a tuple

from __future__ import annotations

import numpy as np

from berth.kernels import borrowing_jit
from pipelines.wikitext.parser.control_bytes import ARGUMENT, CELL, END, INVOCATION
from pipelines.wikitext.parser.delimiters import BANG, BLANK, EQUAL, HYPHEN, NEWLINE, PIPE, PLUS, TAB, is_space, is_word


@borrowing_jit
def _next(out, at):
    """The index after a byte, or after the invocation that begins there: no invocation divides a table."""
    depth = np.int64(out[at] == INVOCATION)
    while depth:
        at += 1
        depth += np.int64(out[at] == INVOCATION) - np.int64(out[at] == END)
    return at + 1


@borrowing_jit
def _copy_cell(out, at, stop, to):
    """Write the cell out[at:stop] to ``to`` without its attributes, which end with a pipe; returns the end."""
    start = end = at
    while end < stop and start == at:
        if out[end] == PIPE:
            start = end + 1
        end = _next(out, end)
    for source in range(start, stop):
        out[to] = out[source]
        to += 1
    return to


@borrowing_jit
def rows_of_table(out, start, stop, keeps_cells, keeps_caption):
    """Turn a table's source into lines, in place: one for its caption and one for each row, CELL before each cell.

    Args:
        out: Scanned text.
        start: The index after the table's "{|".
        stop: The index of its "|}".
        keeps_cells: Keep the rows.
        keeps_caption: Keep the caption.

    Returns:
        The end of the lines, which begin at ``start``, each with a line feed before it.
    """
    to, at = start, start
    while at < stop and out[at] != NEWLINE:  # attributes
        at = _next(out, at)
    in_row = kept = False
    while at < stop:
        at += 1
        end = at
        while end < stop and out[end] != NEWLINE:
            end = _next(out, end)
        while at < end and (out[at] == BLANK or out[at] == TAB):
            at += 1
        first = out[at] if at < end else 0
        second = out[at + 1] if at + 1 < end else 0
        if first == PIPE and second == HYPHEN:
            in_row = kept = False
        elif first == PIPE and second == PLUS:
            in_row, kept = False, keeps_caption
            if kept:
                out[to], out[to + 1] = NEWLINE, CELL
                to = _copy_cell(out, at + 2, end, to + 2)
        elif first == PIPE or first == BANG:
            kept = keeps_cells
            at += 1
            while kept and at <= end:
                cell_end = at
                while cell_end < end and not (
                    cell_end + 1 < end
                    and out[cell_end] == out[cell_end + 1]
                    and (out[cell_end] == PIPE or (first == BANG and out[cell_end] == BANG))
                ):
                    cell_end = _next(out, cell_end)
                if not in_row:
                    out[to] = NEWLINE
                    to += 1
                    in_row = True
                out[to] = CELL
                to = _copy_cell(out, at, cell_end, to + 1)
                at = cell_end + 2
        elif kept:
            out[to] = BLANK
            to += 1
            for source in range(at, end):
                out[to] = out[source]
                to += 1
        at = end
    return to


@borrowing_jit
def caption_start(out, start, stop):
    """The beginning of the caption in the arguments out[start:stop] of a link to a file; ``stop`` if there is none.

    It is the last argument, unless that is one word (``thumb``) or names an option (``alt=…``).
    """
    first, in_invocations = stop, np.int64(0)
    while first > start and (in_invocations or out[first - 1] != ARGUMENT):
        first -= 1
        in_invocations += np.int64(out[first] == END) - np.int64(out[first] == INVOCATION)
    at = first
    while at < stop and is_space(out[at]):
        at += 1
    begin = at
    while at < stop and (is_word(out[at]) or out[at] == HYPHEN):
        at += 1
    if at < stop and out[at] == EQUAL:
        return stop
    last = stop
    while last > begin and is_space(out[last - 1]):
        last -= 1
    for index in range(begin, last):
        if is_space(out[index]):
            return begin
    return stop
