"""BERT's tokenizer over UTF-8 bytes: id for id what FullTokenizer of google-research/bert gives, compiled.

A *run* is a stretch of bytes between ASCII blanks. What a run becomes does not depend on its surroundings, so runs that
come again are looked up by their bytes; the others go through normalization and WordPiece.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from berth.errors import BerthError
from berth.kernels import jit
from pipelines.mlm import unicode_tables
from pipelines.mlm.unicode_tables import (
    CAPITAL_SIGMA,
    CASE_IGNORABLE,
    CASED,
    DROPPED,
    FINAL,
    IDEOGRAPH,
    KIND_MASK,
    LETTER,
    SEPARATOR,
    SIGMA,
    UNFILLED,
    WHITE_SPACE,
)
from pipelines.mlm.vocabulary import CONTINUATION, NO_NODE, NO_TOKEN, UNKNOWN, Vocabulary, follow

BLOCK = 4 << 20  # bytes tokenized at a time
MAX_WORD = 200  # longer words are [UNK] (max_input_chars_per_word of the reference)

NEWLINE, RETURN, TAB, SPACE = 10, 13, 9, 32

# Results of the kernel.
DONE = 0
UNFILLED_PAGE = 1
INVALID_UTF8 = 2

# Slots of `progress`, the state the kernel leaves and takes up.
POSITION, IDS, LINES, LINE_IS_BLANK, CODE_POINT = range(5)

# The memory of runs: a direct-mapped table whose keys are the runs' bytes. A slot is one cache line of eight words: four
# of key (big-endian, zero-padded), one of length in bytes and number of ids, three of ids, four bytes each.
MEMORY_BITS = 16
KEY_WORDS = 4
KEY_BYTES = 8 * KEY_WORDS  # longer runs are not remembered
SIZES = KEY_WORDS
FIRST_IDS = KEY_WORDS + 1
SLOT_WORDS = 8
REMEMBERED_IDS = 2 * (SLOT_WORDS - FIRST_IDS)
_MEMORY_SHIFT = np.uint64(64 - MEMORY_BITS)
_MIX = (
    np.uint64(0x9E3779B97F4A7C15),
    np.uint64(0xC2B2AE3D27D4EB4F),
    np.uint64(0x165667B19E3779F9),
    np.uint64(0x27D4EB2F165667C5),
)
_BYTE = np.uint64(0xFF)
_HALF = np.uint64(0xFFFFFFFF)
_ONE, _EIGHT, _HALF_BITS = np.uint64(1), np.uint64(8), np.uint64(32)

_UNIT_CODE_POINT = np.uint32(unicode_tables.UNIT_CODE_POINT)
_UNIT_CLASS = np.uint32(unicode_tables.UNIT_CLASS)
_UNIT_BARRIER = np.uint32(unicode_tables.UNIT_BARRIER)
_UNIT_PUNCTUATION = np.uint32(unicode_tables.UNIT_PUNCTUATION)


class Scratch(NamedTuple):
    """Working memory of the kernel: the key of a run, the units of a word, and what a run's result needs to say more."""

    key: NDArray[np.uint64]
    word: NDArray[np.uint32]
    detail: NDArray[np.int64]


class Tokens(NamedTuple):
    """Tokenized text, flat.

    ``ids`` (uint16 or uint32): the tokens of all lines. ``line_ends`` (int64): where each line's tokens end in ``ids``.
    ``blank_lines`` (bool): lines of nothing but white space (`str.strip` leaves nothing), which separate documents; a line
    of, say, one zero-width space has no tokens either but is not blank.
    """

    ids: NDArray[np.unsignedinteger]
    line_ends: NDArray[np.int64]
    blank_lines: NDArray[np.bool_]

    def line(self, index: int) -> NDArray[np.unsignedinteger]:
        """The ids of one line."""
        return self.ids[self.line_ends[index - 1] if index else 0 : self.line_ends[index]]


class Tokenizer:
    """BERT's basic tokenizer and WordPiece.

    Not to be shared between threads: its tables grow with the characters it meets.

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
        self._code_points = unicode_tables.empty_tables()
        self._unknown = vocabulary.ids[UNKNOWN]
        self._memory = np.zeros((1 << MEMORY_BITS, SLOT_WORDS), np.uint64)
        self._scratch = Scratch(
            np.zeros(KEY_WORDS, np.uint64), np.zeros(MAX_WORD + 1, np.uint32), np.zeros(2, np.int64)
        )

    def encode(self, text: bytes, origin: str = "text", offset: int = 0) -> Tokens:
        """Tokenize the lines of a UTF-8 text. A line ends at a line feed, the last one also at the text's end.

        Args:
            text: UTF-8.
            origin: Name of the text in errors.
            offset: Where in ``origin`` the text begins, in bytes.

        Raises:
            BerthError: if the text is not valid UTF-8, naming the byte's offset.
        """
        array = np.frombuffer(text, np.uint8)
        lines = text.count(b"\n") + (0 if text.endswith(b"\n") else 1)
        # A character never gives more tokens than it has bytes (asserted for all of Unicode by the tests).
        ids = np.empty(len(text), self.vocabulary.id_type)
        line_ends = np.empty(lines, np.int64)
        blank_lines = np.empty(lines, np.bool_)
        progress = np.zeros(5, np.int64)
        progress[LINE_IS_BLANK] = 1
        trie, unknown = self.vocabulary.trie, self._unknown
        while True:
            result = encode_lines(
                array, self._code_points, trie, self._memory, unknown, progress, self._scratch, ids, line_ends, blank_lines
            )
            if result != UNFILLED_PAGE:
                break
            unicode_tables.fill_page(self._code_points, int(progress[CODE_POINT]), self.lower_case)
        if result == INVALID_UTF8:
            at = int(progress[POSITION])
            raise BerthError(
                "the text is not valid UTF-8",
                where=f"{origin}, byte {offset + at}",
                found=f"the byte 0x{text[at]:02x}",
                fix="Convert the file to UTF-8 (for instance with iconv).",
            )
        count = progress[LINES]
        return Tokens(ids[: progress[IDS]], line_ends[:count], blank_lines[:count])

    def encode_file(self, file: BinaryIO, origin: str) -> Tokens:
        """Tokenize a file block by block, so that only its tokens are held in memory. Raises as :meth:`encode` does."""
        parts = []
        tokens = offset = 0
        for block in _line_blocks(file):
            part = self.encode(block, origin, offset)
            parts.append(Tokens(part.ids.copy(), part.line_ends + tokens, part.blank_lines))
            tokens += len(part.ids)
            offset += len(block)
        if not parts:
            return Tokens(np.empty(0, self.vocabulary.id_type), np.empty(0, np.int64), np.empty(0, np.bool_))
        return Tokens(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def decode(self, ids: Sequence[int] | NDArray[np.unsignedinteger]) -> str:
        """Tokens as readable text: joined by spaces, pieces joined to their words."""
        text = " ".join(self.vocabulary.tokens[index] for index in ids)
        return text.replace(f" {CONTINUATION}", "")


def _line_blocks(file: BinaryIO) -> Iterator[bytes]:
    """The file in blocks of whole lines; a line longer than a block makes the block longer."""
    rest = b""
    while chunk := file.read(BLOCK):
        end = chunk.rfind(b"\n") + 1
        if end:
            yield rest + chunk[:end]
            rest = chunk[end:]
        else:
            rest += chunk
    if rest:
        yield rest


@jit(_nrt=False)
def encode_lines(text, code_points, trie, memory, unknown, progress, scratch, ids, line_ends, blank_lines):
    """Tokenize a text from ``progress`` on, run by run.

    Args:
        text: uint8[n], UTF-8, checked in passing.
        code_points, trie: See CodePoints, Trie.
        memory: uint64[slots, 8], runs seen before.
        unknown: Id of [UNK].
        progress: int64[5]; the kernel stops before a run that needs an unfilled page of the tables and goes on there
            when called again.
        ids: Receives the tokens; as long as the text.
        line_ends, blank_lines: Receive what Tokens says of each line.

    Returns:
        DONE; UNFILLED_PAGE (``progress[CODE_POINT]`` is wanted); INVALID_UTF8 (``progress[POSITION]`` is the byte).
    """
    n = np.uint64(len(text))
    position = np.uint64(progress[POSITION])
    count = progress[IDS]
    line = progress[LINES]
    line_is_blank = progress[LINE_IS_BLANK]
    key, word, detail = scratch
    while position < n:
        byte = text[position]
        if _is_blank(byte):
            position += _ONE
            if byte == NEWLINE:
                line_ends[line] = count
                blank_lines[line] = line_is_blank
                line += 1
                line_is_blank = 1
            continue
        end = _read_key(text, position, key)
        length = end - position
        slot = _slot(key)
        if _is_remembered(memory, slot, key, length):
            line_is_blank = 0
            count = _recall(memory, slot, ids, count)
        else:
            new_count = _encode_run(
                text, np.int64(position), np.int64(end), code_points, trie, unknown, word, ids, count, detail
            )
            if new_count < 0:
                progress[POSITION] = detail[1] if new_count == -INVALID_UTF8 else position
                progress[CODE_POINT] = detail[1]
                progress[IDS] = count
                progress[LINES] = line
                progress[LINE_IS_BLANK] = line_is_blank
                return -new_count
            if detail[0] == 0:
                line_is_blank = 0
            if length <= KEY_BYTES and 0 < new_count - count <= REMEMBERED_IDS:  # with tokens, it is not blank
                _remember(memory, slot, key, length, ids, count, new_count)
            count = new_count
        position = end
    if n > 0 and text[n - _ONE] != NEWLINE:
        line_ends[line] = count
        blank_lines[line] = line_is_blank
        line += 1
    progress[POSITION] = n
    progress[IDS] = count
    progress[LINES] = line
    return DONE


@jit(_nrt=False)
def _is_blank(byte):
    """Whether a byte is one of the blanks between runs: other ASCII controls are dropped by the tokenizer."""
    return (byte == SPACE) | (byte == NEWLINE) | (byte == TAB) | (byte == RETURN)


@jit(_nrt=False)
def _read_key(text, position, key):
    """Find the end of the run at ``position`` (uint64) and pack its first KEY_BYTES bytes into ``key``, zero-padded."""
    n = np.uint64(len(text))
    end = position
    stop = position
    for k in range(KEY_WORDS):
        stop += _EIGHT
        packed = np.uint64(0)
        while end < stop and end < n and not _is_blank(text[end]):
            packed = (packed << _EIGHT) | np.uint64(text[end])
            end += _ONE
        key[k] = packed
        if end < stop:
            for rest in range(k + 1, KEY_WORDS):
                key[rest] = 0
            return end
    while end < n and not _is_blank(text[end]):
        end += _ONE
    return end


@jit(_nrt=False)
def _slot(key):
    """The place of a run in the memory."""
    mixed = key[0] ^ (key[1] * _MIX[1]) ^ (key[2] * _MIX[2]) ^ (key[3] * _MIX[3])
    return (mixed * _MIX[0]) >> _MEMORY_SHIFT


@jit(_nrt=False)
def _is_remembered(memory, slot, key, length):
    """Whether the slot holds this very run. Lengths up to KEY_BYTES are stored, so a longer run is never found."""
    return (
        memory[slot, 0] == key[0]
        and memory[slot, 1] == key[1]
        and memory[slot, 2] == key[2]
        and memory[slot, 3] == key[3]
        and (memory[slot, SIZES] & _BYTE) == length
    )


@jit(_nrt=False)
def _recall(memory, slot, ids, count):
    """Write the remembered ids behind the first ``count``; returns the new count."""
    made = np.int64(memory[slot, SIZES] >> _EIGHT)
    for k in range(made):
        ids[count + k] = (memory[slot, FIRST_IDS + (k >> 1)] >> (_HALF_BITS * np.uint64(k & 1))) & _HALF
    return count + made


@jit(_nrt=False)
def _remember(memory, slot, key, length, ids, begin, end):
    """Replace what the slot holds by this run and its ids."""
    for k in range(KEY_WORDS):
        memory[slot, k] = key[k]
    memory[slot, SIZES] = length | (np.uint64(end - begin) << _EIGHT)
    for k in range(FIRST_IDS, SLOT_WORDS):
        memory[slot, k] = 0
    for k in range(end - begin):
        memory[slot, FIRST_IDS + (k >> 1)] |= np.uint64(ids[begin + k]) << (_HALF_BITS * np.uint64(k & 1))


@jit(_nrt=False)
def _encode_run(text, begin, end, code_points, trie, unknown, word, ids, count, detail):
    """Normalize one run, split it into words and write the words' pieces to ``ids`` from ``count`` on.

    Returns the new count, or minus the result code with the code point or byte position in ``detail[1]``. ``detail[0]`` is
    1 if the run is white space only.
    """
    detail[0] = 1
    length = 0  # of the word so far, in units
    barrier = 0  # start of the marks at the word's end that may still be reordered
    follows_cased = False  # the last character that is not case-ignorable is cased
    position = begin
    while position < end:
        code_point, position_after = _decode(text, position, end)
        if code_point < 0:
            detail[1] = position
            return -INVALID_UTF8
        traits = code_points.traits[code_point]
        kind = traits & KIND_MASK
        if kind == UNFILLED:
            detail[1] = code_point
            return -UNFILLED_PAGE
        if traits & WHITE_SPACE == 0:
            detail[0] = 0
        if kind == SEPARATOR or kind == IDEOGRAPH:
            count = _emit_word(word, length, trie, unknown, ids, count)
            length = barrier = 0
            follows_cased = False
        if kind == LETTER or kind == IDEOGRAPH:
            first = code_points.first[code_point]
            for k in range(first, first + code_points.count[code_point]):
                unit = code_points.units[k]
                if unit & _UNIT_PUNCTUATION:
                    count = _emit_word(word, length, trie, unknown, ids, count)
                    word[0] = unit & _UNIT_CODE_POINT
                    count = _emit_word(word, 1, trie, unknown, ids, count)
                    length = barrier = 0
                else:
                    length, barrier = _append_unit(word, length, barrier, unit)
        elif kind == CAPITAL_SIGMA:
            is_final = follows_cased
            if is_final:
                next_is_cased, reason = _precedes_cased(text, position_after, end, code_points, detail)
                if reason != DONE:
                    return -reason
                is_final = not next_is_cased
            length, barrier = _append_unit(word, length, barrier, np.uint32(FINAL if is_final else SIGMA))
        if kind == IDEOGRAPH:
            count = _emit_word(word, length, trie, unknown, ids, count)
            length = barrier = 0
        elif kind != DROPPED and traits & CASE_IGNORABLE == 0:
            follows_cased = traits & CASED != 0
        position = position_after
    return _emit_word(word, length, trie, unknown, ids, count)


@jit(_nrt=False)
def _decode(text, position, end):
    """The code point at ``position`` and the position after it; (-1, position) where the UTF-8 is not valid."""
    lead = np.int64(text[position])
    if lead < 0x80:
        return lead, position + 1
    if 0xC2 <= lead < 0xE0:
        size, value, smallest = 2, lead & 0x1F, 0x80
    elif 0xE0 <= lead < 0xF0:
        size, value, smallest = 3, lead & 0x0F, 0x800
    elif 0xF0 <= lead < 0xF5:
        size, value, smallest = 4, lead & 0x07, 0x10000
    else:
        return np.int64(-1), position
    if position + size > end:
        return np.int64(-1), position
    for k in range(1, size):
        trail = np.int64(text[position + k])
        if trail & 0xC0 != 0x80:
            return np.int64(-1), position
        value = (value << 6) | (trail & 0x3F)
    if value < smallest or value > 0x10FFFF or 0xD800 <= value <= 0xDFFF:
        return np.int64(-1), position
    return value, position + size


@jit(_nrt=False)
def _append_unit(word, length, barrier, unit):
    """Append a unit to the word in canonical order; returns the word's new length and barrier.

    Marks are ordered by combining class, stably, back to the last character of class 0. Of the marks, only the few that
    are not in category Mn are still there to be ordered. A word of more than MAX_WORD units is [UNK] whatever follows.
    """
    if unit & _UNIT_BARRIER:
        return length, length
    if length > MAX_WORD:
        return length, barrier
    combining_class = unit & _UNIT_CLASS
    place = length
    while combining_class and place > barrier and word[place - 1] & _UNIT_CLASS > combining_class:
        word[place] = word[place - 1]
        place -= 1
    word[place] = unit
    length += 1
    return length, (barrier if combining_class else length)


@jit(_nrt=False)
def _precedes_cased(text, position, end, code_points, detail):
    """Whether the next character of the same word that is not case-ignorable is cased; and a result code."""
    while position < end:
        code_point, position_after = _decode(text, position, end)
        if code_point < 0:
            detail[1] = position
            return False, INVALID_UTF8
        traits = code_points.traits[code_point]
        kind = traits & KIND_MASK
        if kind == UNFILLED:
            detail[1] = code_point
            return False, UNFILLED_PAGE
        if kind == SEPARATOR or kind == IDEOGRAPH:
            return False, DONE
        if kind != DROPPED and traits & CASE_IGNORABLE == 0:
            return traits & CASED != 0, DONE
        position = position_after
    return False, DONE


@jit(_nrt=False)
def _emit_word(word, length, trie, unknown, ids, count):
    """WordPiece: the longest piece that fits, again and again; [UNK] for the whole word where none does."""
    if length == 0:
        return count
    if length > MAX_WORD:
        ids[count] = unknown
        return count + 1
    first = count
    begin = 0
    while begin < length:
        node = np.int64(0) if begin == 0 else np.int64(trie.continuation)
        longest = np.int64(NO_TOKEN)
        next_begin = begin
        for k in range(begin, length):
            if node == NO_NODE:
                break
            node, token = follow(node, word[k] & _UNIT_CODE_POINT, trie.edges)
            if token != NO_TOKEN:
                longest = token
                next_begin = k + 1
        if longest == NO_TOKEN:
            ids[first] = unknown
            return first + 1
        ids[count] = longest
        count += 1
        begin = next_begin
    return count
