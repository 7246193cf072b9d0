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
from pipelines.wikitext.hashing import NOT_FOUND, add_byte, begin_hash, hash_range, look_up
from pipelines.wikitext.marks import ARGUMENT, CALL, DROPPED, END, EQUALS, EXTERNAL, LITERAL_MARKS, LITERALS
from pipelines.wikitext.scan_tables import (
    BLOCK,
    EXTENSION,
    FUNCTION,
    HIDDEN,
    LANGUAGE,
    NAMESPACE,
    NOWIKI,
    OF_TEMPLATES,
    REF,
    SCHEME,
    SPACE,
    TAG,
    TEMPLATE,
)

# MediaWiki itself expands templates to a depth of 40; what is open beyond this depth is not looked into.
MAX_DEPTH = 100
# Links hold links only in captions of files.
MAX_LINKS = 8
# Zero bytes behind the source, so that the scanner may look ahead without asking for the end.
PADDING = 16
MAX_TAGS = 64
LONGEST_NAME = 64
LONGEST_SCHEME = 12
LONGEST_EXTENSION = 8

# Kinds of frames.
IN_TEMPLATE, IN_PARAMETER, IN_LINK, IN_EXTERNAL, IN_TABLE = range(5)

NEWLINE, TAB, BLANK = 10, 9, 32
BANG, HASH, STAR, COLON, SEMICOLON, SLASH, HYPHEN = 33, 35, 42, 58, 59, 47, 45
LESS, EQUAL, GREATER, UNDERSCORE, DOT = 60, 61, 62, 95, 46
OPEN_BRACE, PIPE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET = 123, 124, 125, 91, 93

_SPECIAL = np.zeros(256, np.bool_)
_SPECIAL[np.frombuffer(b"<{}[]|=_:\n", np.uint8)] = True
# Bytes that end a URL, inside [brackets] and free in the text.
_ENDS_LABELLED_URL = np.zeros(256, np.bool_)
_ENDS_LABELLED_URL[: BLANK + 1] = True
_ENDS_LABELLED_URL[np.frombuffer(b'[]<>"', np.uint8)] = True
_ENDS_URL = _ENDS_LABELLED_URL.copy()
_ENDS_URL[np.frombuffer(b"{}|", np.uint8)] = True
_TRAILS_URL = np.zeros(256, np.bool_)
_TRAILS_URL[np.frombuffer(b",;.:!?)", np.uint8)] = True
_AS_MARK = np.arange(256, dtype=np.uint8)
_AS_MARK[np.frombuffer(LITERALS, np.uint8)] = np.frombuffer(LITERAL_MARKS, np.uint8)


# The state that all functions share, an array of numbers: frames on the stack; bytes written; frames of these kinds on
# the stack; the place in the output behind which no mark stands between arguments of an open frame; the place from
# which on everything was blanked, as far as blanking goes.
DEPTH, OUT, TABLES, BRACES, LINKS, CLEAN, BLANKED = range(7)
# A frame, a row of an array: its kind, where its output begins, its first pipe (or -1), whether it has its "=".
KIND, START, PIPE_AT, HAS_EQUALS = range(4)


@jit
def _lower(byte):
    return byte + 32 if 65 <= byte <= 90 else byte


@jit
def _is_letter(byte):
    return 97 <= byte <= 122 or 65 <= byte <= 90


@jit
def _is_word(byte):
    return 97 <= byte <= 122 or 65 <= byte <= 90 or 48 <= byte <= 57 or byte == UNDERSCORE or byte >= 128


@jit
def _is_space(byte):
    return byte == BLANK or byte == NEWLINE or byte == TAB


@jit
def _emit(out, state, byte):
    out[state[OUT]] = byte
    state[OUT] += 1


@jit
def _truncate(state, place):
    """Take the output back to ``place``."""
    state[OUT] = place
    state[CLEAN] = min(state[CLEAN], place)
    if state[BLANKED] >= place:
        state[BLANKED] = -1


@jit
def _push(out, frames, state, kind):
    depth = state[DEPTH]
    if depth >= MAX_DEPTH or (kind == IN_LINK and state[LINKS] >= MAX_LINKS):
        return
    if kind == IN_TEMPLATE or kind == IN_PARAMETER or kind == IN_TABLE:
        _emit(out, state, CALL)  # stays if the frame becomes a call
    frames[depth, KIND] = kind
    frames[depth, START] = state[OUT]
    frames[depth, PIPE_AT] = -1
    frames[depth, HAS_EQUALS] = False
    state[DEPTH] = depth + 1
    state[TABLES] += kind == IN_TABLE
    state[LINKS] += kind == IN_LINK
    state[BRACES] += kind == IN_TEMPLATE or kind == IN_PARAMETER


@jit
def _pop(frames, state):
    state[DEPTH] -= 1
    kind = frames[state[DEPTH], KIND]
    state[TABLES] -= kind == IN_TABLE
    state[LINKS] -= kind == IN_LINK
    state[BRACES] -= kind == IN_TEMPLATE or kind == IN_PARAMETER
    return state[DEPTH]


@jit
def _top(frames, state):
    return frames[state[DEPTH] - 1, KIND] if state[DEPTH] else -1


@jit
def _marks_to_signs(out, state, start):
    """Turn the marks between arguments from ``start`` on back into signs; those of complete calls stay."""
    inside = 0
    for at in range(start, min(state[CLEAN], state[OUT])):
        byte = out[at]
        if byte == CALL:
            inside += 1
        elif byte == END:
            inside -= 1
        elif inside == 0 and byte == ARGUMENT:
            out[at] = PIPE
        elif inside == 0 and byte == EQUALS:
            out[at] = EQUAL
    state[CLEAN] = min(state[CLEAN], start)


@jit
def _blank_line(out, state, start):
    """Overwrite from ``start`` to the end of the line, or to a call, with marks for something dropped."""
    at, stop, known = start, state[OUT], state[BLANKED]
    while at < stop and at != known and out[at] != NEWLINE and out[at] != CALL:
        out[at] = DROPPED
        at += 1
    state[BLANKED] = start


@jit
def _abandon(out, frames, state, keys, numbers):
    """Give up the top frame, which is never closed: its opening bracket and first line go, its prose stays."""
    frame = _pop(frames, state)
    kind, start = frames[frame, KIND], frames[frame, START]
    if kind == IN_LINK:
        pipe = frames[frame, PIPE_AT]
        if _is_hidden(out, start, pipe if pipe >= 0 else state[OUT], keys, numbers):
            _truncate(state, start)
            _emit(out, state, DROPPED)
            return
    _marks_to_signs(out, state, start)
    if kind == IN_TEMPLATE or kind == IN_PARAMETER or kind == IN_TABLE:
        out[start - 1] = DROPPED
        state[CLEAN] = min(state[CLEAN], start - 1)
        _blank_line(out, state, start)


@jit
def _abandon_links(out, frames, state, keys, numbers, external_only):
    while True:
        top = _top(frames, state)
        if top == IN_EXTERNAL or (top == IN_LINK and not external_only):
            _abandon(out, frames, state, keys, numbers)
        else:
            return


@jit
def _add_argument(out, frames, state):
    frame = state[DEPTH] - 1
    if frames[frame, PIPE_AT] < 0:
        frames[frame, PIPE_AT] = state[OUT]
    frames[frame, HAS_EQUALS] = False
    _emit(out, state, ARGUMENT)
    state[CLEAN] = state[OUT]


@jit
def _on_pipe(out, frames, state):
    top = _top(frames, state)
    if top == IN_TEMPLATE or top == IN_LINK or top == IN_PARAMETER:
        _add_argument(out, frames, state)
    else:
        _emit(out, state, PIPE)


@jit
def _is_language(text, start, stop):
    """Whether text[start:stop] is two or three small letters, perhaps with more behind hyphens."""
    at = start
    while at < stop and 97 <= text[at] <= 122:
        at += 1
    if not 2 <= at - start <= 3:
        return False
    while at < stop:
        if text[at] != HYPHEN or at + 1 >= stop or not 97 <= text[at + 1] <= 122:
            return False
        at += 1
        while at < stop and 97 <= text[at] <= 122:
            at += 1
    return True


@jit
def _is_hidden(text, start, stop, keys, numbers):
    """Whether a link to text[start:stop] shows nothing: a file, a category, a page in another language."""
    colon = start
    while colon < stop and text[colon] != COLON:
        colon += 1
    first, last = start, colon
    while first < last and _is_space(text[first]):
        first += 1
    while last > first and _is_space(text[last - 1]):
        last -= 1
    if colon == stop or first == last:
        return False
    value = begin_hash(NAMESPACE)
    for at in range(first, last):
        byte = text[at]
        value = add_byte(value, BLANK if byte == UNDERSCORE else _lower(byte))
    number = look_up(keys, numbers, value)
    if number == HIDDEN:
        return True
    if number == NOT_FOUND and (
        _is_language(text, first, last) or look_up(keys, numbers, hash_range(LANGUAGE, text, first, last)) != NOT_FOUND
    ):
        return True
    while stop > start and _is_space(text[stop - 1]):
        stop -= 1
    dot = stop
    while dot > start and stop - dot < LONGEST_EXTENSION and text[dot - 1] != DOT:
        dot -= 1
    if dot == start or text[dot - 1] != DOT:
        return False
    value = begin_hash(EXTENSION)
    for at in range(dot, stop):
        value = add_byte(value, _lower(text[at]))
    return look_up(keys, numbers, value) != NOT_FOUND


@jit
def _close_link(out, frames, state, keys, numbers):
    frame = _pop(frames, state)
    start, pipe, stop = frames[frame, START], frames[frame, PIPE_AT], state[OUT]
    if _is_hidden(out, start, pipe if pipe >= 0 else stop, keys, numbers):
        _truncate(state, start)
        _emit(out, state, DROPPED)
        return
    first = start
    if pipe >= 0:
        _marks_to_signs(out, state, pipe + 1)
        first = pipe + 1
    else:
        while first < stop and _is_space(out[first]):
            first += 1
        while stop > first and _is_space(out[stop - 1]):
            stop -= 1
        if first < stop and out[first] == COLON:
            first += 1
            if _is_hidden(out, first, stop, keys, numbers):
                while out[first] != COLON:
                    first += 1
                first += 1
    _truncate(state, start)
    if pipe >= 0 and first == stop:
        _emit(out, state, DROPPED)
    for at in range(first, stop):
        _emit(out, state, out[at])


@jit
def _template_is_shown(text, start, stop, name, keys, numbers):
    """Whether the template whose name is text[start:stop] shows anything; ``name`` is scratch space."""
    length, pending, colon = 0, False, -1
    for at in range(start, stop):
        byte = text[at]
        if byte == DROPPED:
            continue
        if _is_space(byte) or byte == UNDERSCORE:
            pending = length > 0
            continue
        if length + 2 > LONGEST_NAME:
            length = -1
            break
        if pending:
            name[length] = BLANK
            length += 1
            pending = False
        if byte == COLON and colon < 0:
            colon = length
        name[length] = EQUAL if byte == EQUALS else _lower(byte)
        length += 1
    is_long = length < 0
    if is_long:
        length = LONGEST_NAME - 1
    first = 0
    if colon >= 0:
        end = colon
        while end > 0 and name[end - 1] == BLANK:
            end -= 1
        if look_up(keys, numbers, hash_range(NAMESPACE, name, 0, end)) == OF_TEMPLATES:
            first = colon + 1
            while first < length and name[first] == BLANK:
                first += 1
    if not is_long and look_up(keys, numbers, hash_range(TEMPLATE, name, first, length)) != NOT_FOUND:
        return True
    if (
        length - first >= 5
        and name[first] == 108  # l
        and name[first + 1] == 97  # a
        and name[first + 2] == 110  # n
        and name[first + 3] == 103  # g
        and name[first + 4] == HYPHEN
    ):
        return True
    end = first
    while end < length and name[end] != COLON:
        end += 1
    return look_up(keys, numbers, hash_range(FUNCTION, name, first, end)) != NOT_FOUND


@jit
def _close_template(out, frames, state, name, keys, numbers):
    frame = _pop(frames, state)
    start, stop = frames[frame, START], state[OUT]
    if frames[frame, PIPE_AT] >= 0:
        stop = frames[frame, PIPE_AT]
    first, last = start, stop
    while first < last and _is_space(out[first]):
        first += 1
    while last > first and _is_space(out[last - 1]):
        last -= 1
    if last - first == 1 and out[first] == BANG:
        _truncate(state, start - 1)
        if _top(frames, state) == IN_LINK:
            _add_argument(out, frames, state)
        else:
            _emit(out, state, PIPE)
    elif _template_is_shown(out, start, stop, name, keys, numbers):
        _emit(out, state, END)
        state[CLEAN] = min(state[CLEAN], start - 1)
    else:
        _truncate(state, start - 1)
        _emit(out, state, DROPPED)


@jit
def _close_braces(out, frames, state, braces, name, keys, numbers):
    while braces >= 2:
        _abandon_links(out, frames, state, keys, numbers, False)
        top = _top(frames, state)
        if top == IN_TABLE and state[BRACES]:
            _abandon(out, frames, state, keys, numbers)
        elif top == IN_PARAMETER:
            _truncate(state, frames[_pop(frames, state), START] - 1)
            _emit(out, state, DROPPED)
            braces -= 3
        elif top == IN_TEMPLATE:
            _close_template(out, frames, state, name, keys, numbers)
            braces -= 2
        else:
            return


@jit
def _end_of_line(source, size, at):
    while at < size and source[at] != NEWLINE:
        at += 1
    return at


@jit
def _find_closing_tag(source, size, at, name, name_end):
    """Where ``</name >`` begins at or behind ``at``, and where it ends; (-1, -1) if it is nowhere."""
    length = name_end - name
    while at + length + 2 < size:
        if source[at] == LESS and source[at + 1] == SLASH:
            same = 0
            while same < length and _lower(source[at + 2 + same]) == _lower(source[name + same]):
                same += 1
            if same == length:
                end = at + 2 + length
                while end < size and _is_space(source[end]):
                    end += 1
                if end < size and source[end] == GREATER:
                    return at, end + 1
        at += 1
    return -1, -1


@jit
def _on_tag(source, size, at, out, frames, state, no_closer, keys, numbers):
    """A tag or comment that may begin at ``at``; returns where to go on, or ``at`` if it is only a sign."""
    if source[at + 1] == BANG and source[at + 2] == HYPHEN and source[at + 3] == HYPHEN:
        if not no_closer[0]:
            end = at + 4
            while end + 2 < size:
                if source[end] == HYPHEN and source[end + 1] == HYPHEN and source[end + 2] == GREATER:
                    return end + 3
                end += 1
            no_closer[0] = True
        return _end_of_line(source, size, at)
    is_closing = source[at + 1] == SLASH
    name = at + 1 + is_closing
    if not _is_letter(source[name]):
        return at
    name_end = name
    value = begin_hash(TAG)
    while _is_letter(source[name_end]) or 48 <= source[name_end] <= 57:
        value = add_byte(value, _lower(source[name_end]))
        name_end += 1
    if _is_word(source[name_end]):
        return at
    end = name_end
    while end < size and source[end] != GREATER and source[end] != LESS:
        end += 1
    if end >= size or source[end] != GREATER:
        return at
    is_alone = end > name_end and source[end - 1] == SLASH
    end += 1
    tag = look_up(keys, numbers, value)
    if tag >= NOWIKI and not is_closing and not is_alone:
        content_end, behind = -1, -1
        if not no_closer[tag]:
            content_end, behind = _find_closing_tag(source, size, end, name, name_end)
            no_closer[tag] = content_end < 0
        if tag != NOWIKI:
            _emit(out, state, DROPPED)
        elif content_end >= 0:
            for content in range(end, content_end):
                _emit(out, state, _AS_MARK[source[content]])
        if content_end >= 0:
            return behind
        return _end_of_line(source, size, end) if tag == REF else end
    if tag >= REF:
        _emit(out, state, DROPPED)
    elif tag == SPACE:
        _emit(out, state, BLANK)
    elif tag == BLOCK:
        top = _top(frames, state)
        if top != IN_LINK and top != IN_EXTERNAL:
            _emit(out, state, NEWLINE)
            _emit(out, state, NEWLINE)
    return end


@jit
def _url_scheme_end(source, at, keys, numbers):
    """Where the address behind "[" goes on behind its scheme; ``at`` if there is none."""
    if source[at] == SLASH and source[at + 1] == SLASH:
        return at + 2
    end = at
    value = begin_hash(SCHEME)
    while 97 <= source[end] <= 122 and end - at < LONGEST_SCHEME:
        value = add_byte(value, source[end])
        end += 1
    if source[end] == COLON and look_up(keys, numbers, value) != NOT_FOUND:
        return end + 1
    return at


@jit
def _free_url_start(source, colon, since):
    """Where a free URL begins whose "://" is at ``colon``; -1 if there is none behind ``since``."""
    if source[colon + 1] != SLASH or source[colon + 2] != SLASH or _ENDS_URL[source[colon + 3]]:
        return -1
    start = -1
    if colon >= 3 and source[colon - 1] == 112:  # p
        if source[colon - 2] == 116 and source[colon - 3] == 102:  # ft
            start = colon - 3
        elif colon >= 4 and source[colon - 2] == 116 and source[colon - 3] == 116 and source[colon - 4] == 104:  # htt
            start = colon - 4
    elif (
        colon >= 5
        and source[colon - 1] == 115  # s
        and source[colon - 2] == 112  # p
        and source[colon - 3] == 116  # t
        and source[colon - 4] == 116  # t
        and source[colon - 5] == 104  # h
    ):
        start = colon - 5
    if start < since or (start > 0 and _is_word(source[start - 1])):
        return -1
    return start


@jit
def _magic_word_end(source, at):
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
    frames = np.empty((MAX_DEPTH, 4), np.int64)
    state = np.zeros(7, np.int64)
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
                if _top(frames, state) == IN_TABLE or (state[TABLES] and source[at] != CLOSE_BRACE):
                    while _top(frames, state) != IN_TABLE:
                        _abandon(out, frames, state, keys, numbers)
                    _truncate(state, frames[_pop(frames, state), START] - 1)
                    _emit(out, state, DROPPED)
                elif state[DEPTH]:  # a pipe, and the first brace of what may be the end of a template
                    since = at = at - 1
                    _on_pipe(out, frames, state)
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
                _push(out, frames, state, IN_TABLE)
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
                _abandon_links(out, frames, state, keys, numbers, False)
                _emit(out, state, NEWLINE)
                since = at = end
            else:
                _abandon_links(out, frames, state, keys, numbers, True)
                _emit(out, state, NEWLINE)
                at += 1
                since = at
            continue
        if byte == LESS:
            end = _on_tag(source, size, at, out, frames, state, no_closer, keys, numbers)
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
                    _close_braces(out, frames, state, braces, name, keys, numbers)
                    continue
                for _ in range(min((braces - 3 * (braces % 2)) // 2, MAX_DEPTH)):
                    _push(out, frames, state, IN_TEMPLATE)
                if braces % 2:  # the innermost of an odd number is a parameter
                    _push(out, frames, state, IN_PARAMETER)
                continue
        elif byte == OPEN_BRACKET:
            if source[at + 1] == OPEN_BRACKET:
                _push(out, frames, state, IN_LINK)
                since = at = at + 2
                continue
            end = _url_scheme_end(source, at + 1, keys, numbers)
            if end > at + 1:
                while not _ENDS_LABELLED_URL[source[end]]:
                    end += 1
                if source[end] == BLANK or source[end] == TAB:
                    _emit(out, state, EXTERNAL)
                    _push(out, frames, state, IN_EXTERNAL)
                else:
                    end += source[end] == CLOSE_BRACKET
                    _emit(out, state, DROPPED)
                since = at = end
                continue
        elif byte == CLOSE_BRACKET:
            top = _top(frames, state)
            if top == IN_EXTERNAL:
                frame = _pop(frames, state)
                _marks_to_signs(out, state, frames[frame, START])
            elif source[at + 1] == CLOSE_BRACKET:
                at += 1
                if top == IN_LINK:
                    _close_link(out, frames, state, keys, numbers)
            else:
                _emit(out, state, byte)
            at += 1
            since = at
            continue
        elif byte == PIPE:
            _on_pipe(out, frames, state)
            at += 1
            since = at
            continue
        elif byte == EQUAL:
            if _top(frames, state) == IN_TEMPLATE and not frames[state[DEPTH] - 1, HAS_EQUALS]:
                frames[state[DEPTH] - 1, HAS_EQUALS] = True
                _emit(out, state, EQUALS)
                state[CLEAN] = state[OUT]
            else:
                _emit(out, state, EQUAL)
            at += 1
            since = at
            continue
        elif byte == COLON:
            start = _free_url_start(source, at, since)
            if start >= 0:
                _truncate(state, state[OUT] - (at - start))
                end = at + 3
                while not _ENDS_URL[source[end]]:
                    end += 1
                tail = end
                while tail > start and _TRAILS_URL[source[tail - 1]]:
                    tail -= 1
                _emit(out, state, DROPPED)
                for place in range(tail, end):
                    _emit(out, state, source[place])
                since = at = end
                continue
        elif byte == UNDERSCORE and source[at + 1] == UNDERSCORE:
            end = _magic_word_end(source, at)
            if end > at:
                since = at = end
                continue
        _emit(out, state, byte)
        at += 1
    while state[DEPTH]:
        _abandon(out, frames, state, keys, numbers)
    return state[OUT]
