"""Tables and captions as text."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.wikitext.parser.control_bytes import ARGUMENT, CELL, END, INVOCATION
from pipelines.wikitext.parser.tables import caption_start, rows_of_table

CONTROLS = str.maketrans({"«": chr(INVOCATION), "»": chr(END), "¦": chr(ARGUMENT), "·": chr(CELL)})


@pytest.mark.parametrize(
    ("source", "keeps_cells", "keeps_caption", "text"),
    [
        (" class=x\n! a !! b\n|-\n| 1 || 2", True, True, "\n· a · b\n· 1 · 2"),
        ("\n|+ C\n|-\n|x=1| a\n| b\nc", True, True, "\n· C\n· a· b c"),
        ("\n|+ C\n|-\n| a", True, False, "\n· a"),
        ("\n|+ C\nd\n|-\n| a", False, True, "\n· C d"),
        ("\n| «n¦|x» || b", True, True, "\n· «n¦|x» · b"),
        ("", True, True, ""),
    ],
)
def test_rows(source, keeps_cells, keeps_caption, text):
    out = np.frombuffer(b"{|" + source.translate(CONTROLS).encode() + bytes(8), np.uint8).copy()
    stop = rows_of_table(out, 2, len(out) - 8, keeps_cells, keeps_caption)
    assert out[2:stop].tobytes().decode() == text.translate(CONTROLS)


@pytest.mark.parametrize(
    ("arguments", "caption"),
    [
        ("thumb¦A cat here", "A cat here"), ("thumb", ""), ("A cat¦alt=two words", ""), ("x¦ 12 px", "12 px"),
        ("a b«n¦c d»", "a b«n¦c d»"), ("", ""), (" one ", ""),
    ],
)  # fmt: skip
def test_the_caption_is_the_last_argument_unless_it_is_an_option(arguments, caption):
    out = np.frombuffer(arguments.translate(CONTROLS).encode(), np.uint8)
    assert out[caption_start(out, 0, len(out)) :].tobytes().decode() == caption.translate(CONTROLS)
