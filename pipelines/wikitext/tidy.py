"""Second pass of the cleaner, compiled: scanned lines → paragraphs without bullets, quotes, entities or gaps.

Each line goes through short steps in one buffer, most of which only run where the line holds what they look for.
"""

# ruff: noqa: SIM109  numba compiles comparisons of bytes far better than `in` with a tuple

from __future__ import annotations

from html.entities import html5

import numpy as np
import numpy.typing as npt

from berth.kernels import jit
from pipelines.wikitext.hashing import NOT_FOUND, Table, hash_range, look_up
from pipelines.wikitext.marks import DROPPED, EXTERNAL, LITERAL_MARKS, LITERALS
from pipelines.wikitext.utf8 import character_at, put_character

NEWLINE, TAB, BLANK, AMPERSAND, APOSTROPHE, HASH, STAR = 10, 9, 32, 38, 39, 35, 42
OPEN, CLOSE, COMMA, HYPHEN, DOT, COLON, SEMICOLON, EQUAL, PIPE = 40, 41, 44, 45, 46, 58, 59, 61, 124
BANG, QUESTION, UNDERSCORE = 33, 63, 95
EN_DASH = 0x2013  # bytes E2 80 93
EN_DASH_0, EN_DASH_1, EN_DASH_2 = 0xE2, 0x80, 0x93

HEADING_LEVELS = 6
LONGEST_ENTITY = 32
NESTED_PARENTHESES = 3
# An entity of five bytes may become six.
GROWTH = 2

_FROM_MARK = np.arange(256, dtype=np.uint8)
_FROM_MARK[np.frombuffer(LITERAL_MARKS, np.uint8)] = np.frombuffer(LITERALS, np.uint8)

# What a line needs by the bytes it holds.
_QUOTES, _EXTERNAL, _DROPPED, _ENTITIES, _LITERALS = 1, 2, 4, 8, 16
_NEEDS = np.zeros(256, np.uint8)
_NEEDS[[APOSTROPHE, EXTERNAL, DROPPED, AMPERSAND]] = (_QUOTES, _EXTERNAL, _DROPPED, _ENTITIES)
_NEEDS[np.frombuffer(LITERAL_MARKS, np.uint8)] = _LITERALS
# First bytes of white space other than blanks, and punctuation that changes the blanks before it.
_NEEDS_LOOK = np.zeros(256, np.bool_)
_NEEDS_LOOK[[*range(9, 14), 0xC2, 0xE1, 0xE2, 0xE3, CLOSE, COMMA, SEMICOLON, DOT]] = True

_IS_BLANK = (np.arange(256) == BLANK).astype(np.uint8)
_IS_BLANK_OR_OPEN = _IS_BLANK | (np.arange(256) == OPEN).astype(np.uint8)

# Which characters beyond ASCII are letters or digits, one bit a code point.
_ALNUM = np.packbits(np.array([chr(code).isalnum() for code in range(0x110000)], np.bool_), bitorder="little")


def _entities() -> tuple[Table, npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """HTML's named entities: name → number, all their text in UTF-8, and where each one's begins."""
    names = sorted(name[:-1] for name in html5 if name.endswith(";") and len(name) <= LONGEST_ENTITY + 1)
    texts = [html5[name + ";"].encode() for name in names]
    table = Table({(0, name.encode()): number for number, name in enumerate(names)})
    starts = np.cumsum([0, *(len(text) for text in texts)]).astype(np.int64)
    return table, np.frombuffer(b"".join(texts), np.uint8).copy(), starts


_ENTITY_TABLE, _ENTITY_TEXT, _ENTITY_STARTS = _entities()
_ENTITY_KEYS, _ENTITY_NUMBERS = _ENTITY_TABLE.keys, _ENTITY_TABLE.numbers


@jit
def _is_ascii_alnum(byte):
    return 97 <= byte <= 122 or 65 <= byte <= 90 or 48 <= byte <= 57


@jit
def _is_word(byte):
    return _is_ascii_alnum(byte) or byte == UNDERSCORE or byte >= 128


@jit
def _space_length(line, at, size):
    """Length in bytes of the white space character at ``at``, 0 if it is none: what str.isspace takes for one."""
    byte = line[at]
    if byte == BLANK or 9 <= byte <= 13:
        return 1
    if byte == 0xC2:
        return 2 if line[at + 1] == 0x85 or line[at + 1] == 0xA0 else 0
    if byte < 0xE1 or byte > 0xE3 or at + 2 >= size:
        return 0
    second, third = line[at + 1], line[at + 2]
    if byte == 0xE1:
        return 3 if second == 0x9A and third == 0x80 else 0
    if byte == 0xE3:
        return 3 if second == 0x80 and third == 0x80 else 0
    if second == 0x80 and (0x80 <= third <= 0x8A or third == 0xA8 or third == 0xA9 or third == 0xAF):
        return 3
    return 3 if second == 0x81 and third == 0x9F else 0


@jit
def _strip_quotes(line, size):
    """Remove the quotes of italics and bold, by MediaWiki's rules for runs of 4, of more than 5, and l'''x''."""
    bold = italic = 0
    first_single = first_inside = first_three = -1
    at = 0
    while at < size:
        if line[at] != APOSTROPHE:
            at += 1
            continue
        end = at
        while end < size and line[end] == APOSTROPHE:
            end += 1
        run = end - at
        if run >= 2:
            bold += run != 2
            italic += run == 2 or run >= 5
        if run == 3 or run == 4:
            if first_three < 0:
                first_three = at
            if at > 0 and line[at - 1] != BLANK:
                if first_inside < 0:
                    first_inside = at
                before = at - 1
                while before > 0 and line[before] & 0xC0 == 0x80:
                    before -= 1
                if first_single < 0 and (before == 0 or line[before - 1] == BLANK):
                    first_single = at
        at = end
    apostrophe_at = -1
    if bold % 2 and italic % 2:
        apostrophe_at = first_single if first_single >= 0 else first_inside if first_inside >= 0 else first_three
    at = to = 0
    while at < size:
        if line[at] != APOSTROPHE:
            line[to] = line[at]
            at += 1
            to += 1
            continue
        end = at
        while end < size and line[end] == APOSTROPHE:
            end += 1
        run = end - at
        kept = 1 if run == 1 or run == 4 else run - 5 if run > 5 else 0
        kept += at == apostrophe_at and run >= 2
        for _ in range(kept):
            line[to] = APOSTROPHE
            to += 1
        at = end
    return to


@jit
def _remove(line, size, byte):
    to = 0
    for at in range(size):
        if line[at] != byte:
            line[to] = line[at]
            to += 1
    return to


@jit
def _gap_length(line, at, size):
    """Length in bytes of a character that may stand around something dropped, 0 for others."""
    byte = line[at]
    if byte == BLANK or byte == COMMA or byte == SEMICOLON or byte == COLON or byte == HYPHEN:
        return 1
    if byte == EN_DASH_0 and at + 2 < size and line[at + 1] == EN_DASH_1 and line[at + 2] == EN_DASH_2:
        return 3
    return 0


@jit
def _drop_leading_gap(line, size):
    """Remove punctuation at the beginning of a line that something dropped left there."""
    at, dropped = 0, False
    while at < size:
        byte = line[at]
        length = 1
        if byte == DROPPED:
            dropped = True
        elif byte != TAB and byte != DOT and byte != CLOSE:
            length = _gap_length(line, at, size)
            if length == 0:
                break
        at += length
    if not dropped:
        return size
    for to in range(size - at):
        line[to] = line[at + to]
    return size - at


@jit
def _gap_start(line, stop):
    """Where the gap characters begin that end at ``stop``."""
    at = stop
    while at > 0:
        byte = line[at - 1]
        if byte == BLANK or byte == COMMA or byte == SEMICOLON or byte == COLON or byte == HYPHEN:
            at -= 1
        elif byte == EN_DASH_2 and at >= 3 and line[at - 2] == EN_DASH_1 and line[at - 3] == EN_DASH_0:
            at -= 3
        else:
            break
    return at


@jit
def _close_gap(line, left, to, at, stop, size):
    """Write from ``left`` on what stays of a gap: line[left:to], what was dropped, line[at:stop]; returns the end."""
    sign = np.int64(0)
    has_space = False
    spaced = False  # " – ": the sign between two blanks, marks aside
    before = last = np.int64(0)
    for begin, end in ((left, to), (at, stop)):
        place = begin
        while place < end:
            if line[place] == DROPPED:
                place += 1
                continue
            length = _gap_length(line, place, end)
            code = np.int64(EN_DASH) if length == 3 else np.int64(line[place])
            has_space |= code == BLANK
            if sign == 0 and code != BLANK:
                sign = code
            spaced |= code == BLANK and last == sign and sign != 0 and before == BLANK
            before, last = last, code
            place += length
    following = line[stop] if stop < size else 0
    to = left
    if stop >= size or following == DOT or following == BANG or following == QUESTION or following == COMMA:
        return put_character(line, to, sign) if sign == COLON and stop >= size else to
    is_dash = sign == EN_DASH or sign == HYPHEN
    if is_dash and spaced:
        line[to] = BLANK
        to += 1
    if sign:
        to = put_character(line, to, sign)
    if spaced if is_dash else has_space:
        line[to] = BLANK
        to += 1
    return to


@jit
def _close_gaps(line, size):
    """Join what stood around something dropped: no empty parentheses, doubled commas or stray blanks.

    Returns:
        The new size, and whether parentheses went as a whole, which makes a new gap.
    """
    at = to = 0
    again = False
    while at < size:
        if line[at] != DROPPED:
            line[to] = line[at]
            at += 1
            to += 1
            continue
        left = _gap_start(line, to)
        stop = at
        while stop < size:
            length = 1 if line[stop] == DROPPED else _gap_length(line, stop, size)
            if length == 0:
                break
            stop += length
        is_open = left > 0 and line[left - 1] == OPEN
        is_closed = stop < size and line[stop] == CLOSE
        if is_open and is_closed:
            to = left
            line[to - 1] = DROPPED
            again = True
        elif is_open:
            to = left
        elif is_closed:
            line[left] = CLOSE
            to = left + 1
        else:
            to = _close_gap(line, left, to, at, stop, size)
        at = stop + is_closed
    return to, again


@jit
def _decode_entities(line, size, into):
    """Copy ``line`` with the characters that its entities name; unknown entities stay."""
    at = to = 0
    while at < size:
        if line[at] != AMPERSAND:
            into[to] = line[at]
            at += 1
            to += 1
            continue
        end, code = at + 1, np.int64(-1)
        if end < size and line[end] == HASH:
            end += 1
            is_hex = end < size and (line[end] == 120 or line[end] == 88)  # x, X
            end += is_hex
            digits, value = 0, np.int64(0)
            limit = 6 if is_hex else 7
            while end < size and digits < limit:
                byte = line[end]
                if 48 <= byte <= 57:
                    digit = byte - 48
                elif is_hex and 97 <= (byte | 32) <= 102:
                    digit = (byte | 32) - 87
                else:
                    break
                value = value * (16 if is_hex else 10) + digit
                digits += 1
                end += 1
            if digits and end < size and line[end] == SEMICOLON:
                code = value
        else:
            while end < size and end - at <= LONGEST_ENTITY and _is_ascii_alnum(line[end]):
                end += 1
            if end < size and line[end] == SEMICOLON and end - at >= 3 and line[at + 1] > 57:
                entity = look_up(_ENTITY_KEYS, _ENTITY_NUMBERS, hash_range(0, line, at + 1, end))
                if entity != NOT_FOUND:
                    for byte in range(_ENTITY_STARTS[entity], _ENTITY_STARTS[entity + 1]):
                        into[to] = _ENTITY_TEXT[byte]
                        to += 1
                    at = end + 1
                    continue
        if code < 0:
            into[to] = AMPERSAND
            at += 1
            to += 1
            continue
        if code == TAB or code == NEWLINE or code == 13:
            code = np.int64(BLANK)
        if code >= 0x20 and not 0xD800 <= code <= 0xDFFF and code <= 0x10FFFF:
            to = put_character(into, to, code)
        at = end + 1
    return to


@jit
def _is_word_at(line, at, size):
    """Whether the character at ``at`` is a letter or digit."""
    byte = line[at]
    if byte < 128:
        return _is_ascii_alnum(byte)
    if byte < 0xC0:
        return False
    code, _ = character_at(line, at)
    return (_ALNUM[code >> 3] >> (code & 7)) & 1 != 0


@jit
def _finish(text, start, stop, out, to, has_literals):
    """Write text[start:stop] with single blanks, none at the ends, before punctuation or inside parentheses.

    Returns:
        The end, or -1 if no letter or digit was written.
    """
    begin, at = to, start
    behind = np.uint8(1)  # whether a blank here would be one too many
    while at < stop:
        byte = text[at]
        at += 1
        if _NEEDS_LOOK[byte]:
            if byte == CLOSE:
                to -= to > begin and out[to - 1] == BLANK
            elif byte == COMMA or byte == SEMICOLON or byte == DOT:
                ends = at >= stop or _space_length(text, at, stop) > 0
                to -= ends and to - begin >= 2 and out[to - 1] == BLANK and _is_word(out[to - 2])
            else:
                length = _space_length(text, at - 1, stop)
                if length:
                    at += length - 1
                    byte = np.uint8(BLANK)
        # Blanks are frequent and hard to predict: no branch for them.
        out[to] = byte
        to += 1 - (_IS_BLANK[byte] & behind)
        behind = _IS_BLANK_OR_OPEN[byte]
    to -= to > begin and out[to - 1] == BLANK
    at = begin
    while at < to and not _is_word_at(out, at, to):
        at += 1
    if at == to:
        return -1
    if has_literals:
        for place in range(begin, to):
            out[place] = _FROM_MARK[out[place]]
    return to


@jit
def _tidy_line(text, start, stop, line, spare, out, to):
    """Write text[start:stop], tidied; returns the end, or -1 if nothing is left of it."""
    needs = 0
    for at in range(start, stop):
        needs |= _NEEDS[text[at]]
    if needs == 0:
        return _finish(text, start, stop, out, to, False)
    size = stop - start
    for at in range(size):
        line[at] = text[start + at]
    if needs & _QUOTES:
        size = _strip_quotes(line, size)
    if needs & _EXTERNAL:
        size = _remove(line, size, EXTERNAL)
    if needs & _DROPPED:
        size = _drop_leading_gap(line, size)
        for _ in range(NESTED_PARENTHESES):
            size, again = _close_gaps(line, size)
            if not again:
                break
        size = _remove(line, size, DROPPED)
    if needs & _ENTITIES:
        size = _decode_entities(line, size, spare)
        return _finish(spare, 0, size, out, to, needs & _LITERALS != 0)
    return _finish(line, 0, size, out, to, needs & _LITERALS != 0)


@jit
def _is_blank_or_dropped(byte):
    return byte == BLANK or byte == DROPPED


@jit
def tidy(text, size, keep_headings, line, spare, out):
    """Turn scanned text into paragraphs, list items and (on request) headings, each on one line.

    Consecutive lines of prose are one paragraph, as when rendered.

    Args:
        text: Scanned UTF-8 bytes.
        size: Their number.
        keep_headings: Whether headings stay, as lines of their own.
        line: Scratch space of ``size`` bytes.
        spare: Scratch space of ``GROWTH * size`` bytes.
        out: Space for ``GROWTH * size`` bytes.

    Returns:
        Number of bytes written to ``out``.
    """
    to = 0
    in_paragraph = False
    begin = 0
    while begin <= size:
        end = begin
        while end < size and text[end] != NEWLINE:
            end += 1
        line_start, start, stop = begin, begin, end
        begin = end + 1
        while start < stop and _is_blank_or_dropped(text[start]):
            start += 1
        if start == stop:
            in_paragraph = False
            continue
        first = text[start]
        joins, is_item = in_paragraph, False
        in_paragraph = False
        if first == EQUAL:
            last = stop
            while _is_blank_or_dropped(text[last - 1]):
                last -= 1
            level = 0
            while level < HEADING_LEVELS and text[start + level] == EQUAL and text[last - 1 - level] == EQUAL:
                level += 1
                if 2 * level + 1 > last - start:
                    level -= 1
                    break
            if level:
                if not keep_headings:
                    continue
                start, stop, is_item = start + level, last - level, True
        elif first == STAR or first == HASH or first == COLON or first == SEMICOLON:
            is_item = True
            while start < stop and (
                text[start] == STAR
                or text[start] == HASH
                or text[start] == COLON
                or text[start] == SEMICOLON
                or text[start] == BLANK
            ):
                start += 1
            first_shown = start
            while first_shown < stop and _is_blank_or_dropped(text[first_shown]):
                first_shown += 1
            if first_shown < stop and text[first_shown] == EXTERNAL:  # a list of links to other sites is navigation
                continue
        elif first == PIPE or first == BANG:  # what is left of a table that was never closed
            continue
        if not is_item:
            start = line_start
        place = to + (to > 0)
        written = _tidy_line(text, start, stop, line, spare, out, place)
        if written < 0:
            continue
        if to > 0:
            out[to] = BLANK if joins and not is_item else NEWLINE
        to = written
        in_paragraph = not is_item
    return to
