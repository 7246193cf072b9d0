"""Finds the lines of a text shard that the tokens of a record come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from berth import storage
from berth.formats.vocabulary import Vocabulary
from pipelines.mlm.tokenizer import Tokenizer, Tokens


@dataclass(frozen=True)
class Lines:
    """Lines of a text file and their document, all counted from 1."""

    document: int
    first_line: int
    last_line: int

    def __str__(self) -> str:
        if self.first_line == self.last_line:
            return f"document {self.document}, line {self.first_line}"
        return f"document {self.document}, lines {self.first_line} to {self.last_line}"


@dataclass(frozen=True)
class TokenizedText:
    """A tokenized text file."""

    tokens: Tokens

    @classmethod
    def read(cls, uri: str, vocabulary: Vocabulary, lower_case: bool) -> TokenizedText:
        """Tokenize a text file. Raises BerthError if it cannot be read."""
        with storage.open_read(uri) as file:
            return cls(Tokenizer(vocabulary, lower_case).encode_file(file, uri, storage.size(uri)))

    def find(self, wanted: Sequence[int]) -> Lines | None:
        """The lines of the first occurrence of these ids in a row, or None."""
        ids = self.tokens.ids
        last = len(ids) - len(wanted)
        if last < 0:
            return None
        candidates = np.flatnonzero(ids[: last + 1] == wanted[0])
        for offset, token in enumerate(wanted):
            candidates = candidates[ids[candidates + offset] == token]
        if not len(candidates):
            return None
        begin = int(candidates[0])
        first = int(np.searchsorted(self.tokens.line_ends, begin, side="right"))
        final = int(np.searchsorted(self.tokens.line_ends, begin + len(wanted) - 1, side="right"))
        return Lines(self._document(first), first + 1, final + 1)

    def _document(self, line: int) -> int:
        """The number of the document that a line belongs to: documents are groups of lines with tokens."""
        has_tokens = np.diff(self.tokens.line_ends[: line + 1], prepend=0) > 0
        groups = np.cumsum(self.tokens.blank_lines[: line + 1])[has_tokens]
        return len(np.unique(groups))
