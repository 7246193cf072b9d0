"""Vocabularies: vocab.txt holds one token a line, and a token's id is its line number, counted from 0.

A line ends at a line feed; white space around a token is no part of it. That is how ``load_vocab`` of
google-research/bert's tokenization.py reads the file: one with carriage returns or blanks gives the same tokens here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from berth import storage
from berth.errors import BerthError

# NumPy is imported where an array is made: stages import this module to learn a file's name.
if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

VOCABULARY = "vocab.txt"
PAD, UNKNOWN, CLASSIFIER, SEPARATOR, MASK = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"
SPECIAL_TOKENS = (PAD, UNKNOWN, CLASSIFIER, SEPARATOR, MASK)
CONTINUATION = "##"  # begins a token that continues a word
MAX_TOKENS = 1 << 21  # ids take at most three bytes as varints
# [PAD], [unused7] and the like: the tokenizer splits at brackets, so no text ever gives such a token.
# Published models have tables whose rows are filled up to a multiple of one of these, which matrix units need.
PADDED_TO = (8, 16, 32, 64, 128, 256)

_BRACKETED = re.compile(r"\[\w+\]")


@dataclass(frozen=True)
class Vocabulary:
    """The tokens of a vocabulary that text is tokenized with; a token's id is its index.

    Raises:
        BerthError: if a token occurs twice, a special token is missing, there is no other token, or there are too many.
    """

    tokens: tuple[str, ...]
    origin: str = "vocabulary"

    @classmethod
    def read(cls, uri: str) -> Vocabulary:
        """Read a vocab.txt.

        Raises:
            BerthError: if the file is missing, is not UTF-8 or is not a usable vocabulary.
        """
        return cls(tuple(parse(storage.read_text(uri))), uri)

    def __post_init__(self) -> None:
        first: dict[str, int] = {}
        for line, token in enumerate(self.tokens, start=1):
            if token in first:
                raise BerthError(
                    f"the token {token!r} is in the vocabulary twice",
                    where=f"{self.origin}, line {line}",
                    found=f"the same token in line {first[token]}",
                    expected="each token once, since its line is its id",
                    fix="Remove one of them.",
                )
            first[token] = line
        check_special_tokens(self.tokens, self.origin)
        if not len(self.words) or len(self.tokens) >= MAX_TOKENS:
            raise BerthError(
                "the vocabulary has no word" if not len(self.words) else "the vocabulary is too large",
                where=self.origin,
                found=f"{len(self.tokens):,} tokens",
                expected=f"words besides the special tokens, and fewer than {MAX_TOKENS:,} tokens",
            )

    def __len__(self) -> int:
        return len(self.tokens)

    @cached_property
    def ids(self) -> dict[str, int]:
        """Id by token."""
        return {token: index for index, token in enumerate(self.tokens)}

    @property
    def id_type(self) -> type[np.unsignedinteger]:
        """The smallest type that holds every id: two bytes for all but multilingual vocabularies."""
        import numpy as np

        return np.uint16 if len(self.tokens) <= 1 << 16 else np.uint32

    @cached_property
    def is_continuation(self) -> NDArray[np.bool_]:
        """By id: whether the token begins with ``##``, so that it continues a word."""
        import numpy as np

        return np.array([token.startswith(CONTINUATION) for token in self.tokens], np.bool_)

    @cached_property
    def words(self) -> NDArray[np.int64]:
        """Ids of the tokens that text can give: all but the special and unused ones, which are in brackets."""
        import numpy as np

        real = [index for index, token in enumerate(self.tokens) if token and not _BRACKETED.fullmatch(token)]
        return np.array(real, np.int64)


def parse(text: str) -> list[str]:
    """The tokens in a vocab.txt, in order of their ids."""
    return [line.strip() for line in split_lines(text)]


def split_lines(text: str) -> list[str]:
    """The lines of a vocab.txt without their ends (line feeds, or carriage returns and line feeds)."""
    lines = text.split("\n")
    if not lines[-1]:
        lines.pop()
    return [line.removesuffix("\r") for line in lines]


def read_tokens(uri: str, needed: Sequence[str] = SPECIAL_TOKENS) -> list[str]:
    """The tokens of a vocab.txt that no text is tokenized with, in order of their ids.

    Args:
        uri: The file.
        needed: Special tokens that it must hold.

    Raises:
        BerthError: if the file is missing, is not UTF-8 or lacks a special token.
    """
    tokens = parse(storage.read_text(uri))
    check_special_tokens(tokens, uri, needed)
    return tokens


def padded(tokens: Sequence[str], entries: int) -> list[str]:
    """The tokens of a model whose tables have more rows than its vocab.txt has lines.

    Args:
        tokens: Those of vocab.txt.
        entries: Rows of the model's tables.

    Returns:
        As many as there are entries: with names for the rows that no text uses, where these fill the tables up to a
        multiple of `PADDED_TO`; else the tokens as they are.
    """
    if entries > len(tokens) and entries in {-(-len(tokens) // multiple) * multiple for multiple in PADDED_TO}:
        return [*tokens, *(f"[padding {number}]" for number in range(len(tokens), entries))]
    return list(tokens)


def check_special_tokens(tokens: Sequence[str], origin: str, needed: Sequence[str] = SPECIAL_TOKENS) -> None:
    """Check that special tokens are in a vocabulary.

    Raises:
        BerthError: naming those that are missing.
    """
    known = set(tokens)
    if missing := [token for token in needed if token not in known]:
        raise BerthError(
            f"the vocabulary lacks {', '.join(missing)}",
            where=origin,
            found=f"{len(tokens):,} tokens",
            expected=f"one token a line, among them {', '.join(needed)}",
            fix=f"Name a BERT vocabulary ({VOCABULARY}).",
        )


def joined(tokens: Iterable[str]) -> str:
    """Tokens as readable text, pieces joined to words: ``["un", "##able"]`` to ``"unable"``."""
    return " ".join(tokens).replace(f" {CONTINUATION}", "")
