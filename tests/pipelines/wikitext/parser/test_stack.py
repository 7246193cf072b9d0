"""The stack: counters of what is open, and what closing leaves in the output."""

from __future__ import annotations

import numpy as np

from pipelines.wikitext.parser.control_bytes import ARGUMENT, END, EQUALS, INVOCATION
from pipelines.wikitext.parser.scanner import scratch
from pipelines.wikitext.parser.stack import (
    BRACES,
    CLEAN,
    DEPTH,
    IN_LINK,
    IN_TABLE,
    IN_TEMPLATE,
    KIND,
    LINKS,
    MAX_DEPTH,
    MAX_LINKS,
    OUT,
    START,
    TABLES,
    emit,
    pop,
    push,
    restore_delimiters,
    top,
    truncate,
)


def new():
    frames, state, *_ = scratch()
    state[:] = 0
    return np.zeros(4 * MAX_DEPTH, np.uint8), frames, state


def test_counters_follow_what_is_open():
    out, frames, state = new()
    assert top(frames, state) == -1
    kinds = [IN_TEMPLATE, IN_LINK, IN_TABLE, IN_LINK]
    for kind in kinds:
        push(out, frames, state, kind)
        emit(out, state, ord("x"))
        assert top(frames, state) == kind
    assert [state[name] for name in (DEPTH, BRACES, LINKS, TABLES)] == [4, 1, 2, 1]
    for kind in reversed(kinds):
        frame = pop(frames, state)
        assert frames[frame, KIND] == kind
        assert out[frames[frame, START]] == ord("x")
    assert [state[name] for name in (DEPTH, BRACES, LINKS, TABLES)] == [0, 0, 0, 0]


def test_no_more_frames_than_the_limits():
    out, frames, state = new()
    for _ in range(MAX_LINKS + 5):
        push(out, frames, state, IN_LINK)
    assert state[DEPTH] == state[LINKS] == MAX_LINKS
    for _ in range(MAX_DEPTH + 5):
        push(out, frames, state, IN_TEMPLATE)
    assert state[DEPTH] == MAX_DEPTH


def test_delimiters_of_complete_invocations_are_kept():
    out, _, state = new()
    text = bytes([97, ARGUMENT, INVOCATION, ARGUMENT, EQUALS, END, EQUALS, ARGUMENT])
    out[: len(text)] = np.frombuffer(text, np.uint8)
    state[OUT] = state[CLEAN] = len(text)
    restore_delimiters(out, state, 1)
    assert out[: len(text)].tobytes() == bytes([97, 124, INVOCATION, ARGUMENT, EQUALS, END, 61, 124])
    assert state[CLEAN] == 1
    truncate(state, 0)
    assert state[OUT] == state[CLEAN] == 0
