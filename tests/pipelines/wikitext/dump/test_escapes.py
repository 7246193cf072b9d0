"""Escapes of XML, compared with a plain twin."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.wikitext.dump.escapes import unescape
from pipelines.wikitext.parser.control_bytes import CONTROLS

NAMES = {"lt": "<", "gt": ">", "quot": '"', "apos": "'", "amp": "&"}
REMOVED = CONTROLS.decode()
ESCAPE = re.compile(r"&(?:(lt|gt|quot|apos|amp)|#([0-9]{1,8})|#[xX]([0-9a-fA-F]{1,7}));")
PIECES = [
    "&amp;",
    "&lt;",
    "&gt;",
    "&quot;",
    "&apos;",
    "&",
    ";",
    "#",
    "x",
    "&#",
    "&#65;",
    "&#x41;",
    "&#xD800;",
    "&#0;",
    "&#9;",
]
MORE = ["&#128512;", "&#xFFFFFFF;", "&nbsp;", "&amp;amp;", "lt;", "é", "€", "\x01", "\x00", "\r", "\n", "a"]


def plain(text: str) -> str:
    def character(found: re.Match[str]) -> str:
        name, decimal, hexadecimal = found.groups()
        if name:
            return NAMES[name]
        code = int(decimal) if decimal else int(hexadecimal, 16)
        return "" if 0xD800 <= code <= 0xDFFF or code > 0x10FFFF or chr(code) in REMOVED else chr(code)

    return ESCAPE.sub(character, "".join(c for c in text if c not in REMOVED))


@settings(deadline=None)  # the first example compiles the kernel
@given(st.lists(st.sampled_from(PIECES + MORE)).map("".join))
def test_any_text(text):
    cleaned = "".join(character for character in text if character not in REMOVED)
    assert unescape(cleaned.encode()).decode() == plain(cleaned)


def test_control_characters_go():
    assert unescape(b"a\x00b\tc\nd\re\x7f&#8;") == b"ab\tc\nde"
