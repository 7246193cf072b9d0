"""Documents as lines of UTF-8 in one array: the form in which their text is split into sentences."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from berth.kernels import borrowing_jit, jit

LINE_FEED, SPACE = 0x0A, 0x20


@dataclass(frozen=True)
class Lines:
    """Documents whose lines hold no white space but single spaces between words, and are not empty.

    Attributes:
        text: UTF-8, uint8; each line ends with a line feed.
        offsets: Document i is text[offsets[i]:offsets[i + 1]]; int64, shape [documents + 1].
    """

    text: npt.NDArray[np.uint8]
    offsets: npt.NDArray[np.int64]

    @classmethod
    def of_column(cls, column: pa.ChunkedArray) -> Lines:
        """The lines of a column of texts; null is an empty text."""
        texts = column.cast(pa.large_string()).fill_null("").combine_chunks()
        _, offsets, content = texts.buffers()
        if not len(texts):
            return cls(np.empty(0, np.uint8), np.zeros(1, np.int64))
        bounds = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
        return cls._normalised(np.frombuffer(content or b"", np.uint8), bounds)

    @classmethod
    def of_texts(cls, texts: Iterable[str]) -> Lines:
        """The lines of some texts."""
        return cls.of_column(pa.chunked_array([pa.array(list(texts), pa.large_string())]))

    @classmethod
    def _normalised(cls, source: npt.NDArray[np.uint8], bounds: npt.NDArray[np.int64]) -> Lines:
        text = np.empty(int(bounds[-1] - bounds[0]) + len(bounds), np.uint8)
        offsets = np.zeros(len(bounds), np.int64)
        _normalise(source, bounds, text, offsets)
        return cls(text[: offsets[-1]], offsets)

    @property
    def documents(self) -> int:
        """Number of documents."""
        return len(self.offsets) - 1

    @property
    def has_text(self) -> npt.NDArray[np.bool_]:
        """Of each document, whether it has a line."""
        return self.offsets[1:] > self.offsets[:-1]

    def bytes(self, document: int) -> bytes:
        """The text of one document."""
        return bytes(self.text[self.offsets[document] : self.offsets[document + 1]].tobytes())

    def texts(self) -> list[str]:
        """The text of each document."""
        return [self.bytes(document).decode() for document in range(self.documents)]

    def chosen(self, documents: npt.NDArray[np.intp]) -> Lines:
        """Some of the documents."""
        if not len(documents):
            return Lines(np.empty(0, np.uint8), np.zeros(1, np.int64))
        _, offsets, text = self.array().take(pa.array(documents)).buffers()
        return Lines(np.frombuffer(text or b"", np.uint8), np.frombuffer(offsets, np.int64)[: len(documents) + 1])

    def array(self) -> pa.LargeBinaryArray:
        """The documents' texts as an Arrow array that shares their memory."""
        buffers = [None, pa.py_buffer(self.offsets), pa.py_buffer(self.text)]
        return pa.LargeBinaryArray.from_buffers(pa.large_binary(), self.documents, buffers)

    def lines_of_documents(self) -> npt.NDArray[np.int64]:
        """Number of lines of each document."""
        ends = np.flatnonzero(self.text == LINE_FEED)
        return np.diff(np.searchsorted(ends, self.offsets)).astype(np.int64)


@jit
def _normalise(source, bounds, text, offsets):
    """Copy documents: white space within a line becomes one space, at its ends nothing; empty lines are dropped."""
    out = 0
    for document in range(len(bounds) - 1):
        line = out
        at, stop = bounds[document], bounds[document + 1]
        if _is_plain(source, at, stop):
            text[out : out + stop - at] = source[at:stop]
            out += stop - at
            at = stop
        while at < stop:
            byte = source[at]
            if byte == LINE_FEED:
                out = line = _end_line(text, line, out)
                at += 1
                continue
            length = _space_length(source, at, stop)
            if not length:
                text[out] = byte
                out += 1
                at += 1
                continue
            if out > line and text[out - 1] != SPACE:
                text[out] = SPACE
                out += 1
            at += length
        out = _end_line(text, line, out)
        offsets[document + 1] = out


@jit
def _is_plain(source, start, stop):
    """Whether a document needs no change: no white space but single spaces and line feeds between others.

    True for most. It has no branches, so that the compiler can vectorise it.
    """
    if stop - start < 3 or source[start] <= SPACE or source[stop - 2] <= SPACE or source[stop - 1] <= SPACE:
        return False
    if source[stop - 2] == 0xC2:
        return False
    first, second, third = source[start : stop - 2], source[start + 1 : stop - 1], source[start + 2 : stop]
    found = np.uint8(0)
    for at in range(len(first)):
        one, two, three = first[at], second[at], third[at]
        found |= np.uint8((one <= SPACE) & ((two <= SPACE) | (one < SPACE) & (one != LINE_FEED)))
        found |= np.uint8((one == 0xC2) & ((two == 0x85) | (two == 0xA0)))
        is_last = (three <= 0x8A) | (three == 0xA8) | (three == 0xA9) | (three == 0xAF)
        found |= np.uint8((one == 0xE2) & ((two == 0x80) & is_last | (two == 0x81) & (three == 0x9F)))
        found |= np.uint8(((one == 0xE1) & (two == 0x9A) | (one == 0xE3) & (two == 0x80)) & (three == 0x80))
    return found == 0


@borrowing_jit
def _end_line(text, line, out):
    """End the line that begins at ``line`` unless it is empty; returns the beginning of the next one."""
    if out > line and text[out - 1] == SPACE:
        out -= 1
    if out > line:
        text[out] = LINE_FEED
        out += 1
    return out


@borrowing_jit
def _space_length(source, at, stop):
    """Number of bytes of the white-space character (as ``str.isspace``) at ``at``; 0 for another character."""
    first = source[at]
    if first <= SPACE:
        return int(first == SPACE or 0x09 <= first <= 0x0D or 0x1C <= first <= 0x1F)
    if first == 0xC2:  # U+0085, U+00A0
        return 2 * int(at + 1 < stop and (source[at + 1] == 0x85 or source[at + 1] == 0xA0))
    if at + 2 >= stop:
        return 0
    second, third = source[at + 1], source[at + 2]
    if first == 0xE2 and second == 0x80:  # U+2000 to U+200A, U+2028, U+2029, U+202F
        return 3 * int(0x80 <= third <= 0x8A or third == 0xA8 or third == 0xA9 or third == 0xAF)
    is_other = (
        (first == 0xE1 and second == 0x9A and third == 0x80)  # U+1680
        or (first == 0xE2 and second == 0x81 and third == 0x9F)  # U+205F
        or (first == 0xE3 and second == 0x80 and third == 0x80)  # U+3000
    )
    return 3 * int(is_other)
