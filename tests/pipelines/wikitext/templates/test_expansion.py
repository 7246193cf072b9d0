"""Invocations of templates in scanned text: expanded innermost first, whatever is stored of other pages."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from berth.recipe import ExtractOptions
from pipelines.wikitext.cleaner import Cleaner
from pipelines.wikitext.parser.control_bytes import END, INVOCATION
from pipelines.wikitext.siteinfo import Wiki
from pipelines.wikitext.templates.expansion import MAX_ARGUMENTS, Expansion
from pipelines.wikitext.templates.memo import LONGEST_INVOCATION
from pipelines.wikitext.templates.table import TemplateTable

INNERMOST = re.compile(b"%c([^%c%c]*)%c" % (INVOCATION, INVOCATION, END, END))
PIECES = [
    "{{nowrap|", "{{convert|", "{{quote|", "{{lang|fr|", "{{frac|1|", "{{·}}", "{{ndash}}", "{{zwj}}", "{{!}}", "{{=}}",
    "1=", "text=", "}}", "}}", "}}", "|", "|5|km", "x", " ", "two words ", "é", "\n", "{{box|",
    "y" * LONGEST_INVOCATION,
    "{|", "\n|", "\n|-\n", "\n|+", "||", "\n|}", "[[File:a.png|", "[[", "]]", "thumb|",
]  # fmt: skip


def new() -> Expansion:
    return Expansion(frozenset((b"template",)), TemplateTable())


def plainly(marked: bytes) -> bytes:
    """The same in plain Python, with nothing stored."""
    expansion = new()
    while INNERMOST.search(marked):
        marked = INNERMOST.sub(lambda invocation: expansion.shown(invocation[1]), marked)
    return marked


SCANNERS = [
    Cleaner(Wiki(), options=options) for options in (ExtractOptions(), ExtractOptions(captions=True, tables=True))
]
SHARED = new()


@settings(max_examples=300, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=30).map("".join), st.sampled_from(SCANNERS))
def test_invocations_are_shown_as_by_the_plain_twin(source, scanner):
    marked = scanner.scan(source.encode())
    expected = plainly(marked)
    assert INVOCATION not in expected and END not in expected
    assert SHARED.expand(marked) == new().expand(marked) == expected


def test_a_stored_invocation_is_not_expanded_again(monkeypatch):
    cleaner = Cleaner(Wiki())
    text = b"{{convert|5|km}} and {{nowrap|{{convert|5|km}}}}"
    assert cleaner.clean(text) == b"5 kilometres and 5 kilometres"
    monkeypatch.setattr(Expansion, "shown", None)
    assert cleaner.clean(text) == b"5 kilometres and 5 kilometres"


def test_more_invocations_than_are_stored_and_more_text_than_invocations(monkeypatch):
    many = "".join(f"{{{{usd|{number}}}}}\n\n" for number in range(10_000))
    expected = "\n".join(f"${number}" for number in range(10_000)).encode()
    cleaner = Cleaner(Wiki())
    assert cleaner.clean(many.encode()) == expected == cleaner.clean(many.encode())
    monkeypatch.setattr(TemplateTable, "expand", lambda self, name, arguments: "long " * 1000)
    assert Cleaner(Wiki()).clean(b"{{nowrap|x}}" * 50) == b" ".join([b"long"] * 50_000)


@pytest.mark.parametrize("value", ["x", "x" * (LONGEST_INVOCATION + 1)])
def test_arguments_beyond_the_limit_are_not_read(value):
    text = "{{transl" + f"|{value}" * (MAX_ARGUMENTS - 1) + "|last|not read}}"
    assert Cleaner(Wiki()).clean(text.encode()) == b"last"


@pytest.mark.parametrize(("depth", "words"), [(3, 20_001), (50, 1)])
def test_text_in_invocations_is_read_a_limited_number_of_times(depth, words):
    nested = "{{nowrap|" * depth + "word " * 20_000 + "}}" * depth + "\n\nText"
    assert len(Cleaner(Wiki()).clean(nested.encode()).split()) == words
