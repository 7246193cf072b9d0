"""Dumps: formats, parts, damage."""

from __future__ import annotations

import bz2
import itertools

import pytest
from dump_samples import HEAD, TAIL, dump_bytes, multistream, page
from hypothesis import given, settings
from hypothesis import strategies as st

from berth.errors import BerthError
from pipelines.wikitext import dump as dump_module
from pipelines.wikitext.dump import DumpPart, Reading, open_dump, read_pages

TEXTS = [f"Text of page {number}: " + "ä€😀 word " * (number * 7 % 50) for number in range(40)]
PAGES = [page(number + 1, text) for number, text in enumerate(TEXTS)]


def read(uri: str, strict: bool = True) -> list[bytes]:
    """All pages of all parts, in order."""
    found = []
    for part in open_dump(uri).parts:
        found += read_pages(part, Reading(part, strict))
    return found


@pytest.mark.parametrize("form", ["xml", "bz2", "multistream", "gz", "utf-16"])
def test_every_format_gives_the_same_pages(write_dump, form):
    uri = write_dump(PAGES, form)
    assert read(uri) == [xml.strip().encode() for xml in PAGES]
    assert open_dump(uri).wiki.language == "en"


@pytest.mark.parametrize("form", ["xml", "multistream"])
@pytest.mark.parametrize("part_bytes", [37, 512, 1000, 4099])
def test_parts_together_hold_each_page_once(write_dump, monkeypatch, form, part_bytes):
    monkeypatch.setattr(dump_module, "PART_BYTES", part_bytes)
    uri = write_dump(PAGES, form)
    assert len(open_dump(uri).parts) > 1
    assert read(uri) == [xml.strip().encode() for xml in PAGES]


@settings(max_examples=30, deadline=None)
@given(cuts=st.lists(st.integers(1, 20_000), max_size=12), boundaries=st.lists(st.integers(1, 9_000), max_size=4))
def test_streams_and_parts_may_end_anywhere(tmp_path_factory, cuts, boundaries):
    """As in files of pbzip2, whose streams end in the middle of pages and of tags."""
    xml = (HEAD.format(language="en") + "".join(PAGES) + TAIL).encode()
    edges = sorted({0, *(cut % len(xml) for cut in cuts), len(xml)})
    content = multistream(xml[start:stop] for start, stop in itertools.pairwise(edges))
    path = tmp_path_factory.mktemp("streams") / "dump.bz2"
    path.write_bytes(content)
    limits = sorted({0, *(boundary % len(content) for boundary in boundaries), len(content)})
    found = []
    for start, stop in itertools.pairwise(limits):
        part = DumpPart(str(path), start, stop, "bz2", "utf-8")
        found += read_pages(part, Reading(part, strict=True))
    assert found == [one.strip().encode() for one in PAGES]


def test_a_single_stream_is_one_part(write_dump, monkeypatch):
    monkeypatch.setattr(dump_module, "PART_BYTES", 100)
    assert len(open_dump(write_dump(PAGES, "bz2")).parts) == 1
    assert len(open_dump(write_dump(PAGES, "gz")).parts) == 1


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "the dump is empty"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "a web page"),
        (b"just some words", "begins with 'just some words'"),
        (bytes(range(256)) * 4, "binary data"),
        (b"\xfd7zXZ\x00rest", "an xz file"),
        (bz2.compress(b"<html>"), "a web page"),
    ],
)
def test_what_is_no_dump_is_refused(tmp_path, content, found):
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(BerthError, match=found):
        open_dump(str(path))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(BerthError, match="no such file"):
        open_dump(str(tmp_path / "missing.xml"))


@pytest.mark.parametrize("form", ["xml", "bz2", "multistream", "gz"])
@pytest.mark.parametrize("share", [0.6, 0.97])
def test_a_dump_that_is_cut_short_is_an_error_or_a_counted_loss(tmp_path, form, share):
    long = [page(number, " ".join(str(number * factor**3) for factor in range(200))) for number in range(1, 900)]
    content = dump_bytes(long, form)
    path = tmp_path / f"cut.{form}"
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(BerthError, match=r"byte \d+: the dump .*cut short.*Found \d+ whole pages before it") as caught:
        read(str(path))
    assert str(path) in str(caught.value)
    (part,) = open_dump(str(path)).parts
    reading = Reading(part, strict=False)
    kept = list(read_pages(part, reading))
    assert kept == [xml.strip().encode() for xml in long[: len(kept)]]
    assert len(kept) == reading.pages
    assert len(kept) > 0.3 * len(long)
    assert reading.damages


def test_damage_inside_costs_only_its_stream(tmp_path):
    content = bytearray(dump_bytes(PAGES, "multistream"))
    heads = [at for at in range(len(content)) if content[at : at + 10] == content[:10]]
    content[heads[3] + 40] ^= 0xFF
    path = tmp_path / "damaged.bz2"
    path.write_bytes(content)
    with pytest.raises(BerthError, match=f"byte {heads[3]}: the dump has a corrupt bz2 stream"):
        read(str(path))
    kept = read(str(path), strict=False)
    assert [xml.strip().encode() for xml in PAGES if xml.strip().encode() in kept] == kept
    assert len(kept) >= len(PAGES) - 4


def test_a_page_without_its_end_does_not_swallow_the_next(write_dump):
    broken = PAGES[1].replace("  </page>\n", "")
    uri = write_dump([PAGES[0], broken, PAGES[2]])
    (part,) = open_dump(uri).parts
    reading = Reading(part, strict=False)
    assert list(read_pages(part, reading)) == [PAGES[0].strip().encode(), PAGES[2].strip().encode()]
    assert reading.cut_pages == 1


def test_a_dump_without_siteinfo_is_read(tmp_path):
    path = tmp_path / "bare.xml"
    path.write_text('<mediawiki xml:lang="de">\n' + PAGES[0] + TAIL)
    opened = open_dump(str(path))
    assert opened.wiki.language == "de"
    assert opened.wiki.url("Ä b") == "https://de.wikipedia.org/wiki/%C3%84_b"
    assert opened.wiki.namespaces["datei"] == 6
