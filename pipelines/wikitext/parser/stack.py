"""The scanner's stack: open constructs, and what each leaves in the output when it is closed or abandoned. Kernels."""

# ruff: noqa: SIM109  numba compiles comparisons of bytes far better than `in` with a tuple

from __future__ import annotations

import numpy as np

from berth.kernels import borrowing_jit, inlined_jit
from berth.kernels.name_table import hash_name
from pipelines.wikitext.parser.control_bytes import ARGUMENT, DROPPED, END, EQUALS, INVOCATION
from pipelines.wikitext.parser.delimiters import BANG, BLANK, COLON, EQUAL, NEWLINE, PIPE, is_space
from pipelines.wikitext.parser.invocations import count_words, is_shown, normalise_name
from pipelines.wikitext.parser.links import hidden_kind
from pipelines.wikitext.parser.name_tables import OF_FILES, SHOWN, TEMPLATE
from pipelines.wikitext.parser.tables import caption_start, rows_of_table

# MediaWiki itself expands templates to a depth of 40; constructs beyond this depth are not parsed.
MAX_DEPTH = 100
# Links hold links only in captions of files.
MAX_LINKS = 8

# Kinds of frames.
IN_TEMPLATE, IN_PARAMETER, IN_LINK, IN_EXTERNAL, IN_TABLE = range(5)

# The state that all functions share, an array of numbers: frames on the stack; bytes written; frames of these kinds on
# the stack; the index in the output after which there is no ARGUMENT or EQUALS of an open frame; the index after which
# the line was already blanked, or -1; templates dropped with words, and the bytes of their names; bytes of captions to
# be written at the end of the paragraph; options. From RECENT on: a cache of these templates' rows, by the hash of the
# name.
DEPTH, OUT, TABLES, BRACES, LINKS, CLEAN, BLANKED, LOSSES, NAMES, CAPTIONS = range(10)
KEEPS_CAPTIONS, KEEPS_TABLES, RECENT = range(10, 13)
RECENT_LOSSES = 256
# A frame, a row of an array: its kind, where its output begins, its first pipe (or -1), whether it has its "=".
KIND, START, PIPE_AT, HAS_EQUALS = range(4)
STATE_NUMBERS, FRAME_NUMBERS = RECENT + RECENT_LOSSES, 4
# A loss, a row of an array: the hash of a dropped template's name, the index after the name, how often the template
# was dropped with words, and their number.
NAME_HASH, NAME_END, USES, WORDS = range(4)
LOSS_NUMBERS = 4


@borrowing_jit
def emit(out, state, byte):
    """Write one byte."""
    out[state[OUT]] = byte
    state[OUT] += 1


@borrowing_jit
def truncate(state, size):
    """Cut the output to its first ``size`` bytes."""
    state[OUT] = size
    state[CLEAN] = min(state[CLEAN], size)
    if state[BLANKED] >= size:
        state[BLANKED] = -1


@borrowing_jit
def push(out, frames, state, kind):
    """Open a frame, unless too many are open."""
    depth = state[DEPTH]
    if depth >= MAX_DEPTH or (kind == IN_LINK and state[LINKS] >= MAX_LINKS):
        return
    if kind == IN_TEMPLATE or kind == IN_PARAMETER or kind == IN_TABLE:
        emit(out, state, INVOCATION)  # kept if the frame becomes an invocation
    frames[depth, KIND] = kind
    frames[depth, START] = state[OUT]
    frames[depth, PIPE_AT] = -1
    frames[depth, HAS_EQUALS] = False
    state[DEPTH] = depth + 1
    state[TABLES] += kind == IN_TABLE
    state[LINKS] += kind == IN_LINK
    state[BRACES] += kind == IN_TEMPLATE or kind == IN_PARAMETER


@borrowing_jit
def pop(frames, state):
    """Close the top frame; returns its index."""
    state[DEPTH] -= 1
    kind = frames[state[DEPTH], KIND]
    state[TABLES] -= kind == IN_TABLE
    state[LINKS] -= kind == IN_LINK
    state[BRACES] -= kind == IN_TEMPLATE or kind == IN_PARAMETER
    return state[DEPTH]


@borrowing_jit
def top(frames, state):
    """The kind of the top frame, -1 if nothing is open."""
    return frames[state[DEPTH] - 1, KIND] if state[DEPTH] else -1


@borrowing_jit
def restore_delimiters(out, state, start):
    """Turn ARGUMENT and EQUALS from ``start`` on back into "|" and "="; those of complete invocations are kept."""
    inside = 0
    for at in range(start, min(state[CLEAN], state[OUT])):
        byte = out[at]
        if byte == INVOCATION:
            inside += 1
        elif byte == END:
            inside -= 1
        elif inside == 0 and byte == ARGUMENT:
            out[at] = PIPE
        elif inside == 0 and byte == EQUALS:
            out[at] = EQUAL
    state[CLEAN] = min(state[CLEAN], start)


@borrowing_jit
def _blank_line(out, state, start):
    """Overwrite from ``start`` to the end of the line, or to an invocation, with DROPPED."""
    at, stop, known = start, state[OUT], state[BLANKED]
    while at < stop and at != known and out[at] != NEWLINE and out[at] != INVOCATION:
        out[at] = DROPPED
        at += 1
    state[BLANKED] = start


@borrowing_jit
def abandon(out, frames, state, names):
    """Abandon the top frame, which is never closed: its opening bracket and first line are dropped, its prose kept."""
    frame = pop(frames, state)
    kind, start = frames[frame, KIND], frames[frame, START]
    if kind == IN_LINK:
        pipe = frames[frame, PIPE_AT]
        if hidden_kind(out, start, pipe if pipe >= 0 else state[OUT], names) != SHOWN:
            truncate(state, start)
            emit(out, state, DROPPED)
            return
    restore_delimiters(out, state, start)
    if kind == IN_TEMPLATE or kind == IN_PARAMETER or kind == IN_TABLE:
        out[start - 1] = DROPPED
        state[CLEAN] = min(state[CLEAN], start - 1)
        _blank_line(out, state, start)


@borrowing_jit
def abandon_links(out, frames, state, names, external_only):
    """Abandon the links on top, or only the external ones."""
    while True:
        kind = top(frames, state)
        if kind == IN_EXTERNAL or (kind == IN_LINK and not external_only):
            abandon(out, frames, state, names)
        else:
            return


@borrowing_jit
def add_argument(out, frames, state):
    """End an argument of the top frame."""
    frame = state[DEPTH] - 1
    if frames[frame, PIPE_AT] < 0:
        frames[frame, PIPE_AT] = state[OUT]
    frames[frame, HAS_EQUALS] = False
    emit(out, state, ARGUMENT)
    state[CLEAN] = state[OUT]


@borrowing_jit
def on_pipe(out, frames, state):
    """Process a pipe: it ends an argument, or is text."""
    kind = top(frames, state)
    if kind == IN_TEMPLATE or kind == IN_LINK or kind == IN_PARAMETER:
        add_argument(out, frames, state)
    else:
        emit(out, state, PIPE)


@borrowing_jit
def _keep_caption(out, start, stop, state, captions):
    """Keep out[start:stop] as a paragraph for later."""
    to = state[CAPTIONS]
    if start == stop:
        return
    restore_delimiters(out, state, start)
    for at in range(start, stop):
        captions[to] = BLANK if out[at] == NEWLINE else out[at]
        to += 1
    captions[to] = captions[to + 1] = NEWLINE
    state[CAPTIONS] = to + 2


@borrowing_jit
def write_captions(out, state, captions):
    """Write the captions that were kept, after the paragraph."""
    emit(out, state, NEWLINE)
    emit(out, state, NEWLINE)
    for at in range(state[CAPTIONS]):
        emit(out, state, captions[at])
    state[CAPTIONS] = 0


@borrowing_jit
def close_table(out, frames, state):
    """Close a table on top: it is dropped or (on request, and unless it is inside another table) becomes lines."""
    start = frames[pop(frames, state), START]
    stop = state[OUT]
    if not (state[KEEPS_TABLES] or state[KEEPS_CAPTIONS]) or state[TABLES]:
        truncate(state, start - 1)
        emit(out, state, DROPPED)
        return
    restore_delimiters(out, state, start)
    stop = rows_of_table(out, start, stop, state[KEEPS_TABLES] != 0, state[KEEPS_CAPTIONS] != 0)
    truncate(state, stop)
    out[start - 1] = DROPPED
    state[CLEAN] = min(state[CLEAN], start - 1)
    emit(out, state, NEWLINE)


@borrowing_jit
def close_link(out, frames, state, captions, names):
    """Close a link on top: its label is kept; of an image, on request, the caption, for the end of the paragraph."""
    frame = pop(frames, state)
    start, pipe, stop = frames[frame, START], frames[frame, PIPE_AT], state[OUT]
    hidden = hidden_kind(out, start, pipe if pipe >= 0 else stop, names)
    if hidden != SHOWN:
        if hidden == OF_FILES and pipe >= 0 and state[KEEPS_CAPTIONS] and not state[DEPTH]:
            _keep_caption(out, caption_start(out, pipe + 1, stop), stop, state, captions)
        truncate(state, start)
        emit(out, state, DROPPED)
        return
    first = start
    if pipe >= 0:
        restore_delimiters(out, state, pipe + 1)
        first = pipe + 1
    else:
        while first < stop and is_space(out[first]):
            first += 1
        while stop > first and is_space(out[stop - 1]):
            stop -= 1
        if first < stop and out[first] == COLON:
            first += 1
            if hidden_kind(out, first, stop, names) != SHOWN:
                colon = first
                while out[colon] != COLON and out[colon] != INVOCATION:
                    colon += 1
                first = colon + 1 if out[colon] == COLON else first
    truncate(state, start)
    if pipe >= 0 and first == stop:
        emit(out, state, DROPPED)
    for at in range(first, stop):
        emit(out, state, out[at])


@borrowing_jit
def _record_loss(state, words, name, first, length, lost_names, losses):
    """Record that a template was dropped with a number of words; recent templates of the same name share a row."""
    value = np.int64(hash_name(TEMPLATE, name, first, length))
    recent = RECENT + value % RECENT_LOSSES
    row = state[recent] - 1
    if row >= 0 and losses[row, NAME_HASH] == value:
        losses[row, USES] += 1
        losses[row, WORDS] += words
        return
    to = state[NAMES]
    for at in range(first, length):
        if name[at] >= BLANK:  # no control byte
            lost_names[to] = name[at]
            to += 1
    lost_names[to] = 0
    to += 1
    state[NAMES] = to
    row = state[LOSSES]
    losses[row, NAME_HASH], losses[row, NAME_END] = value, to
    losses[row, USES], losses[row, WORDS] = 1, words
    state[LOSSES] = state[recent] = row + 1


@inlined_jit
def close_template(out, frames, state, name, lost_names, losses, names):
    """Close a template on top: it becomes an invocation if it shows anything; otherwise it is dropped and recorded."""
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
        return
    first, length, is_long = normalise_name(out, start, stop, name, names)
    if is_shown(name, first, length, is_long, names):
        emit(out, state, END)
        state[CLEAN] = min(state[CLEAN], start - 1)
    else:
        if stop < state[OUT] and (state[KEEPS_TABLES] or not state[TABLES]):  # a table is dropped as a whole
            words = count_words(out, stop, state[OUT])
            if words:
                _record_loss(state, words, name, first, length, lost_names, losses)
        truncate(state, start - 1)
        emit(out, state, DROPPED)


@inlined_jit
def close_braces(out, frames, state, braces, name, lost_names, losses, names):
    """Close as many templates and parameters as there are braces for."""
    while braces >= 2:
        abandon_links(out, frames, state, names, False)
        kind = top(frames, state)
        if kind == IN_TABLE and state[BRACES]:
            abandon(out, frames, state, names)
        elif kind == IN_PARAMETER:
            truncate(state, frames[pop(frames, state), START] - 1)
            emit(out, state, DROPPED)
            braces -= 3
        elif kind == IN_TEMPLATE:
            close_template(out, frames, state, name, lost_names, losses, names)
            braces -= 2
        else:
            return
