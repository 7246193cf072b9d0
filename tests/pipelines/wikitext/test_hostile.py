"""Hostile input: the time per byte of repeated, nested and unclosed constructs, compared with ordinary wikitext."""

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
    "[[a|b]] ", "{{a|[[b", ":", "|", "{{[[", "{{<ref>", "{|", "|-", "[[{{{", "''[[", "<", "<a", "[[a|", "\n{|", "\n|}",
    "\n|-", "\n|", "\n", "\n\n", "\n=", "\n*", "{{a}},", "((({{a}}", "{{a|b c}} ", "{{nowrap|x}} ", "<br>",
    "{{convert|1|m}} ", "{{lang|fr|a}}", "x((({{a}}", "a ,", "[[a]]b", "{{a|{{b}}}}", "[[a|b|c]]", "\n{|\n|a\n|}",
]  # fmt: skip
# The shortest constructs compared with their cost: lines of one letter, templates of one character.
DENSE = ["a\n=", "a\n*", "a\n\n", "{{·}}", "{{=}}", "{{a}}, b", "a({{a}})", "{{quote|a}}"]
# Templates in templates: the depth, and the content of the innermost.
NESTED = [(10_000, "x"), (100_000, "x"), (100, "x"), (20, "x|" * 20)]
NESTED_AROUND_TEXT = [(100, "word " * 200), (100, "word " * 200_000), (50, "word " * 50)]


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
    """CPU time per byte over that of wikitext: the least of several runs, in turn; again while others disturb them."""
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
def test_dense_constructs_take_at_most_six_times_as_long(unit, wikitext):
    assert ratio(repeated(unit, SIZE), wikitext, 6) <= 6


def nested(depth: int, within: str) -> bytes:
    unit = "{{nowrap|" * depth + within + "}}" * depth
    return repeated(unit, max(SIZE, len(unit)))


@pytest.mark.parametrize(("depth", "within"), NESTED)
def test_nested_templates_take_at_most_three_times_as_long(depth, within, wikitext):
    source = nested(depth, within)
    assert ratio(source, wikitext, 3) <= 3
    assert ENGLISH.clean(b"One " + source + b"\n\nTwo").endswith(b"Two")


@pytest.mark.parametrize(("depth", "within"), NESTED_AROUND_TEXT)
def test_text_in_nested_templates_takes_at_most_ten_times_as_long(depth, within, wikitext):
    assert ratio(nested(depth, within), wikitext, 10) <= 10


@pytest.mark.parametrize("unit", ["{{nowrap|%d}} ", "{{%d|two words}} ", "{{nowrap|%d {{nowrap|%d}}}}"])
def test_templates_that_are_all_different_take_time_by_their_number(unit):
    def of(count: int) -> bytes:
        return "".join(unit.replace("%d", str(number)) for number in range(100_000, 100_000 + count)).encode()

    few, many = of(5_000), of(40_000)
    assert min(seconds(many) for _ in range(2)) <= 16 * min(seconds(few) for _ in range(4))


@pytest.mark.slow
@pytest.mark.parametrize("unit", ["{{nowrap|", "[[a|", "<ref>", "word word ", "''a'' ", "(((", "\n{|\n|"])
def test_time_of_a_page_of_50_mb_grows_with_its_size(unit):
    small, large = repeated(unit, 5_000_000), repeated(unit, 50_000_000)
    assert min(user_seconds(large) for _ in range(2)) <= 20 * max(min(user_seconds(small) for _ in range(3)), 0.002)
