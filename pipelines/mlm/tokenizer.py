"""BERT's tokenizer for UTF-8 bytes, with the ids of FullTokenizer of google-research/bert."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from io import BytesIO
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from berth.errors import BerthError
from berth.formats.vocabulary import Vocabulary, joined
from pipelines.mlm import unicode_tables
from pipelines.mlm.word_cache import CODE_POINT, IDS, LINE_IS_BLANK, POSITION, encode_lines, tables_of
from pipelines.mlm.word_pieces import INVALID_UTF8, UNFILLED_PAGE

BLOCK = 1 << 20  # bytes tokenized at a time


class Tokens(NamedTuple):
    """Tokenized text, flat.

    ``ids`` (uint16 or uint32): the tokens of all lines. ``line_ends`` (int64): the index in ``ids`` after each line's
    tokens. ``blank_lines`` (bool): lines of nothing but white space (`str.strip` leaves nothing), which separate
    documents; a line of, say, one zero-width space has no tokens either but is not blank.
    """

    ids: NDArray[np.unsignedinteger]
    line_ends: NDArray[np.int64]
    blank_lines: NDArray[np.bool_]

    def line(self, index: int) -> NDArray[np.unsignedinteger]:
        """The ids of one line."""
        return self.ids[self.line_ends[index - 1] if index else 0 : self.line_ends[index]]


class Tokenizer:
    """BERT's basic tokenizer and WordPiece.

    Not to be shared between threads: its tables are filled while it runs.

    Args:
        vocabulary: The WordPiece vocabulary.
        lower_case: Lower-case and strip accents ("uncased" models).

    Example:
        >>> tokenizer = Tokenizer(vocabulary, lower_case=True)
        >>> tokenizer.encode("Unaffable!".encode()).ids
        array([ 8, 11, 23, 30], dtype=uint16)
    """

    def __init__(self, vocabulary: Vocabulary, lower_case: bool) -> None:
        self.vocabulary = vocabulary
        self.lower_case = lower_case
        self._tables = tables_of(vocabulary, _tables_of_this_thread(lower_case))

    def encode(self, text: bytes, origin: str = "text") -> Tokens:
        """Tokenize the lines of a UTF-8 text. A line ends at a line feed, the last line also at the end of the text.

        Args:
            text: UTF-8.
            origin: Name of the text in errors.

        Raises:
            BerthError: if the text is not valid UTF-8, naming the byte's offset.
        """
        return self.encode_file(BytesIO(text), origin, len(text))

    def encode_file(self, file: BinaryIO, origin: str, size: int) -> Tokens:
        """Tokenize a file of ``size`` bytes block by block, so that only its tokens are held in memory.

        Raises:
            BerthError: as :meth:`encode` does; and if the file has another size.
        """
        # A character never gives more tokens than it has bytes (asserted for all of Unicode by the tests). What is not
        # written to takes no memory.
        ids = np.empty(size, self.vocabulary.id_type)
        line_ends, blank_lines = [np.empty(0, np.int64)], [np.empty(0, np.bool_)]
        tokens = offset = 0
        for block in _line_blocks(file):
            if offset + len(block) > size:
                raise BerthError("the file grew while it was read", where=origin, expected=f"{size:,} bytes")
            lines = block.count(b"\n") + (not block.endswith(b"\n"))
            ends, are_blank = np.empty(lines, np.int64), np.empty(lines, np.bool_)
            made = self._encode_block(block, ids[tokens:], ends, are_blank, origin, offset)
            line_ends.append(ends + tokens)
            blank_lines.append(are_blank)
            tokens += made
            offset += len(block)
        if offset < size:
            raise BerthError(
                "the file shrank while it was read", where=origin, found=f"{offset:,} bytes", expected=f"{size:,}"
            )
        return Tokens(ids[:tokens], np.concatenate(line_ends), np.concatenate(blank_lines))

    def _encode_block(
        self,
        block: bytes,
        ids: NDArray[np.unsignedinteger],
        line_ends: NDArray[np.int64],
        blank_lines: NDArray[np.bool_],
        origin: str,
        offset: int,
    ) -> int:
        """Tokenize whole lines into the arrays; returns the number of tokens."""
        text = np.frombuffer(block, np.uint8)
        progress = np.zeros(5, np.int64)
        progress[LINE_IS_BLANK] = 1
        while True:
            result = encode_lines(text, self._tables, progress, ids, line_ends, blank_lines)
            if result != UNFILLED_PAGE:
                break
            unicode_tables.fill_page(self._tables.code_points, int(progress[CODE_POINT]), self.lower_case)
        if result == INVALID_UTF8:
            at = int(progress[POSITION])
            raise BerthError(
                "the text is not valid UTF-8",
                where=f"{origin}, byte {offset + at}",
                found=f"the byte 0x{block[at]:02x}",
                fix="Convert the file to UTF-8 (for instance with iconv).",
            )
        return int(progress[IDS])

    def decode(self, ids: Sequence[int] | NDArray[np.unsignedinteger]) -> str:
        """Tokens as readable text: joined by spaces, pieces joined to their words."""
        return joined(self.vocabulary.tokens[index] for index in ids)


_per_thread = threading.local()


def _tables_of_this_thread(lower_case: bool) -> unicode_tables.CodePoints:
    """The tables that all tokenizers of a thread share, so that each page is filled only once.

    Each thread has its own, because a kernel may read while another thread fills a page.
    """
    if not hasattr(_per_thread, "tables"):
        _per_thread.tables = {False: unicode_tables.empty_tables(), True: unicode_tables.empty_tables()}
    tables: unicode_tables.CodePoints = _per_thread.tables[lower_case]
    return tables


def _line_blocks(file: BinaryIO) -> Iterator[bytes]:
    """The file in blocks of whole lines; a line longer than a block makes the block longer."""
    begun: list[bytes] = []
    while chunk := file.read(BLOCK):
        end = chunk.rfind(b"\n") + 1
        if end:
            yield b"".join([*begun, chunk[:end]])
            begun = [chunk[end:]]
        else:
            begun.append(chunk)
    if rest := b"".join(begun):
        yield rest
