"""Formulas in a line of text: replacing each by a marker, or dropping the sentences that hold one. Kernels."""

# ruff: noqa: SIM109  numba compiles comparisons of bytes far better than `in` with a tuple

from __future__ import annotations

import numpy as np

from berth.kernels import borrowing_jit
from berth.kernels.utf8 import character_at
from pipelines.wikitext.parser.control_bytes import FORMULA
from pipelines.wikitext.parser.delimiters import BANG, BLANK, DOT, QUESTION, is_letter

# The text in place of a formula.
MARKER = "[FORMULA]"
_MARKER = np.frombuffer(MARKER.encode(), np.uint8)
MARKER_GROWTH = len(MARKER) - 1
# A period after a capitalised word no longer than this may belong to an abbreviation ("Prof.").
LONGEST_ABBREVIATION = 4
# Ends of sentences that need no blank after them; others beyond ASCII; what may be between an end and the blank.
_WIDE_ENDS = np.array(list(map(ord, "。！？")), np.int64)
_OTHER_ENDS = np.array(list(map(ord, "…؟۔।॥")), np.int64)
_CLOSERS = np.array(list(map(ord, ")]»”’」』）\"'")), np.int64)


@borrowing_jit
def _is_in(codes, code):
    found = False
    for one in codes:
        found |= one == code
    return found


@borrowing_jit
def _is_abbreviation(out, begin, stop):
    """Whether the word before the period at ``stop`` is one letter, has a period within, or is short and capital."""
    at = stop
    while at > begin and out[at - 1] != BLANK:
        at -= 1
        if out[at] == DOT:
            return True
    while at < stop and not (is_letter(out[at]) or out[at] >= 128):
        at += 1
    length = stop - at
    return length == 1 or (length <= LONGEST_ABBREVIATION and length > 0 and 65 <= out[at] <= 90)


@borrowing_jit
def _sentence_end(out, begin, at, stop):
    """The end of the sentence whose end punctuation may be at ``at``; ``at`` if the sentence continues."""
    code, length = character_at(out, at)
    wide = _is_in(_WIDE_ENDS, code)
    if not (wide or code == DOT or code == BANG or code == QUESTION or _is_in(_OTHER_ENDS, code)):
        return at
    if code == DOT and _is_abbreviation(out, begin, at):
        return at
    end = at + length
    while end < stop:
        closer, length = character_at(out, end)
        if not _is_in(_CLOSERS, closer):
            break
        end += length
    if end >= stop or wide:
        return end
    if out[end] == BLANK and not (end + 1 < stop and 97 <= out[end + 1] <= 122):
        return end
    return at


@borrowing_jit
def drop_sentences(out, begin, stop):
    """Remove the sentences of the line out[begin:stop] that hold formulas; returns the new end.

    A sentence ends at one of . ! ? … ؟ ۔ । ॥ followed by a blank and no small letter, or at one of the full-width
    stops of Chinese and Japanese; not after what looks like an abbreviation.
    """
    at = sentence = to = begin
    holds = False
    while at < stop:
        byte = out[at]
        end = at
        if byte == FORMULA:
            holds = True
        elif byte == DOT or byte == BANG or byte == QUESTION or byte >= 0xC0:
            end = _sentence_end(out, sentence, at, stop)
        if end == at:
            at += 1
            continue
        to, sentence, at, holds = _keep(out, begin, sentence, end, to, holds), end, end, False
    to = _keep(out, begin, sentence, stop, to, holds)
    return to - (to > begin and out[to - 1] == BLANK)


@borrowing_jit
def _keep(out, begin, start, stop, to, holds):
    """Move a sentence to ``to`` unless it holds a formula; returns the new end."""
    if holds:
        return to
    if to == begin and start < stop and out[start] == BLANK:
        start += 1
    for at in range(start, stop):
        out[to] = out[at]
        to += 1
    return to


@borrowing_jit
def write_markers(out, begin, stop):
    """Write the marker for each formula in out[begin:stop]; returns the new end."""
    count = 0
    for at in range(begin, stop):
        count += out[at] == FORMULA
    size = len(_MARKER)
    end = to = stop + count * (size - 1)
    for at in range(stop - 1, begin - 1, -1):
        if out[at] == FORMULA:
            to -= size
            for index in range(size):
                out[to + index] = _MARKER[index]
        else:
            to -= 1
            out[to] = out[at]
    return end
