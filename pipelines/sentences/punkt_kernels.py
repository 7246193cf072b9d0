"""Kernels of the splitting: where a sentence may end, what was decided before, and the text with one sentence a line.

They follow nltk.tokenize.punkt's PunktSentenceTokenizer on text whose only white space is a single space between words
(see :class:`pipelines.sentences.lines.Lines`); the functions name the methods they are equal to.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from berth.kernels import jit
from pipelines.sentences.lines import LINE_FEED, SPACE

# Classes of characters.
END, NO_WORD, CLOSING = 1, 2, 4
# As in PunktLanguageVars: what ends a word (beside the sentence ends other than "."), and what re_boundary_realignment
# takes along.
NO_WORD_CHARACTERS = ")\";}]*:@'({[\u2018\u2019\u201c\u201d\xab\xbb"
CLOSING_CHARACTERS = "\"')]}\u2018\u2019\u201c\u201d\xab\xbb"

HYPHEN = 0x2D
NONE = -1
# FNV-1a, http://www.isthe.com/chongo/tech/comp/fnv/
HASH_OFFSET, HASH_PRIME = np.uint64(14695981039346656037), np.uint64(1099511628211)


class Characters:
    """Classes of characters, for kernels.

    Attributes:
        classes: Code point → bits; uint8, shape [0x110000].
        leads: First byte of a character's UTF-8 → bits of all such characters; uint8, shape [256].
    """

    def __init__(self, end_characters: tuple[str, ...]) -> None:
        self.classes: npt.NDArray[np.uint8] = np.zeros(0x110000, np.uint8)
        self.leads: npt.NDArray[np.uint8] = np.zeros(256, np.uint8)
        ends = "".join(end_characters)
        for characters, bit in (
            (ends, END),
            (NO_WORD_CHARACTERS + ends.replace(".", ""), NO_WORD),
            (CLOSING_CHARACTERS, CLOSING),
        ):
            for character in characters:
                self.classes[ord(character)] |= bit
                self.leads[character.encode()[0]] |= bit


@jit
def character(text, at):
    """Code point and length of the character at a place."""
    first = np.int64(text[at])
    if first < 0x80:
        return first, 1
    if first < 0xE0:
        return (first & 0x1F) << 6 | (text[at + 1] & 0x3F), 2
    if first < 0xF0:
        return (first & 0x0F) << 12 | (text[at + 1] & 0x3F) << 6 | (text[at + 2] & 0x3F), 3
    high = (first & 0x07) << 18 | (text[at + 1] & 0x3F) << 12
    return high | (text[at + 2] & 0x3F) << 6 | (text[at + 3] & 0x3F), 4


@jit
def class_of(text, at, leads, classes):
    """Class bits and length of the character at a place; the length is right where there are bits."""
    if not leads[text[at]]:
        return np.uint8(0), 1
    code, length = character(text, at)
    return classes[code], length


@jit
def find_contexts(text, leads, classes, contexts):
    """Find where sentences may end, as ``_match_potential_end_contexts``; returns how many places were found.

    Args:
        text: Lines.
        leads: See :class:`Characters`.
        classes: See :class:`Characters`.
        contexts: Filled; int64, of each place four figures: the beginning of the word before it; the place, behind the
            end character; the end of the context (with what follows: a sign, or the next word); the beginning of the
            next word, NONE if there is no space between.

    Returns:
        The number of places; more than fit into ``contexts`` are not written but counted.
    """
    count = 0
    word, end, sign = 0, NONE, NONE  # the word, the last place within it, the beginning of that place's end character
    at = 0
    while at < len(text):
        byte = text[at]
        if byte in (SPACE, LINE_FEED):
            if end != NONE:
                count = _add_context(text, contexts, count, word, end)
            word, end = at + 1, NONE
            at += 1
            continue
        if not leads[byte] & END:
            at += 1
            continue
        code, length = character(text, at)
        begin = at
        at += length
        if not classes[code] & END or text[at] == LINE_FEED:
            continue
        if text[at] != SPACE:
            bits, _ = class_of(text, at, leads, classes)
            if not bits & NO_WORD:
                continue
        # Of several places in a word NLTK takes the last; but also the first, if the word begins with it.
        if end != NONE and sign == word:
            count = _add_context(text, contexts, count, word, end)
        end, sign = at, begin
    return count


@jit
def _add_context(text, contexts, count, word, end):
    if count < len(contexts):
        if text[end] == SPACE:
            stop = end + 1
            while text[stop] != SPACE and text[stop] != LINE_FEED:
                stop += 1
            contexts[count, 3] = end + 1
        else:
            _, length = character(text, end)
            stop = end + length
            contexts[count, 3] = NONE
        contexts[count, 0], contexts[count, 1], contexts[count, 2] = word, end, stop
    return count + 1


@jit
def hash_bytes(text, start, stop):
    """A 64-bit hash of text[start:stop]."""
    value = HASH_OFFSET
    for at in range(start, stop):
        value = (value ^ np.uint64(text[at])) * HASH_PRIME
    return value ^ (value >> np.uint64(32))


@jit
def are_equal(one, start, stop, other, begin):
    """Whether one[start:stop] equals what begins in ``other``."""
    at = start
    while at < stop and one[at] == other[begin + at - start]:
        at += 1
    return at == stop


@jit
def look_up(text, contexts, slots, hashes, bounds, keys, values, decisions):
    """What was decided about contexts before: fills ``decisions`` with 0, 1, or 2 for unknown ones."""
    mask = np.uint64(len(slots) - 1)
    for index in range(len(contexts)):
        start, stop = contexts[index, 0], contexts[index, 2]
        value = hash_bytes(text, start, stop)
        at = value & mask
        decisions[index] = 2
        while slots[at] != NONE:
            entry = slots[at]
            is_as_long = bounds[entry + 1] - bounds[entry] == stop - start
            if hashes[entry] == value and is_as_long and are_equal(text, start, stop, keys, bounds[entry]):
                decisions[index] = values[entry]
                break
            at = (at + np.uint64(1)) & mask


@jit
def remember(slots, hashes, bounds, keys, first, last):
    """Add the entries ``first`` to ``last`` (exclusive), which stand in ``bounds`` and ``keys``, to the slots."""
    mask = np.uint64(len(slots) - 1)
    for entry in range(first, last):
        value = hash_bytes(keys, bounds[entry], bounds[entry + 1])
        hashes[entry] = value
        at = value & mask
        while slots[at] != NONE:
            at = (at + np.uint64(1)) & mask
        slots[at] = entry


@jit
def write_sentences(text, offsets, leads, classes, contexts, decisions, out, out_offsets, sentences):
    """Write each sentence as a line, as ``_slices_from_text`` and ``_realign_boundaries``.

    Args:
        text: Lines.
        offsets: Of the documents in ``text``.
        leads: See :class:`Characters`.
        classes: See :class:`Characters`.
        contexts: What :func:`find_contexts` found.
        decisions: Of each context whether a sentence ends there.
        out: Filled; its size is that of the text and one for each context.
        out_offsets: Filled: of the documents in ``out``.
        sentences: Filled: number of sentences of each document.
    """
    written, context, line = 0, 0, 0
    for document in range(len(offsets) - 1):
        count = 0
        while line < offsets[document + 1]:
            line_end = line
            while text[line_end] != LINE_FEED:
                line_end += 1
            start = line
            while True:
                context = _next_end(contexts, decisions, context, line_end)
                if context == len(contexts) or contexts[context, 1] > line_end:
                    break
                stop, next_start = contexts[context, 1], contexts[context, 3]
                if next_start == NONE:
                    next_start = stop
                context += 1
                bits, _ = class_of(text, next_start, leads, classes)
                closed = next_start
                if bits & CLOSING:
                    behind = _next_end(contexts, decisions, context, line_end)
                    has_next = behind < len(contexts) and contexts[behind, 1] <= line_end
                    next_stop = contexts[behind, 1] if has_next else line_end
                    closed = _closing(text, next_start, next_stop, leads, classes)
                if closed > next_start:
                    stop, next_start = closed, closed + int(text[closed] == SPACE)
                if start < stop:
                    written = _write_line(text, start, stop, out, written)
                    count += 1
                start = next_start
            if start < line_end:
                written = _write_line(text, start, line_end, out, written)
                count += 1
            line = line_end + 1
        out_offsets[document + 1] = written
        sentences[document] = count


@jit
def _next_end(contexts, decisions, context, line_end):
    """The first context from ``context`` on where a sentence ends or that lies behind the line."""
    while context < len(contexts) and contexts[context, 1] <= line_end and not decisions[context]:
        context += 1
    return context


@jit
def _closing(text, start, stop, leads, classes):
    """Where the closing signs end that belong to the sentence before, as re_boundary_realignment; ``start`` if none."""
    at = start
    while at < stop:
        bits, length = class_of(text, at, leads, classes)
        if not bits & CLOSING:
            return start
        at += length
        if at >= stop or text[at] == SPACE:
            return at
        if at + 1 < stop and text[at] == HYPHEN and text[at + 1] == HYPHEN:
            return at
    return start


@jit
def _write_line(text, start, stop, out, written):
    out[written : written + stop - start] = text[start:stop]
    out[written + stop - start] = LINE_FEED
    return written + stop - start + 1


def empty_contexts(size: int) -> npt.NDArray[Any]:
    """Room for contexts."""
    return np.empty((size, 4), np.int64)
