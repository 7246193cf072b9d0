"""Dumps: formats, parts, damage."""

from __future__ import annotations

import bz2
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from berth.errors import BerthError
from pipelines.error_policy import ErrorPolicy
from pipelines.wikitext.dump import parts as dump_module
from pipelines.wikitext.dump import reading as reading_module
from pipelines.wikitext.dump.parts import DumpPart, open_dump
from pipelines.wikitext.dump.reading import RangeStatus
from support.dump_samples import HEAD, TAIL, dump_bytes, head_of, multistream, page

TEXTS = [f"Text of page {number}: " + "ä€😀 word " * (number * 7 % 50) for number in range(40)]
PAGES = [page(number + 1, text) for number, text in enumerate(TEXTS)]


def read(uri: str, strict: bool = True) -> list[bytes]:
    """All pages of all parts, in order."""
    found = []
    for part in open_dump(uri).parts:
        found += part.read(RangeStatus(uri, ErrorPolicy(strict=strict)))
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
        found += DumpPart(str(path), start, stop).read(RangeStatus(str(path), ErrorPolicy(strict=True)))
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
    reading = RangeStatus(part.uri, ErrorPolicy())
    kept = list(part.read(reading))
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
    reading = RangeStatus(part.uri, ErrorPolicy())
    assert list(part.read(reading)) == [PAGES[0].strip().encode(), PAGES[2].strip().encode()]
    assert reading.cut_pages == 1


def test_names_of_namespaces_and_their_aliases(tmp_path):
    path = tmp_path / "dump.xml"
    aliases = '<namespacealiases><ns id="6" xml:space="preserve">Foto</ns></namespacealiases></siteinfo>'
    head = head_of("nb", {6: "Fil", 10: "Mal", 14: "Kategori"}).replace("</siteinfo>", aliases)
    path.write_text(head + PAGES[0] + TAIL)
    wiki = open_dump(str(path)).wiki
    titles = [
        "Fil:x",
        "fil:x",
        "File:x",
        "Image:x",
        "Bilde:x",
        "Foto:x",
        "Mal:x",
        "Template:x",
        "Kategori:x",
        "Ukjent:x",
    ]
    assert [wiki.namespace_of(title) for title in titles] == [6, 6, 6, 6, 6, 6, 10, 10, 14, 0]
    assert wiki.key == "nbwiki"


@settings(max_examples=60, deadline=None)
@given(
    form=st.sampled_from(["xml", "bz2", "multistream", "gz", "utf-16"]),
    damages=st.lists(st.tuples(st.floats(0, 1), st.integers(1, 255)), max_size=4),
    length=st.floats(0.2, 1),
    boundaries=st.lists(st.floats(0, 1), max_size=3),
)
def test_any_damage_is_survived_and_gives_the_same_pages_in_any_parts(
    tmp_path_factory, form, damages, length, boundaries
):
    content = bytearray(dump_bytes(PAGES, form))
    content = content[: int(len(content) * length)]
    for place, flip in damages:
        content[min(int(place * len(content)), len(content) - 1)] ^= flip
    path = tmp_path_factory.mktemp("damaged") / "dump"
    path.write_bytes(content)
    limits = sorted({0, *(int(boundary * len(content)) for boundary in boundaries), len(content)})
    whole = list(DumpPart(str(path), 0, len(content)).read(RangeStatus(str(path), ErrorPolicy())))
    parted = []
    for start, stop in itertools.pairwise(limits):
        parted += DumpPart(str(path), start, stop).read(RangeStatus(str(path), ErrorPolicy()))
    assert parted == whole


class SearchedBytes(bytearray):
    """Bytes that count how many of them ``find`` may look at."""

    searched = 0

    def find(self, sub, start=0, stop=None):
        found = super().find(sub, start, *(() if stop is None else (stop,)))
        limit = len(self) if stop is None else stop
        type(self).searched += (found + len(sub) if found >= 0 else limit) - start
        return found


@pytest.mark.slow
@pytest.mark.parametrize("end", ["", "</page>", "</page></mediawiki>", PAGES[0] + TAIL])
def test_beginnings_of_pages_without_ends_are_searched_once(tmp_path, end, monkeypatch):
    monkeypatch.setattr(reading_module, "bytearray", SearchedBytes, raising=False)
    monkeypatch.setattr(SearchedBytes, "searched", 0)
    path = tmp_path / "dump.xml"
    path.write_text(HEAD.format(language="en") + "<page>" * 200_000 + end)
    (part,) = open_dump(str(path)).parts
    reading = RangeStatus(part.uri, ErrorPolicy())
    found = list(part.read(reading))
    # Start, end, and a start before the end are looked for: a few looks at each byte, however many pages are open.
    assert 0 < SearchedBytes.searched < 8 * path.stat().st_size
    assert len(found) == (1 if end else 0)
    assert reading.cut_pages == 200_000 - (end.startswith("</page>"))


def test_a_dump_without_siteinfo_is_read(tmp_path):
    path = tmp_path / "bare.xml"
    path.write_text('<mediawiki xml:lang="de">\n' + PAGES[0] + TAIL)
    opened = open_dump(str(path))
    assert opened.wiki.language == "de"
    assert opened.wiki.url("Ä b") == "https://de.wikipedia.org/wiki/%C3%84_b"
    assert opened.wiki.namespaces["datei"] == 6
