"""Cleaning one line, against the plain twin."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from berth.recipe import ExtractOptions
from pipelines.wikitext.cleanup.entities import GROWTH
from pipelines.wikitext.cleanup.lines import clean_line, has_alnum, restore_literals
from pipelines.wikitext.parser.control_bytes import LITERAL_CONTROLS, LITERALS
from support import plain_whitespace

PIECES = [*"\0\0() ,;.–-'ab_&\x01\x1c\x1d1", "''", ", ''", "&amp;", "&nbsp;", "é", "。", "\u3000", "or"]


@settings(deadline=None, max_examples=200)
@given(st.lists(st.sampled_from(PIECES), max_size=20).map("".join))
def test_any_line(line):
    source = line.encode()
    text = np.frombuffer(source + b"\n" + bytes(16), np.uint8)
    out = np.empty(GROWTH * len(source) + 32, np.uint8)
    to, has_controls, apostrophe_at = clean_line(text, 0, len(source), out, 0, -1)
    if apostrophe_at >= 0:
        to, has_controls, _ = clean_line(text, 0, len(source), out, 0, apostrophe_at)
    assert not has_controls
    found = out[:to].tobytes().decode()
    assert has_alnum(out, 0, to) == any(map(str.isalnum, found))
    if has_alnum(out, 0, to):
        assert found == plain_whitespace.clean_line(line, ExtractOptions())


def test_literals_are_restored():
    line = np.frombuffer(b"a" + LITERAL_CONTROLS + b"\x1b", np.uint8).copy()
    restore_literals(line, 0, len(line))
    assert line.tobytes() == b"a" + LITERALS + b"\x1b"
