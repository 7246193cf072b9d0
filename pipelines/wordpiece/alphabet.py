"""The characters of a vocabulary: tokens of one character, so that few words of the training text are unknown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from berth.formats.vocabulary import CONTINUATION
from berth.text.words import is_whole_word


def choose_alphabet(words: Mapping[str, int], limit: int) -> list[str]:
    """The characters of the words, the most frequent ones if all would need more than ``limit`` entries; sorted.

    Args:
        words: Word → count.
        limit: Entries that they may take: two (at the beginning of a word and inside one) for a character that can be
            part of a longer word, one for others.
    """
    counts: Counter[str] = Counter()
    for word, count in words.items():
        for character in word:
            counts[character] += count
    chosen, entries = [], 0
    for character, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        entries += len(character_entries([character]))
        if entries > limit:
            break
        chosen.append(character)
    return sorted(chosen)


def character_entries(alphabet: list[str]) -> list[str]:
    """The entries for an alphabet: each character, then each that can continue a word, with "##" before it."""
    return alphabet + [CONTINUATION + character for character in alphabet if not is_whole_word(character)]
