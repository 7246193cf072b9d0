"""Kernel that counts words and pairs of words, from which Punkt is trained.

A word is a sequence of bytes between white space. A line with an ellipsis of dots and spaces (". . .") counts as one
word, because NLTK's tokens include white space only there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from berth.kernels import borrowing_jit, jit
from berth.kernels.hash_table import add_entries, find_bytes
from berth.kernels.hashing import FNV_OFFSET, add_byte, add_bytes, fold
from berth.kernels.utf8 import character_at
from pipelines.sentences.lines import LINE_FEED, SPACE, Lines
from pipelines.sentences.punkt_kernels import END, NONE

DOT = 0x2E
FIRST_SLOTS = 1 << 14


@dataclass(frozen=True)
class WordCounts:
    """Words and pairs of neighbours in some lines, in arrays that are cheap to send to another process.

    Attributes:
        spelling: The distinct words in order of their first occurrence, each with a line feed.
        counts: How often each occurs; int64, shape [words].
        pairs: Columns (index of a word, index of the next one, how often): pairs within lines whose first word may end
            a sentence; int64, shape [3, pairs].
        starts: The same for the last word of a line (NONE if it cannot end a sentence) and the first of the next line.
        last: Index of the last word.
        last_may_end: Whether the last word may end a sentence.
    """

    spelling: bytes
    counts: npt.NDArray[np.int64]
    pairs: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    last: int
    last_may_end: bool

    @property
    def words(self) -> list[str]:
        """The distinct words."""
        return self.spelling.decode().split("\n")[:-1]


def count_words(lines: Lines, leads: npt.NDArray[np.uint8], classes: npt.NDArray[np.uint8]) -> WordCounts:
    """Count the words of some lines, and their pairs.

    Args:
        lines: The lines; at least one.
        leads: See :class:`pipelines.sentences.punkt_kernels.Characters`.
        classes: See there.
    """
    text = lines.text
    breaks = int(np.count_nonzero(text == LINE_FEED))
    words = int(np.count_nonzero(text == SPACE)) + breaks
    found, hashes = np.empty((words, 4), np.int64), np.empty(words, np.uint64)
    pairs, starts = np.empty(words, np.int64), np.empty(breaks, np.int64)
    distinct, pair_count, last = _count(text, leads, classes, found, hashes, pairs, starts)
    found = found[:distinct]
    spelling = np.empty(int((found[:, 1] - found[:, 0]).sum()) + distinct, np.uint8)
    _spell(text, found, spelling)
    return WordCounts(
        spelling.tobytes(),
        found[:, 2].copy(),
        _summed(pairs[:pair_count]),
        _summed(starts[1:]),
        int(last),
        bool(found[last, 3]),
    )


def _summed(keys: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Packed pairs of indexes → columns (first, second, how often)."""
    distinct, counts = np.unique(keys, return_counts=True)
    return np.stack([(distinct >> 32) - 1, distinct & 0xFFFFFFFF, counts])


@jit
def _count(text, leads, classes, found, hashes, pairs, starts):
    """Number the words in order of their first occurrence; count them and collect their pairs, packed.

    A pair is packed as (first + 1) << 32 | second, where first is NONE for a word that cannot end a sentence.

    Args:
        text: Lines.
        leads: See :class:`pipelines.sentences.punkt_kernels.Characters`.
        classes: See there.
        found: Filled: of each distinct word the beginning and end of its first occurrence, how often it occurs, and
            whether it may end a sentence.
        hashes: Filled: of each distinct word its hash.
        pairs: Filled: pairs within lines.
        starts: Filled: of each line the pair with the last word of the line before.

    Returns:
        The number of distinct words, the number of pairs, the last word.
    """
    slots = np.full(FIRST_SLOTS, NONE, np.int32)
    begins, ends = found[:, 0], found[:, 1]
    distinct, pair_count, line_count = 0, 0, 0
    before, word = np.int64(NONE), np.int64(NONE)  # the word before is NONE if it cannot end a sentence
    at = 0
    while at < len(text):
        line, (line_end, has_ellipsis) = at, _line_end(text, at)
        while at < line_end:
            stop = line_end if has_ellipsis else at
            hashed = add_bytes(FNV_OFFSET, text, at, stop)
            while text[stop] != SPACE and text[stop] != LINE_FEED:
                hashed = add_byte(hashed, text[stop])
                stop += 1
            hashed = fold(hashed)
            slot = find_bytes(slots, hashes, begins, ends, text, hashed, text, at, stop)
            word = np.int64(slots[slot])
            if word == NONE:
                word = np.int64(distinct)
                slots[slot], hashes[word] = word, hashed
                found[word, 0], found[word, 1], found[word, 2] = at, stop, 0
                found[word, 3] = _may_end(text, stop, leads, classes)
                distinct += 1
                if 2 * distinct > len(slots):
                    slots = _larger(slots, hashes, distinct)
            found[word, 2] += 1
            key = (before + 1) << 32 | word
            if at == line:
                starts[line_count] = key
                line_count += 1
            elif before != NONE:
                pairs[pair_count] = key
                pair_count += 1
            before = word if found[word, 3] else np.int64(NONE)
            at = stop + 1
        at = line_end + 1
    return distinct, pair_count, word


@jit
def _larger(slots, hashes, distinct):
    """The index of the distinct words with four times as many slots."""
    larger = np.full(4 * len(slots), NONE, np.int32)
    add_entries(larger, hashes, 0, distinct)
    return larger


@borrowing_jit
def _line_end(text, at):
    """The index of the line feed that ends the line, and whether the line holds ". . ."."""
    has_ellipsis = False
    start = at
    while text[at] != LINE_FEED:
        if text[at] == SPACE and at >= start + 3 and text[at - 2] == SPACE and text[at - 1] == DOT:
            has_ellipsis |= text[at - 3] == DOT and text[at + 1] == DOT
        at += 1
    return at, has_ellipsis


@borrowing_jit
def _may_end(text, stop, leads, classes):
    """Whether the last character before ``stop`` may end a sentence."""
    at = stop - 1
    while 0x80 <= text[at] < 0xC0:
        at -= 1
    if not leads[text[at]] & END and text[at] != DOT:
        return False
    code, _ = character_at(text, at)
    return code == DOT or classes[code] & END != 0


@borrowing_jit
def _spell(text, found, spelling):
    """Write the distinct words one after the other, each with a line feed."""
    out = 0
    for word in range(len(found)):
        for at in range(found[word, 0], found[word, 1]):
            spelling[out] = text[at]
            out += 1
        spelling[out] = LINE_FEED
        out += 1
