"""The scanner does as its plain twin, whatever the mark-up."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from berth.recipe import ExtractOptions
from pipelines.wikitext.cleaner import Cleaner
from pipelines.wikitext.siteinfo import Wiki
from support.plain_scanner import PlainScanner

CLEANERS = {
    options: Cleaner(Wiki(), options=options)
    for options in (
        ExtractOptions(),
        ExtractOptions(captions=True),
        ExtractOptions(tables=True),
        ExtractOptions(captions=True, tables=True),
    )
}


MARKUP = [
    *"{}[]|=\n!:_<>/*-.' ", "{{", "}}", "[[", "]]", "\n\n", "{|", "|}", "\n{|", "\n|}", "\n|", "<ref>", "</ref>",
    "<ref/>", "<!--", "-->", "<br>", "<p>", "nowrap", "lang-fr", "File:", "a.jpg", "de:", "http://", "[http://x ", "//",
    "__NOTOC__", "word", "é", "<nowiki>", "</nowiki>", "formatnum:", "Template:", "ftp://q", "Category:", "<math>",
    "</math>", ".</math>", "2<sup>", "3</sup>", "''", "[[File:b.png|", "thumb", "alt=", "|+", "||", "!!", "\n|-",
    "a caption", "Https://", "(", ")", "[HTTP://x ",
]  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(MARKUP), max_size=40).map("".join), st.sampled_from(list(CLEANERS)))
def test_the_scanner_does_as_its_plain_twin(source, options):
    assert CLEANERS[options].scan(source.encode()) == PlainScanner(source.encode(), Wiki(), options).run()
