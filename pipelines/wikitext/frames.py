"""The scanner's stack: what is open, and what it leaves in the output when it is closed or given up. Kernels."""

from __future__ import annotations

from berth.kernels import jit
from pipelines.wikitext.hashing import NOT_FOUND, hash_range, look_up
from pipelines.wikitext.links import is_hidden
from pipelines.wikitext.marks import ARGUMENT, CALL, DROPPED, END, EQUALS
from pipelines.wikitext.scan_tables import FUNCTION, NAMESPACE, OF_TEMPLATES, TEMPLATE
from pipelines.wikitext.signs import BANG, BLANK, COLON, EQUAL, HYPHEN, NEWLINE, PIPE, UNDERSCORE, is_space, lower

# MediaWiki itself expands templates to a depth of 40; what is open beyond this depth is not looked into.
MAX_DEPTH = 100
# Links hold links only in captions of files.
MAX_LINKS = 8
LONGEST_NAME = 64

# Kinds of frames.
IN_TEMPLATE, IN_PARAMETER, IN_LINK, IN_EXTERNAL, IN_TABLE = range(5)

# The state that all functions share, an array of numbers: frames on the stack; bytes written; frames of these kinds on
# the stack; the place in the output behind which no mark stands between arguments of an open frame; the place from
# which on everything was blanked, as far as blanking goes.
DEPTH, OUT, TABLES, BRACES, LINKS, CLEAN, BLANKED = range(7)
# A frame, a row of an array: its kind, where its output begins, its first pipe (or -1), whether it has its "=".
KIND, START, PIPE_AT, HAS_EQUALS = range(4)
STATE_NUMBERS, FRAME_NUMBERS = 7, 4


@jit
def emit(out, state, byte):
    """Write one byte."""
    out[state[OUT]] = byte
    state[OUT] += 1


@jit
def truncate(state, place):
    """Take the output back to ``place``."""
    state[OUT] = place
    state[CLEAN] = min(state[CLEAN], place)
    if state[BLANKED] >= place:
        state[BLANKED] = -1


@jit
def push(out, frames, state, kind):
    """Open a frame, unless too many are open."""
    depth = state[DEPTH]
    if depth >= MAX_DEPTH or (kind == IN_LINK and state[LINKS] >= MAX_LINKS):
        return
    if kind in (IN_TEMPLATE, IN_PARAMETER, IN_TABLE):
        emit(out, state, CALL)  # stays if the frame becomes a call
    frames[depth, KIND] = kind
    frames[depth, START] = state[OUT]
    frames[depth, PIPE_AT] = -1
    frames[depth, HAS_EQUALS] = False
    state[DEPTH] = depth + 1
    state[TABLES] += kind == IN_TABLE
    state[LINKS] += kind == IN_LINK
    state[BRACES] += kind in (IN_TEMPLATE, IN_PARAMETER)


@jit
def pop(frames, state):
    """Close the top frame; returns its place."""
    state[DEPTH] -= 1
    kind = frames[state[DEPTH], KIND]
    state[TABLES] -= kind == IN_TABLE
    state[LINKS] -= kind == IN_LINK
    state[BRACES] -= kind in (IN_TEMPLATE, IN_PARAMETER)
    return state[DEPTH]


@jit
def top(frames, state):
    """The kind of the top frame, -1 if nothing is open."""
    return frames[state[DEPTH] - 1, KIND] if state[DEPTH] else -1


@jit
def marks_to_signs(out, state, start):
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
def abandon(out, frames, state, keys, numbers):
    """Give up the top frame, which is never closed: its opening bracket and first line go, its prose stays."""
    frame = pop(frames, state)
    kind, start = frames[frame, KIND], frames[frame, START]
    if kind == IN_LINK:
        pipe = frames[frame, PIPE_AT]
        if is_hidden(out, start, pipe if pipe >= 0 else state[OUT], keys, numbers):
            truncate(state, start)
            emit(out, state, DROPPED)
            return
    marks_to_signs(out, state, start)
    if kind in (IN_TEMPLATE, IN_PARAMETER, IN_TABLE):
        out[start - 1] = DROPPED
        state[CLEAN] = min(state[CLEAN], start - 1)
        _blank_line(out, state, start)


@jit
def abandon_links(out, frames, state, keys, numbers, external_only):
    """Give up the links on top, or only the external ones."""
    while True:
        kind = top(frames, state)
        if kind == IN_EXTERNAL or (kind == IN_LINK and not external_only):
            abandon(out, frames, state, keys, numbers)
        else:
            return


@jit
def add_argument(out, frames, state):
    """End an argument of the top frame."""
    frame = state[DEPTH] - 1
    if frames[frame, PIPE_AT] < 0:
        frames[frame, PIPE_AT] = state[OUT]
    frames[frame, HAS_EQUALS] = False
    emit(out, state, ARGUMENT)
    state[CLEAN] = state[OUT]


@jit
def on_pipe(out, frames, state):
    """A pipe: ends an argument, or is a sign."""
    kind = top(frames, state)
    if kind in (IN_TEMPLATE, IN_LINK, IN_PARAMETER):
        add_argument(out, frames, state)
    else:
        emit(out, state, PIPE)


@jit
def close_link(out, frames, state, keys, numbers):
    """Close a link on top: its label stays."""
    frame = pop(frames, state)
    start, pipe, stop = frames[frame, START], frames[frame, PIPE_AT], state[OUT]
    if is_hidden(out, start, pipe if pipe >= 0 else stop, keys, numbers):
        truncate(state, start)
        emit(out, state, DROPPED)
        return
    first = start
    if pipe >= 0:
        marks_to_signs(out, state, pipe + 1)
        first = pipe + 1
    else:
        while first < stop and is_space(out[first]):
            first += 1
        while stop > first and is_space(out[stop - 1]):
            stop -= 1
        if first < stop and out[first] == COLON:
            first += 1
            if is_hidden(out, first, stop, keys, numbers):
                while out[first] != COLON:
                    first += 1
                first += 1
    truncate(state, start)
    if pipe >= 0 and first == stop:
        emit(out, state, DROPPED)
    for at in range(first, stop):
        emit(out, state, out[at])


@jit
def _template_is_shown(text, start, stop, name, keys, numbers):
    """Whether the template whose name is text[start:stop] shows anything; ``name`` is scratch space."""
    length, pending, colon = 0, False, -1
    for at in range(start, stop):
        byte = text[at]
        if byte == DROPPED:
            continue
        if is_space(byte) or byte == UNDERSCORE:
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
        name[length] = EQUAL if byte == EQUALS else lower(byte)
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
def close_template(out, frames, state, name, keys, numbers):
    """Close a template on top: it stays as a call if it shows anything."""
    frame = pop(frames, state)
    start, stop = frames[frame, START], state[OUT]
    if frames[frame, PIPE_AT] >= 0:
        stop = frames[frame, PIPE_AT]
    first, last = start, stop
    while first < last and is_space(out[first]):
        first += 1
    while last > first and is_space(out[last - 1]):
        last -= 1
    if last - first == 1 and out[first] == BANG:
        truncate(state, start - 1)
        if top(frames, state) == IN_LINK:
            add_argument(out, frames, state)
        else:
            emit(out, state, PIPE)
    elif _template_is_shown(out, start, stop, name, keys, numbers):
        emit(out, state, END)
        state[CLEAN] = min(state[CLEAN], start - 1)
    else:
        truncate(state, start - 1)
        emit(out, state, DROPPED)


@jit
def close_braces(out, frames, state, braces, name, keys, numbers):
    """Close as many templates and parameters as the braces do."""
    while braces >= 2:
        abandon_links(out, frames, state, keys, numbers, False)
        kind = top(frames, state)
        if kind == IN_TABLE and state[BRACES]:
            abandon(out, frames, state, keys, numbers)
        elif kind == IN_PARAMETER:
            truncate(state, frames[pop(frames, state), START] - 1)
            emit(out, state, DROPPED)
            braces -= 3
        elif kind == IN_TEMPLATE:
            close_template(out, frames, state, name, keys, numbers)
            braces -= 2
        else:
            return
