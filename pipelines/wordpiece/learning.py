"""The entries of a vocabulary from counts of words: special tokens, characters, pieces."""

from __future__ import annotations

from collections.abc import Mapping

from berth.formats.vocabulary import SPECIAL_TOKENS, UNKNOWN
from berth.recipe import Vocabulary
from pipelines.wordpiece import learner, sentencepieces
from pipelines.wordpiece.alphabet import character_entries, choose_alphabet

# More distinct words change no piece of a vocabulary of usual size; the rarest are omitted.
MAX_WORDS = 1_000_000
SMALLEST = 100  # the smallest size that a recipe may ask for


def learn(words: Mapping[str, int], options: Vocabulary, size: int) -> list[str]:
    """The entries of a vocabulary, at most half of them characters.

    Args:
        words: Word → count.
        options: The algorithm.
        size: Number of entries; there are fewer if the words give no more.
    """
    words = {word: count for word, count in words.items() if word != UNKNOWN}
    alphabet = choose_alphabet(words, (size - len(SPECIAL_TOKENS)) // 2)
    entries = [*SPECIAL_TOKENS, *character_entries(alphabet)]
    frequent = dict(sorted(words.items(), key=lambda item: (-item[1], item[0]))[:MAX_WORDS])
    wanted = size - len(entries)
    if options.kind == "sentencepiece":
        return entries + sentencepieces.first_pieces(frequent, alphabet, wanted, options.pieces)
    return entries + learner.first_pieces(frequent, alphabet, wanted)


def largest_size(words: Mapping[str, int], options: Vocabulary, found: int) -> int | None:
    """The largest size, at most ``found``, that the words can give; None if it is below what a recipe may ask for."""
    # A smaller vocabulary has room for fewer characters, so it may again give fewer entries; it never gives more.
    while found >= SMALLEST:
        again = len(learn(words, options, found))
        if again == found:
            return found
        found = again
    return None
