"""A WordPiece vocabulary: reading and checking vocab.txt, and kinds of tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from berth import storage
from berth.errors import BerthError

PAD, UNKNOWN, CLASSIFIER, SEPARATOR, MASK = "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"
REQUIRED = (PAD, UNKNOWN, CLASSIFIER, SEPARATOR, MASK)
CONTINUATION = "##"
MAX_TOKENS = 1 << 21  # ids take at most three bytes as varints
# [PAD], [unused7] and the like: the tokenizer splits at brackets, so no text ever gives such a token.
_BRACKETED = re.compile(r"\[\w+\]")


@dataclass(frozen=True)
class Vocabulary:
    """The tokens of a vocabulary; a token's id is its place.

    Raises:
        BerthError: if a token stands twice, a special token is missing, there is no other, or there are too many.
    """

    tokens: tuple[str, ...]
    origin: str = "vocabulary"

    @classmethod
    def read(cls, uri: str) -> Vocabulary:
        """Read a vocab.txt: one token a line, white space around it ignored.

        Raises:
            BerthError: if the file is missing, is not UTF-8 or is not a usable vocabulary.
        """
        return cls(tuple(parse_lines(storage.read_text(uri))), uri)

    def __post_init__(self) -> None:
        first: dict[str, int] = {}
        for line, token in enumerate(self.tokens, start=1):
            if token in first:
                raise BerthError(
                    f"the token {token!r} stands twice in the vocabulary",
                    where=f"{self.origin}, line {line}",
                    found=f"the same token in line {first[token]}",
                    fix="Remove one of them: a token needs one id.",
                )
            first[token] = line
        if missing := [token for token in REQUIRED if token not in first]:
            raise BerthError(
                f"the vocabulary lacks {', '.join(missing)}",
                where=self.origin,
                found=f"{len(self.tokens)} tokens",
                expected=f"one token a line, among them {', '.join(REQUIRED)}",
                fix="Name a BERT vocabulary (vocab.txt).",
            )
        if not len(self.words) or len(self.tokens) >= MAX_TOKENS:
            raise BerthError(
                "the vocabulary has no word" if not len(self.words) else "the vocabulary is too large",
                where=self.origin,
                found=f"{len(self.tokens):,} tokens",
                expected=f"words besides the special tokens, and less than {MAX_TOKENS:,} tokens",
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
        return np.uint16 if len(self.tokens) <= 1 << 16 else np.uint32

    @cached_property
    def is_continuation(self) -> NDArray[np.bool_]:
        """By id: whether the token begins with ``##``, so that it continues a word."""
        return np.array([token.startswith(CONTINUATION) for token in self.tokens], np.bool_)

    @cached_property
    def words(self) -> NDArray[np.int64]:
        """Ids of the tokens that text can give: all but special and unused ones, which stand in brackets."""
        real = [index for index, token in enumerate(self.tokens) if token and not _BRACKETED.fullmatch(token)]
        return np.array(real, np.int64)


def parse_lines(text: str) -> list[str]:
    """The lines of a vocab.txt as the reference reads them: split at line feeds only, each stripped."""
    lines = text.split("\n")
    if lines[-1] == "":
        lines.pop()
    return [line.strip() for line in lines]
