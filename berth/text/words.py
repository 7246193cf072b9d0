"""BERT's basic tokenization: the words of a text, as ``BasicTokenizer`` of google-research/bert's tokenization.py.

In plain Python, a chunk (text without white space) at a time, so that equal chunks need to be split only once. The
kernels that make records do the same with the tables of :mod:`berth.text.characters`; tests compare the two.
"""

from __future__ import annotations

import re
import unicodedata

from berth.text.characters import is_dropped, is_ideograph, is_punctuation

MAX_WORD = 200  # longer words are [UNK] whatever the vocabulary

# White space for str.split, but control characters for BERT, which removes them without splitting.
_CONTROL_SPACE = re.compile("[\x0b\x0c\x1c-\x1f\x85]")


def split_chunks(text: str) -> list[str]:
    """The chunks of a text: what white space separates."""
    return (_CONTROL_SPACE.sub("", text) if _CONTROL_SPACE.search(text) else text).split()


def split_chunk(chunk: str, *, lower_case: bool) -> list[str]:
    """The words of a chunk.

    Args:
        chunk: Text without white space.
        lower_case: Lower-case and strip accents ("uncased" models).
    """
    if chunk.isascii() and chunk.isalnum():
        return [chunk.lower() if lower_case else chunk]
    cleaned = []
    for character in chunk:
        if not is_dropped(character):
            cleaned.append(f" {character} " if is_ideograph(ord(character)) else character)
    words: list[str] = []
    for word in "".join(cleaned).split():
        if lower_case:
            word = "".join(c for c in unicodedata.normalize("NFD", word.lower()) if unicodedata.category(c) != "Mn")
        begins_word = True
        for character in word:
            if is_punctuation(character):
                words.append(character)
                begins_word = True
            elif begins_word:
                words.append(character)
                begins_word = False
            else:
                words[-1] += character
    return words


def split_words(text: str, *, lower_case: bool) -> list[str]:
    """The words of a text, in order."""
    return [word for chunk in split_chunks(text) for word in split_chunk(chunk, lower_case=lower_case)]


def is_whole_word(character: str) -> bool:
    """Whether a character is always a word by itself: an ideograph or punctuation."""
    return is_ideograph(ord(character)) or is_punctuation(character)
