"""The second pass does as its plain twin, whatever the scanned text."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from berth.recipe import ExtractOptions
from pipelines.wikitext.cleaner import Cleaner
from pipelines.wikitext.siteinfo import Wiki
from support.plain_whitespace import plain_clean_lines

CLEANERS = {
    options: Cleaner(Wiki(), options=options)
    for options in (
        ExtractOptions(),
        ExtractOptions(keep_headings=True, formulas="drop_sentence"),
    )
}


LINES = [
    *"\0\0()  ,;:–-.!?\n=*#|'ab_&\t\x01\x06\x0e—😀漢é\u00a0\u2003\u3000", "==", "===", "''", "'''", "''''", "'''''",
    "&amp;", "&nbsp;", "&#65;", "&#x3B1;", "&#xD800;", "&#8;", "&#10;", "&bogus;", "&nGt;", "&NewLine;", "&a1;",
    "\x1b", "\x1c", "\x1d", "1\x1d", "（", "）", "「", "」", "、", "،", "«", "»", "[", "]", "。", "„", "“", "&ndash;",
    "Dr.", "word", ". A", ". b", " or ", '"', "…", "‘", "’", "”", "†", "〖", "〗", "&shy;", "&lrm;", "\u200e",
    "(\0", "\0)",
]  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(LINES), max_size=25).map("".join), st.sampled_from(list(CLEANERS)))
def test_the_second_pass_does_as_its_plain_twin(scanned, options):
    assert CLEANERS[options].clean_lines(scanned.encode()).decode() == plain_clean_lines(scanned, options)
