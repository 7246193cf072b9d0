"""Counts of the words of a text, as a vocabulary is learned from them and measured by them."""

from __future__ import annotations

from collections import Counter

from berth.formats.vocabulary import UNKNOWN
from berth.text.words import MAX_WORD, split_chunk, split_chunks


def count_words(text: str, *, lower_case: bool) -> Counter[str]:
    """The words of a text and how often each occurs.

    Words that are too long for any vocabulary are counted together as [UNK], which no text gives as a word.

    Args:
        text: The text.
        lower_case: Lower-case and strip accents.
    """
    words: Counter[str] = Counter()
    for chunk, count in Counter(split_chunks(text)).items():
        for word in split_chunk(chunk, lower_case=lower_case):
            words[word if len(word) <= MAX_WORD else UNKNOWN] += count
    return words
