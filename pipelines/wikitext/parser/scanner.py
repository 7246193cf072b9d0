"""First pass of the cleaner, compiled: one walk over the bytes of a page with an explicit stack.

Wikitext nests templates, links and tables; tags such as <ref> contain anything. The scanner writes output while it
reads. Each open construct is a frame that records where its output began; whatever closes it decides what of that
output is kept: the label of a link, a template that shows something (as an invocation, for `templates/expansion.py`),
nothing of a file or table. What is dropped leaves a control byte for `cleanup/whitespace.py`. No kind of frame
processes a byte twice, so hostile input takes no longer than prose.
"""

# ruff: noqa: SIM109  numba compiles comparisons of bytes far better than `in` with a tuple

from __future__ import annotations

import numpy as np

from berth.kernels import borrowing_jit
from pipelines.wikitext.parser.control_bytes import DROPPED, EQUALS, EXTERNAL
from pipelines.wikitext.parser.delimiters import (
    BLANK,
    CLOSE,
    CLOSE_BRACE,
    CLOSE_BRACKET,
    COLON,
    ENDS_LABELLED_URL,
    ENDS_URL,
    EQUAL,
    LESS,
    NEWLINE,
    OPEN,
    OPEN_BRACE,
    OPEN_BRACKET,
    PIPE,
    TAB,
    TRAILS_URL,
    UNDERSCORE,
)
from pipelines.wikitext.parser.invocations import LONGEST_NAME
from pipelines.wikitext.parser.stack import (
    BLANKED,
    CAPTIONS,
    CLEAN,
    DEPTH,
    FRAME_NUMBERS,
    HAS_EQUALS,
    IN_EXTERNAL,
    IN_LINK,
    IN_PARAMETER,
    IN_TABLE,
    IN_TEMPLATE,
    KEEPS_CAPTIONS,
    KEEPS_TABLES,
    LOSSES,
    MAX_DEPTH,
    OUT,
    START,
    STATE_NUMBERS,
    TABLES,
    abandon,
    abandon_links,
    close_braces,
    close_link,
    close_table,
    emit,
    on_pipe,
    pop,
    push,
    restore_delimiters,
    top,
    truncate,
    write_captions,
)
from pipelines.wikitext.parser.tokens import free_url_start, magic_word_end, on_tag, url_scheme_end

# Zero bytes after the source, so that the scanner may look ahead without checking for the end.
PADDING = 16
MAX_TAGS = 64

_SPECIAL = np.zeros(256, np.bool_)
_SPECIAL[np.frombuffer(b"<{}[]|=_:\n\0", np.uint8)] = True
# What may follow the "<" of a tag or comment.
_MAY_BEGIN_TAG = np.zeros(256, np.bool_)
_MAY_BEGIN_TAG[np.frombuffer(b"!/ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", np.uint8)] = True
# What may precede "{|" or "|}" in a line, and their first bytes.
_MAY_BEGIN_TABLE = np.zeros(256, np.bool_)
_MAY_BEGIN_TABLE[np.frombuffer(b" \t:;*#{|", np.uint8)] = True


@borrowing_jit
def _copy_plain(source, at, out, state):
    """Copy bytes up to the next that may be a delimiter; unsigned indices save a test for each byte."""
    one = np.uint64(1)
    index, to = np.uint64(at), np.uint64(state[OUT])
    while not _SPECIAL[source[index]]:
        out[to] = source[index]
        index += one
        to += one
    state[OUT] = np.int64(to)
    return np.int64(index)


@borrowing_jit
def _table_marker(source, at):
    """The index of "{|" or "|}" at the beginning of the line that begins at ``at``, -1 if there is neither."""
    while source[at] == BLANK or source[at] == TAB:
        at += 1
    if source[at] == PIPE:
        return at if source[at + 1] == CLOSE_BRACE else -1
    while _MAY_BEGIN_TABLE[source[at]] and source[at] != OPEN_BRACE and source[at] != PIPE:
        at += 1
    return at if source[at] == OPEN_BRACE and source[at + 1] == PIPE else -1


@borrowing_jit
def _on_table(source, marker, out, frames, state, names):
    """Process the beginning or end of a table at ``marker``; returns the index to continue at."""
    if source[marker] == OPEN_BRACE:
        push(out, frames, state, IN_TABLE)
        return marker + 2
    at = marker + 2
    if top(frames, state) == IN_TABLE or (state[TABLES] and source[at] != CLOSE_BRACE):
        while top(frames, state) != IN_TABLE:
            abandon(out, frames, state, names)
        close_table(out, frames, state)
    elif state[DEPTH]:  # a pipe, and the first brace of what may be the end of a template
        at -= 1
        on_pipe(out, frames, state)
    return at


def scratch():
    """Working memory of :func:`scan`, which can be reused: frames, state, tags without a closing tag, a name."""
    return (
        np.empty((MAX_DEPTH, FRAME_NUMBERS), np.int64),
        np.empty(STATE_NUMBERS, np.int64),
        np.empty(MAX_TAGS, np.bool_),
        np.empty(LONGEST_NAME, np.uint8),
    )


@borrowing_jit
def scan(source, size, out, captions, keeps_tables, lost_names, losses, names, frames, state, no_closer, name):
    """Scan a page.

    Args:
        source: UTF-8 bytes without control bytes, followed by PADDING zeros; uint8.
        size: Number of bytes without the padding.
        out: Space for as many bytes as ``source`` has.
        captions: Space for as many, for the captions of images; empty if captions are not kept.
        keeps_tables: Whether tables are kept as text.
        lost_names: Space for ``size`` bytes: normalised names of dropped templates that held words, each followed by a
            zero.
        losses: Space for ``size // 6 + 1`` rows of LOSS_NUMBERS: how often they were dropped, and with how many words.
        names: See :func:`pipelines.wikitext.parser.name_tables.scanner_names`.
        frames: From :func:`scratch`, as are the following.
        state: Its state.
        no_closer: Its tags.
        name: Its name.

    Returns:
        Number of bytes written to ``out``, and of rows to ``losses``.
    """
    state[:] = 0
    state[BLANKED] = -1
    state[KEEPS_CAPTIONS], state[KEEPS_TABLES] = len(captions) > 0, keeps_tables
    no_closer[:] = False
    at = since = 0  # since: the end of the last token
    line_start = 0
    while at < size:
        byte = source[at]
        if at == line_start and _MAY_BEGIN_TABLE[byte]:
            marker = _table_marker(source, at)
            if marker >= 0:
                since = at = _on_table(source, marker, out, frames, state, names)
                continue
        if not _SPECIAL[byte]:
            at = _copy_plain(source, at, out, state)
            continue
        if byte == NEWLINE:
            end = at + 1
            while source[end] == BLANK or source[end] == TAB:
                end += 1
            if end < size and source[end] == NEWLINE:
                if state[DEPTH]:
                    abandon_links(out, frames, state, names, False)
                emit(out, state, NEWLINE)
                if state[CAPTIONS] and not state[DEPTH]:
                    write_captions(out, state, captions)
                since = at = line_start = end
            else:
                if state[DEPTH]:
                    abandon_links(out, frames, state, names, True)
                emit(out, state, NEWLINE)
                at += 1
                since = line_start = at
            continue
        if byte == LESS and _MAY_BEGIN_TAG[source[at + 1]]:
            end = on_tag(source, size, at, out, frames, state, no_closer, names)
            if end > at:
                since = at = end
                continue
        elif byte == OPEN_BRACE or byte == CLOSE_BRACE:
            end = at + 1
            while source[end] == byte:
                end += 1
            braces = end - at
            if braces >= 2:
                since = at = end
                if byte == CLOSE_BRACE:
                    close_braces(out, frames, state, braces, name, lost_names, losses, names)
                    continue
                for _ in range(min((braces - 3 * (braces % 2)) // 2, MAX_DEPTH)):
                    push(out, frames, state, IN_TEMPLATE)
                if braces % 2:  # the innermost of an odd number is a parameter
                    push(out, frames, state, IN_PARAMETER)
                continue
        elif byte == OPEN_BRACKET:
            if source[at + 1] == OPEN_BRACKET:
                push(out, frames, state, IN_LINK)
                since = at = at + 2
                continue
            end = url_scheme_end(source, at + 1, names)
            if end > at + 1:
                while not ENDS_LABELLED_URL[source[end]]:
                    end += 1
                if source[end] == BLANK or source[end] == TAB:
                    emit(out, state, EXTERNAL)
                    push(out, frames, state, IN_EXTERNAL)
                else:
                    end += source[end] == CLOSE_BRACKET
                    emit(out, state, DROPPED)
                since = at = end
                continue
        elif byte == CLOSE_BRACKET:
            kind = top(frames, state)
            if kind == IN_EXTERNAL:
                frame = pop(frames, state)
                restore_delimiters(out, state, frames[frame, START])
            elif source[at + 1] == CLOSE_BRACKET:
                at += 1
                if kind == IN_LINK:
                    close_link(out, frames, state, captions, names)
            else:
                emit(out, state, byte)
            at += 1
            since = at
            continue
        elif byte == PIPE:
            if state[DEPTH]:
                on_pipe(out, frames, state)
            else:
                emit(out, state, PIPE)
            at += 1
            since = at
            continue
        elif byte == EQUAL:
            if top(frames, state) == IN_TEMPLATE and not frames[state[DEPTH] - 1, HAS_EQUALS]:
                frames[state[DEPTH] - 1, HAS_EQUALS] = True
                emit(out, state, EQUALS)
                state[CLEAN] = state[OUT]
            else:
                emit(out, state, EQUAL)
            at += 1
            since = at
            continue
        elif byte == COLON:
            start = free_url_start(source, at, since)
            if start >= 0:
                truncate(state, state[OUT] - (at - start))
                end = at + 3
                opens = False
                while not ENDS_URL[source[end]]:
                    opens |= source[end] == OPEN
                    end += 1
                tail = end
                while tail > start and TRAILS_URL[source[tail - 1]] and not (opens and source[tail - 1] == CLOSE):
                    tail -= 1
                emit(out, state, DROPPED)
                for index in range(tail, end):
                    emit(out, state, source[index])
                since = at = end
                continue
        elif byte == UNDERSCORE and source[at + 1] == UNDERSCORE:
            end = magic_word_end(source, at)
            if end > at:
                since = at = end
                continue
        emit(out, state, byte)
        at += 1
    while state[DEPTH]:
        abandon(out, frames, state, names)
    if state[CAPTIONS]:
        write_captions(out, state, captions)
    return state[OUT], state[LOSSES]
