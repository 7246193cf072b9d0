"""URLs and magic words, against regular expressions."""

from __future__ import annotations

import re

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.wikitext.parser.name_tables import scanner_names
from pipelines.wikitext.parser.tokens import free_url_start, magic_word_end, url_scheme_end
from pipelines.wikitext.siteinfo import Wiki

NAMES = scanner_names(Wiki(), ())
PADDING = bytes(16) + b"<>"


def padded(text):
    return np.frombuffer(text.encode() + PADDING, np.uint8)


def pieces(*parts):
    return st.lists(st.sampled_from(parts), max_size=8).map("".join)


@settings(deadline=None)
@given(pieces("A", "Ö", "_", "__", "a", "TOC"))
def test_magic_words(rest):
    text = "__" + rest
    found = re.match(r"__[A-Z\x80-\U0010ffff]+(?:_[A-Z\x80-\U0010ffff]+)*__", text)
    assert magic_word_end(padded(text), 0) == (len(found.group().encode()) if found else 0)


@settings(deadline=None)
@given(pieces("http", "HTTPS", "ftp", "mailto", ":", "//", "x"))
def test_schemes_of_labelled_urls(text):
    found = re.match(r"//|(?:https?|ftps?|mailto|irc|news|tel):", text, re.IGNORECASE)
    if found or not re.match(r"[a-zA-Z]+:", text):
        assert url_scheme_end(padded(text), 0, NAMES) == (found.end() if found else 0)


@settings(deadline=None)
@given(
    pieces("http", "https", "ftp", "Ht", "TP", " ", "x", "é", "1"),
    st.sampled_from(["//x", "//", "/x", "// "]),
    st.integers(0, 3),
)
def test_urls_in_running_text(before, after, since):
    text = before + ":" + after
    colon = len(before.encode())
    found = re.search(rb"(?<![A-Za-z0-9_])(?:https?|ftp)\Z", before.encode(), re.IGNORECASE)
    valid = found and found.start() >= since and after == "//x"
    assert free_url_start(padded(text), colon, since) == (found.start() if valid else -1)
