"""Counts of the words of a text, as a vocabulary is learned from them and measured by them."""

from __future__ import annotations

from collections import Counter

from berth import storage
from berth.formats.vocabulary import UNKNOWN
from berth.text.words import MAX_WORD, split_chunk, split_chunks

# Distinct chunks that are kept until they are split into words: 120 MB. Most chunks that come again are among them.
MAX_CHUNKS = 1_000_000
# The analyzer's only line if there is no word at all. No word contains a dash.
NO_WORD = "49d0cd50-04bb-48c0-bc6f-5b575dce351a"


class WordCounts:
    """The words of a text that is given in pieces, and how often each occurs.

    Words that are too long for any vocabulary are counted together as [UNK], which no text gives as a word.

    Args:
        lower_case: Lower-case and strip accents.
    """

    def __init__(self, *, lower_case: bool) -> None:
        self._lower_case = lower_case
        self._words: Counter[str] = Counter()
        self._chunks: Counter[str] = Counter()

    def add(self, text: str) -> None:
        """Count a piece, which no word may cross the ends of."""
        self._chunks.update(split_chunks(text))
        if len(self._chunks) > MAX_CHUNKS:
            self._split()

    def words(self) -> Counter[str]:
        """The counts of all pieces so far."""
        self._split()
        return self._words

    def _split(self) -> None:
        for chunk, count in self._chunks.items():
            for word in split_chunk(chunk, lower_case=self._lower_case):
                self._words[word if len(word) <= MAX_WORD else UNKNOWN] += count
        self._chunks.clear()


def count_words(text: str, *, lower_case: bool) -> Counter[str]:
    """The words of a whole text and how often each occurs, as :class:`WordCounts` counts them."""
    counts = WordCounts(lower_case=lower_case)
    counts.add(text)
    return counts.words()


def read_counts(uri: str) -> Counter[str]:
    """Read what :func:`pipelines.wordpiece.counting.count_shards` writes: a count and its word a line."""
    counts: Counter[str] = Counter()
    for piece in storage.text_pieces(uri):
        for line in piece.removesuffix("\n").split("\n"):
            count, _, word = line.partition(" ")
            if word != NO_WORD:
                counts[word] = int(count)
    return counts
