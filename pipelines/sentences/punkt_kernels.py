"""Kernels of sentence splitting: where a sentence may end, what was decided before, and the text with one sentence a
line.

They follow nltk.tokenize.punkt's PunktSentenceTokenizer on text whose only white space is a single space between words
(see :class:`pipelines.sentences.lines.Lines`); each function names the method whose result it has.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from berth.kernels import borrowing_jit, jit
from berth.kernels.hash_table import NO_ENTRY, add_entries, find_bytes
from berth.kernels.hashing import fold, hash_bytes
from berth.kernels.utf8 import character_at
from pipelines.sentences.lines import LINE_FEED, SPACE

# Classes of characters.
END, NO_WORD, CLOSING = 1, 2, 4
# As in PunktLanguageVars: what ends a word (with the sentence ends other than "."), and what re_boundary_realignment
# moves to the sentence before.
NO_WORD_CHARACTERS = ")\";}]*:@'({[\u2018\u2019\u201c\u201d\xab\xbb"
CLOSING_CHARACTERS = "\"')]}\u2018\u2019\u201c\u201d\xab\xbb"

HYPHEN = 0x2D
NONE = -1


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


@borrowing_jit
def class_of(text, at, leads, classes):
    """Class bits and length of the character at ``at``; the length is right only where a bit is set."""
    if not leads[text[at]]:
        return np.uint8(0), 1
    code, length = character_at(text, at)
    return classes[code], length


@borrowing_jit
def find_contexts(text, leads, classes, contexts):
    """Find where sentences may end, as ``_match_potential_end_contexts``; returns how many were found.

    Args:
        text: Lines.
        leads: See :class:`Characters`.
        classes: See :class:`Characters`.
        contexts: Filled; int64[n, 4], indices in ``text``: the first byte of the word before the possible end; the
            first byte after its end character; the end of the context, which includes the next character or, after a
            space, the next word; the first byte of that word, NONE if there is no space.

    Returns:
        The number of contexts; more than fit into ``contexts`` are counted but not written.
    """
    count = 0
    word, end, end_character = 0, NONE, NONE  # the word's beginning; after and at its last end character
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
        code, length = character_at(text, at)
        begin = at
        at += length
        if not classes[code] & END or text[at] == LINE_FEED:
            continue
        if text[at] != SPACE:
            bits, _ = class_of(text, at, leads, classes)
            if not bits & NO_WORD:
                continue
        # Of several end characters in a word NLTK takes the last; but also the first, if the word begins with it.
        if end != NONE and end_character == word:
            count = _add_context(text, contexts, count, word, end)
        end, end_character = at, begin
    return count


@borrowing_jit
def _add_context(text, contexts, count, word, end):
    if count < len(contexts):
        if text[end] == SPACE:
            stop = end + 1
            while text[stop] != SPACE and text[stop] != LINE_FEED:
                stop += 1
            contexts[count, 3] = end + 1
        else:
            _, length = character_at(text, end)
            stop = end + length
            contexts[count, 3] = NONE
        contexts[count, 0], contexts[count, 1], contexts[count, 2] = word, end, stop
    return count + 1


@borrowing_jit
def look_up(text, contexts, slots, hashes, bounds, keys, values, decisions):
    """Look up the decisions that were stored: fills ``decisions`` (uint8) with 0, 1, or 2 for unknown contexts.

    Args:
        text: Lines.
        contexts: Those that :func:`find_contexts` found.
        slots: The index of the stored contexts; see :func:`berth.kernels.hash_table.find_bytes`.
        hashes: Their hashes.
        bounds: Where the bytes of each begin in ``keys``, and where those of the last one end; int64.
        keys: Their bytes.
        values: The decision on each; uint8.
        decisions: Filled; one for each of ``contexts``.
    """
    begins, ends = bounds[:-1], bounds[1:]
    for index in range(len(contexts)):
        start, stop = contexts[index, 0], contexts[index, 2]
        hashed = fold(hash_bytes(text, start, stop))
        entry = slots[find_bytes(slots, hashes, begins, ends, keys, hashed, text, start, stop)]
        decisions[index] = 2 if entry == NO_ENTRY else values[entry]


@borrowing_jit
def remember(slots, hashes, bounds, keys, first, stop):
    """Add the entries ``first`` to ``stop`` (exclusive), whose bytes ``bounds`` and ``keys`` hold, to the index."""
    for entry in range(first, stop):
        hashes[entry] = fold(hash_bytes(keys, bounds[entry], bounds[entry + 1]))
    add_entries(slots, hashes, first, stop)


@jit
def write_sentences(text, offsets, leads, classes, contexts, decisions, out, out_offsets, sentences):
    """Write each sentence as a line, as ``_slices_from_text`` and ``_realign_boundaries``.

    Args:
        text: Lines.
        offsets: Offsets of the documents in ``text``; int64.
        leads: See :class:`Characters`.
        classes: See :class:`Characters`.
        contexts: Those that :func:`find_contexts` found.
        decisions: Of each context whether a sentence ends there.
        out: Filled; uint8, as long as the text and one more for each context.
        out_offsets: Filled: offsets of the documents in ``out``.
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
                    following = _next_end(contexts, decisions, context, line_end)
                    has_next = following < len(contexts) and contexts[following, 1] <= line_end
                    next_stop = contexts[following, 1] if has_next else line_end
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


@borrowing_jit
def _next_end(contexts, decisions, context, line_end):
    """The first context from ``context`` on where a sentence ends, or that is after the line."""
    while context < len(contexts) and contexts[context, 1] <= line_end and not decisions[context]:
        context += 1
    return context


@borrowing_jit
def _closing(text, start, stop, leads, classes):
    """The end of the closing characters of the sentence before, as re_boundary_realignment; ``start`` if none."""
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
    """An array for ``size`` contexts; int64[size, 4]."""
    return np.empty((size, 4), np.int64)
