"""First pass of the cleaner, compiled: one walk over the bytes of a page with an explicit stack.

Wikitext nests templates, links and tables; tags such as <ref> hold anything. The scanner writes its output as it
goes. Everything open is a frame that remembers where its output began; what closes it decides what of that output
stays: the label of a link, a template that shows something (as a call, for :mod:`pipelines.wikitext.expansion`),
nothing of a file or table. What was left out leaves a mark for :mod:`pipelines.wikitext.tidy`. No byte is passed over
twice by any kind of frame, so hostile input takes no longer than prose.
"""

# ruff: noqa: SIM109  numba compiles comparisons of bytes far better than `in` with a tuple

from __future__ import annotations

import numpy as np

from berth.kernels import jit
from pipelines.wikitext.frames import (
    BLANKED,
    CLEAN,
    DEPTH,
    FRAME_NUMBERS,
    HAS_EQUALS,
    IN_EXTERNAL,
    IN_LINK,
    IN_PARAMETER,
    IN_TABLE,
    IN_TEMPLATE,
    LONGEST_NAME,
    MAX_DEPTH,
    OUT,
    START,
    STATE_NUMBERS,
    TABLES,
    abandon,
    abandon_links,
    close_braces,
    close_link,
    emit,
    marks_to_signs,
    on_pipe,
    pop,
    push,
    top,
    truncate,
)
from pipelines.wikitext.marks import DROPPED, EQUALS, EXTERNAL
from pipelines.wikitext.signs import (
    BLANK,
    CLOSE_BRACE,
    CLOSE_BRACKET,
    COLON,
    ENDS_LABELLED_URL,
    ENDS_URL,
    EQUAL,
    HASH,
    LESS,
    NEWLINE,
    OPEN_BRACE,
    OPEN_BRACKET,
    PIPE,
    SEMICOLON,
    STAR,
    TAB,
    TRAILS_URL,
    UNDERSCORE,
)
from pipelines.wikitext.tokens import free_url_start, magic_word_end, on_tag, url_scheme_end

# Zero bytes behind the source, so that the scanner may look ahead without asking for the end.
PADDING = 16
MAX_TAGS = 64

_SPECIAL = np.zeros(256, np.bool_)
_SPECIAL[np.frombuffer(b"<{}[]|=_:\n", np.uint8)] = True


@jit
def scan(source, size, out, keys, numbers):
    """Scan a page.

    Args:
        source: UTF-8 bytes without control bytes, uint8, PADDING zeros behind them.
        size: Number of bytes without the padding.
        out: Space for as many bytes as ``source`` has.
        keys: Hashes of a :func:`pipelines.wikitext.scan_tables.scan_table`.
        numbers: Its numbers.

    Returns:
        Number of bytes written to ``out``.
    """
    frames = np.empty((MAX_DEPTH, FRAME_NUMBERS), np.int64)
    state = np.zeros(STATE_NUMBERS, np.int64)
    state[BLANKED] = -1
    no_closer = np.zeros(MAX_TAGS, np.bool_)
    name = np.empty(LONGEST_NAME, np.uint8)
    at = since = 0  # since: where the last token ended
    while at < size:
        if at == 0 or source[at - 1] == NEWLINE:
            marker = at
            while source[marker] == BLANK or source[marker] == TAB:
                marker += 1
            if source[marker] == PIPE and source[marker + 1] == CLOSE_BRACE:
                since = at = marker + 2
                if top(frames, state) == IN_TABLE or (state[TABLES] and source[at] != CLOSE_BRACE):
                    while top(frames, state) != IN_TABLE:
                        abandon(out, frames, state, keys, numbers)
                    truncate(state, frames[pop(frames, state), START] - 1)
                    emit(out, state, DROPPED)
                elif state[DEPTH]:  # a pipe, and the first brace of what may be the end of a template
                    since = at = at - 1
                    on_pipe(out, frames, state)
                continue
            while (
                source[marker] == BLANK
                or source[marker] == TAB
                or source[marker] == COLON
                or source[marker] == SEMICOLON
                or source[marker] == STAR
                or source[marker] == HASH
            ):
                marker += 1
            if source[marker] == OPEN_BRACE and source[marker + 1] == PIPE:
                push(out, frames, state, IN_TABLE)
                since = at = marker + 2
                continue
        byte = source[at]
        if not _SPECIAL[byte]:
            place = state[OUT]
            while at < size and not _SPECIAL[source[at]]:
                out[place] = source[at]
                place += 1
                at += 1
            state[OUT] = place
            continue
        if byte == NEWLINE:
            end = at + 1
            while source[end] == BLANK or source[end] == TAB:
                end += 1
            if end < size and source[end] == NEWLINE:
                abandon_links(out, frames, state, keys, numbers, False)
                emit(out, state, NEWLINE)
                since = at = end
            else:
                abandon_links(out, frames, state, keys, numbers, True)
                emit(out, state, NEWLINE)
                at += 1
                since = at
            continue
        if byte == LESS:
            end = on_tag(source, size, at, out, frames, state, no_closer, keys, numbers)
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
                    close_braces(out, frames, state, braces, name, keys, numbers)
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
            end = url_scheme_end(source, at + 1, keys, numbers)
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
                marks_to_signs(out, state, frames[frame, START])
            elif source[at + 1] == CLOSE_BRACKET:
                at += 1
                if kind == IN_LINK:
                    close_link(out, frames, state, keys, numbers)
            else:
                emit(out, state, byte)
            at += 1
            since = at
            continue
        elif byte == PIPE:
            on_pipe(out, frames, state)
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
                while not ENDS_URL[source[end]]:
                    end += 1
                tail = end
                while tail > start and TRAILS_URL[source[tail - 1]]:
                    tail -= 1
                emit(out, state, DROPPED)
                for place in range(tail, end):
                    emit(out, state, source[place])
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
        abandon(out, frames, state, keys, numbers)
    return state[OUT]
