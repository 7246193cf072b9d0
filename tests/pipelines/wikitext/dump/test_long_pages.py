"""Pages that are too long: skipped and counted, never held in memory; of a history only the last revision is held."""

from __future__ import annotations

import bz2
import gzip
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from berth.errors import BerthError
from pipelines.error_policy import ErrorPolicy
from pipelines.wikitext.dump import streams
from pipelines.wikitext.dump.pages import parse_page
from pipelines.wikitext.dump.parts import open_dump
from pipelines.wikitext.dump.reading import RangeStatus
from support.dump_samples import HEAD, TAIL, dump_bytes, multistream, page


def read(path, limit: int, strict: bool = False) -> tuple[list[bytes], RangeStatus]:
    """The pages of a dump that is one part, and the status after them."""
    (part,) = open_dump(str(path)).parts
    status = RangeStatus(part.uri, ErrorPolicy(strict, limit))
    return list(part.read(status)), status


def history(number: int, lengths: list[int]) -> bytes:
    """A page with several revisions, whose texts have these lengths."""
    xml = page(number, "@" * 8)
    begin, end = xml.index("    <revision>"), xml.index("  </page>")
    revisions = [
        xml[begin:end].replace("@" * 8, letter * size) for letter, size in zip("abcdefgh", lengths, strict=False)
    ]
    return (xml[:begin] + "".join(revisions) + xml[end:]).encode()


def is_permitted(xml: bytes, limit: int) -> bool:
    """Whether the beginning and each revision of a page are short enough, said in another way than the reader does."""
    beginning, *revisions = xml.strip().split(b"<revision>")
    return all(len(beginning) + len(b"<revision>" + revision) <= limit for revision in revisions)


@settings(max_examples=25, deadline=None)
@given(
    pages=st.lists(st.lists(st.integers(0, 900), min_size=1, max_size=5), max_size=6),
    limit=st.integers(420, 1500),
    form=st.sampled_from(["xml", "bz2", "multistream", "gz", "utf-16"]),
    block=st.sampled_from([64, 500, 1 << 18]),
)
def test_which_pages_are_read_does_not_depend_on_how_the_file_is_read(tmp_path_factory, pages, limit, form, block):
    xml = [history(number, lengths) for number, lengths in enumerate(pages, 1)]
    path = tmp_path_factory.mktemp("dump") / "dump"
    path.write_bytes(dump_bytes([one.decode() for one in xml], form))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(streams, "READ_BYTES", block)
        patch.setattr(streams, "MAX_CHUNK_BYTES", block)
        found, status = read(path, limit)
    expected = [one for one in xml if is_permitted(one, limit)]
    wiki = open_dump(str(path)).wiki
    # Earlier revisions may be left out: what is read of the pages is the same.
    assert [parse_page(one, wiki) for one in found] == [parse_page(one.strip(), wiki) for one in expected]
    assert (status.pages, status.long_pages) == (len(xml), len(xml) - len(expected))
    assert not status.damages


@pytest.mark.parametrize("form", ["bz2", "gz", "multistream"])
def test_a_small_file_with_a_huge_page_takes_little_memory(tmp_path, form):
    before, huge, after = page(1, "Before."), page(2, "@"), page(3, "After.")
    whole = (before + huge.replace("@", "x" * (24 << 20)) + after).encode()
    head = HEAD.format(language="en").encode()
    if form == "multistream":
        content = multistream([head, whole, TAIL])
    else:
        content = (bz2 if form == "bz2" else gzip).compress(head + whole + TAIL.encode())
    path = tmp_path / "bomb"
    path.write_bytes(content)
    del whole
    tracemalloc.start()
    try:
        found, status = read(path, 1 << 20)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [xml.count(b"Before.") + xml.count(b"After.") for xml in found] == [1, 1]
    assert status.long_pages == 1
    assert peak < 12 << 20


@pytest.mark.parametrize("end", ["", "</page>", "</page></mediawiki>"])
def test_beginnings_without_ends_are_not_collected(tmp_path, end):
    path = tmp_path / "dump.xml.gz"
    path.write_bytes(gzip.compress((HEAD.format(language="en") + "<page>" * 20_000 + end).encode()))
    tracemalloc.start()
    try:
        found, status = read(path, 1000)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert status.cut_pages + len(found) == 20_000
    assert peak < 4 << 20


def test_a_page_that_is_too_long_is_named(tmp_path, caplog):
    path = tmp_path / "dump.xml"
    path.write_bytes(dump_bytes([page(1, "x" * 5000, title="A long one"), page(2, "y")]))
    found, _ = read(path, 1000)
    assert len(found) == 1
    assert "a page of the dump is too long (more than 1,000 bytes: <page> <title>A long one" in caplog.text
    with pytest.raises(BerthError, match=r"dump\.xml, byte \d+: a page of the dump is too long.*max_document_bytes"):
        read(path, 1000, strict=True)


def test_what_is_kept_of_a_long_page_forms_no_tags(tmp_path):
    """The beginning that is kept to name it could end with half a tag, whose other half comes much later."""
    for cut in range(1, 7):
        filler = "<page><title>" + "x" * (200 - 13 - cut)
        content = HEAD.format(language="en") + filler + "</page>"[:cut] + "y" * 300_000 + "</page>"[cut:]
        path = tmp_path / "dump.xml"
        path.write_text(content + "z</page>" + page(2, "After.") + TAIL)
        found, status = read(path, 1000)
        assert (len(found), status.long_pages, status.cut_pages) == (1, 1, 0)
