"""Tags, comments, URLs and magic words in the scanner's input. Kernels."""

from __future__ import annotations

import numpy as np

from berth.kernels import borrowing_jit, inlined_jit
from berth.kernels.hashing import add_byte
from berth.kernels.name_table import NOT_FOUND, begin_hash, look_up
from pipelines.wikitext.parser.control_bytes import DROPPED, EXTERNAL, FORMULA, LITERAL_CONTROLS, LITERALS
from pipelines.wikitext.parser.delimiters import (
    APOSTROPHE,
    BACKSLASH,
    BANG,
    BLANK,
    CARET,
    CLOSE_BRACE,
    COLON,
    ENDS_CLAUSE,
    ENDS_URL,
    GREATER,
    HYPHEN,
    LESS,
    NEWLINE,
    SLASH,
    UNDERSCORE,
    end_of_line,
    is_letter,
    is_space,
    is_word,
    lower,
)
from pipelines.wikitext.parser.name_tables import BLOCK, FORMULAS, NOWIKI, OPAQUE, REF, SCHEME, SPACE, SUPERSCRIPT, TAG
from pipelines.wikitext.parser.stack import IN_EXTERNAL, IN_LINK, emit, top

LONGEST_SCHEME = 12

_AS_CONTROL = np.arange(256, dtype=np.uint8)
_AS_CONTROL[np.frombuffer(LITERALS, np.uint8)] = np.frombuffer(LITERAL_CONTROLS, np.uint8)


@borrowing_jit
def _find(source, at, byte):
    """The index of the next "<" or ">" from ``at`` on; one of each follows the text."""
    found = np.uint64(at)
    while source[found] != byte:
        found += np.uint64(1)
    return np.int64(found)


@borrowing_jit
def _find_closing_tag(source, size, at, name, name_end):
    """The beginning and end of the next ``</name >`` from ``at`` on; (-1, -1) if there is none."""
    length = name_end - name
    at = _find(source, at, LESS)
    while at < size:
        if source[at + 1] == SLASH:
            same = 0
            while same < length and lower(source[at + 2 + same]) == lower(source[name + same]):
                same += 1
            if same == length:
                end = at + 2 + length
                while end < size and is_space(source[end]):
                    end += 1
                if end < size and source[end] == GREATER:
                    return at, end + 1
        at = _find(source, at + 1, LESS)
    return -1, -1


@borrowing_jit
def _is_exponent(source, at, end):
    """Whether the tag source[at:end] is between a digit and a number that a tag ends: 10<sup>−7</sup>."""
    if not 48 <= source[at - 1] <= 57:
        return False
    if source[end] == HYPHEN:
        end += 1
    elif source[end] == 0xE2 and source[end + 1] == 0x88 and source[end + 2] == 0x92:  # a minus sign
        end += 3
    first = end
    while 48 <= source[end] <= 57:
        end += 1
    return end > first and source[end] == LESS


@borrowing_jit
def _stop_of_formula(source, start, stop):
    """The punctuation at the end of the formula source[start:stop], which ends its clause; 0 if there is none.

    A backslash before another character than a letter makes a space, which is ignored.
    """
    while stop - start >= 2:
        if source[stop - 2] == BACKSLASH and not is_letter(source[stop - 1]):
            stop -= 2
        elif is_space(source[stop - 1]) or source[stop - 1] == CLOSE_BRACE:
            stop -= 1
        else:
            break
    return source[stop - 1] if stop > start and ENDS_CLAUSE[source[stop - 1]] else np.uint8(0)


@borrowing_jit
def _end_of_comment(source, size, at):
    """The end of the comment that begins at ``at``, -1 if it is never closed."""
    end = _find(source, at + 4, GREATER)
    while end < size and not (end >= at + 6 and source[end - 1] == HYPHEN and source[end - 2] == HYPHEN):
        end = _find(source, end + 1, GREATER)
    return end + 1 if end < size else -1


@inlined_jit
def on_tag(source, size, at, out, frames, state, no_closer, names):
    """Process a tag or comment that may begin at ``at``; returns the index to continue at, ``at`` if there is none."""
    if source[at + 1] == BANG and source[at + 2] == HYPHEN and source[at + 3] == HYPHEN:
        if not no_closer[0]:
            end = _end_of_comment(source, size, at)
            if end >= 0:
                return end
            no_closer[0] = True
        return end_of_line(source, at)
    is_closing = source[at + 1] == SLASH
    name = at + 1 + is_closing
    if not is_letter(source[name]):
        return at
    name_end = name
    value = begin_hash(TAG)
    while is_letter(source[name_end]) or 48 <= source[name_end] <= 57:
        value = add_byte(value, lower(source[name_end]))
        name_end += 1
    if is_word(source[name_end]):
        return at
    end = name_end
    while end < size and source[end] != GREATER and source[end] != LESS:
        end += 1
    if end >= size or source[end] != GREATER:
        return at
    is_alone = end > name_end and source[end - 1] == SLASH
    end += 1
    tag = look_up(names, value)
    if tag >= NOWIKI and not is_closing and not is_alone:
        content_end, after = -1, -1
        if not no_closer[tag]:
            content_end, after = _find_closing_tag(source, size, end, name, name_end)
            no_closer[tag] = content_end < 0
        if FORMULAS <= tag < OPAQUE and content_end >= 0:
            emit(out, state, FORMULA)
            stop = _stop_of_formula(source, end, content_end)
            if stop and (after >= size or is_space(source[after]) or source[after] == LESS):
                emit(out, state, stop)
        elif tag != NOWIKI:
            emit(out, state, DROPPED)
        elif content_end >= 0:
            for content in range(end, content_end):
                emit(out, state, _AS_CONTROL[source[content]])
        if content_end >= 0:
            return after
        return end_of_line(source, end) if tag == REF else end
    if tag >= REF:
        emit(out, state, DROPPED)
    elif tag == SPACE:
        emit(out, state, BLANK)
    elif tag == BLOCK:
        kind = top(frames, state)
        if kind != IN_LINK and kind != IN_EXTERNAL:
            emit(out, state, NEWLINE)
            emit(out, state, NEWLINE)
    elif at > 0 and source[at - 1] == APOSTROPHE:
        emit(out, state, EXTERNAL)  # the quotes on both sides of a tag are not one run
    elif at > 0 and tag == SUPERSCRIPT and not is_closing and _is_exponent(source, at, end):
        emit(out, state, CARET)
    return end


@borrowing_jit
def url_scheme_end(source, at, names):
    """The end of the scheme of the URL at ``at``, which follows "["; ``at`` if there is none."""
    if source[at] == SLASH and source[at + 1] == SLASH:
        return at + 2
    end = at
    value = begin_hash(SCHEME)
    while is_letter(source[end]) and end - at < LONGEST_SCHEME:
        value = add_byte(value, lower(source[end]))
        end += 1
    if source[end] == COLON and look_up(names, value) != NOT_FOUND:
        return end + 1
    return at


@borrowing_jit
def free_url_start(source, colon, since):
    """The beginning of a URL in running text whose "://" is at ``colon``; -1 if it would be before ``since``."""
    if source[colon + 1] != SLASH or source[colon + 2] != SLASH or ENDS_URL[source[colon + 3]]:
        return -1
    start, at = -1, colon
    if at >= 5 and lower(source[at - 1]) == 115:  # s of https
        at -= 1
    if at >= 3 and lower(source[at - 1]) == 112:  # p
        if at == colon and lower(source[at - 2]) == 116 and lower(source[at - 3]) == 102:  # ft
            start = at - 3
        elif (
            at >= 4
            and lower(source[at - 2]) == 116  # t
            and lower(source[at - 3]) == 116  # t
            and lower(source[at - 4]) == 104  # h
        ):
            start = at - 4
    if start < since or (start > 0 and source[start - 1] < 128 and is_word(source[start - 1])):
        return -1
    return start


@borrowing_jit
def magic_word_end(source, at):
    """The end of a magic word (__NOTOC__) at ``at``, or ``at``."""
    end = at + 2
    while True:
        begin = end
        while 65 <= source[end] <= 90 or source[end] >= 128:
            end += 1
        if end == begin or source[end] != UNDERSCORE:
            return at
        if source[end + 1] == UNDERSCORE:
            return end + 2
        end += 1
