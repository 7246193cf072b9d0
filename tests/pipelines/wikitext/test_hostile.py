"""Hostile input: the time per byte of repeated, nested and unclosed constructs beside that of ordinary wikitext."""

# ruff: noqa: E501  tables of samples

from __future__ import annotations

import resource
import time

import pytest

from pipelines.wikitext.cleaner import Cleaner
from pipelines.wikitext.siteinfo import Wiki

ENGLISH = Cleaner(Wiki())
SIZE = 1_000_000
# Within three times of wikitext.
CONSTRUCTS = [
    "{{", "}}", "{{{", "}}}", "[[", "]]", "[http", "[http://a b ", "http://", "<ref>", "<ref name=x>", "</ref>",
    "<ref>a</ref>", "<!--", "<!--a-->", "<nowiki>", "<nowiki>a</nowiki>", "<math>", "<math>a</math>", "''", "'''''",
    "''a'' ", "==", "=", "&amp;", "&#65;", "-{", "-{a}-", "__X__", "_", "(", "( ,", " ,", "{{nowrap|", "[[a]] ",
    "[[a|b]] ", "{{a|[[b", ":", "|", "{{[[", "{{<ref>", "{|", "|-", "[[{{{", "''[[",
]  # fmt: skip
# Short tokens that each end a line, a template or an argument cost more; they stay within bounds.
DENSE = [
    "<",
    "<a",
    "[[a|",
    "\n{|",
    "\n|}",
    "\n|-",
    "\n|",
    "\n",
    "\n\n",
    "\n=",
    "\n*",
    "{{a}},",
    "((({{a}}",
    "{{a|b c}} ",
    "{{nowrap|x}} ",
]


def seconds(text: bytes) -> float:
    """CPU time of one cleaning."""
    before = time.process_time()
    ENGLISH.clean(text)
    return time.process_time() - before


def user_seconds(text: bytes) -> float:
    """The same without the kernel's, which clears memory for a large page; too coarse for a small one."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_utime
    ENGLISH.clean(text)
    return resource.getrusage(resource.RUSAGE_SELF).ru_utime - before


def repeated(unit: str, size: int) -> bytes:
    return unit.encode() * (size // len(unit.encode()))


@pytest.fixture(scope="module")
def wikitext() -> bytes:
    """Prose with the links, references and templates that articles have."""
    paragraph = (
        "'''Anna''' ({{IPA|x}}; born [[1950]]) is a [[Norway|Norwegian]] writer of ''[[short story|short stories]]''.<ref "
        "name=a>{{cite book|title=B|year=1999}}</ref> She has lived in Oslo &ndash; and in [[Bergen]] – since her youth.\n"
        "== Life ==\nHer [[father]] was a teacher, and so was her mother; both read to her from an early age. After some "
        "years in the north she came back, wrote her first book, and found a publisher (which took a while) in [[1975]].\n"
        "* One item, with some words in it.\n\n"
    )
    return repeated(paragraph, SIZE)


def ratio(hostile: bytes, wikitext: bytes, limit: float) -> float:
    """Time per byte beside that of wikitext: measured in turn, the least of several; again while others disturb it."""
    least, least_wikitext = seconds(hostile), seconds(wikitext)
    for _ in range(20):
        least, least_wikitext = min(least, seconds(hostile)), min(least_wikitext, seconds(wikitext))
        if least / len(hostile) <= limit * least_wikitext / len(wikitext):
            break
    return least / len(hostile) / (least_wikitext / len(wikitext))


@pytest.mark.parametrize("unit", CONSTRUCTS)
def test_constructs_take_at_most_three_times_as_long_as_wikitext(unit, wikitext):
    assert ratio(repeated(unit, SIZE), wikitext, 3) <= 3


@pytest.mark.parametrize("unit", DENSE)
def test_dense_tokens_stay_within_bounds(unit, wikitext):
    assert ratio(repeated(unit, SIZE), wikitext, 15) <= 15


@pytest.mark.parametrize("depth", [10_000, 100_000])
def test_nested_templates(depth, wikitext):
    nested = b"{{nowrap|" * depth + b"x" + b"}}" * depth
    assert ratio(nested, wikitext, 15) <= 15
    assert ENGLISH.clean(b"One " + nested + b"\n\nTwo").endswith(b"Two")


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["{{nowrap|", "[[a|", "<ref>", "word word ", "''a'' ", "(((", "\n{|\n|"])
def test_time_of_a_page_of_50_mb_grows_with_its_size(unit):
    small, large = repeated(unit, 5_000_000), repeated(unit, 50_000_000)
    assert min(user_seconds(large) for _ in range(2)) <= 20 * max(min(user_seconds(small) for _ in range(3)), 0.002)
