"""Words of a text as BERT's basic tokenizer makes them, with their counts."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

# The tokenizer makes longer words [UNK] whatever the vocabulary; they would only slow its learning.
MAX_WORD_CHARACTERS = 200

# White space for str.split, but control characters for BERT, which removes them without splitting.
_CONTROL_SPACE = re.compile("[\x0b\x0c\x1c-\x1f\x85]")
# The blocks that google-research/bert's tokenization.py takes for Chinese characters.
_CJK = (
    (0x4E00, 0x9FFF), (0x3400, 0x4DBF), (0x20000, 0x2A6DF), (0x2A700, 0x2B73F),
    (0x2B740, 0x2B81F), (0x2B820, 0x2CEAF), (0xF900, 0xFAFF), (0x2F800, 0x2FA1F),
)  # fmt: skip


def is_cjk(character: str) -> bool:
    """Whether a character is a word by itself because it is an ideograph."""
    code = ord(character)
    return any(first <= code <= last for first, last in _CJK)


def is_punctuation(character: str) -> bool:
    """Whether a character is a word by itself because it is punctuation: all of P*, and all ASCII signs."""
    code = ord(character)
    if 33 <= code <= 47 or 58 <= code <= 64 or 91 <= code <= 96 or 123 <= code <= 126:
        return True
    return unicodedata.category(character).startswith("P")


def stands_alone(character: str) -> bool:
    """Whether a character never is a part of a longer word."""
    return is_cjk(character) or is_punctuation(character)


def split_chunk(chunk: str, *, lower_case: bool) -> list[str]:
    """The words of a piece of text without white space, as google-research/bert's BasicTokenizer splits it."""
    if chunk.isascii() and chunk.isalnum():
        return [chunk.lower() if lower_case else chunk]
    cleaned = []
    for character in chunk:
        if character == "\ufffd" or unicodedata.category(character).startswith("C"):
            continue
        cleaned.append(f" {character} " if is_cjk(character) else character)
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


def count_words(text: str, *, lower_case: bool) -> Counter[str]:
    """The words of a text and how often each occurs."""
    if _CONTROL_SPACE.search(text):
        text = _CONTROL_SPACE.sub("", text)
    chunks = Counter(text.split())
    words: Counter[str] = Counter()
    for chunk, count in chunks.items():
        for word in split_chunk(chunk, lower_case=lower_case):
            if len(word) <= MAX_WORD_CHARACTERS:
                words[word] += count
    return words
