"""Text of one sentence a line: the same documents whatever the parts, sentences as given, faults named."""

from __future__ import annotations

import bz2
import gzip

import pyarrow as pa
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from berth.errors import BerthError
from pipelines.corpora import reading
from support.corpus_samples import read, source, texts

# Line ends, white space of many kinds, characters that only look like white space, a mark in the middle.
ALPHABET = "ab.é字 \n\n\n\r\t\x0b\x0c\x1c\x85\u2028\xa0\u3000\u200b\ufeff\0"


def plain(text: str) -> list[str]:
    """The twin: documents of a whole text, as the format's description says."""
    documents: list[list[str]] = [[]]
    for line in text.removeprefix("\ufeff").split("\n"):
        if line.strip():
            documents[-1].append(" ".join(line.split()))
        else:
            documents.append([])
    return ["\n".join(lines) for lines in documents if lines]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("sentences") / "text.txt"


@settings(deadline=None)
@given(text=st.text(ALPHABET, max_size=120), part_bytes=st.integers(1, 60))
@example(text="a\n\nb\n", part_bytes=3)
@example(text="a\n\xa0\nb", part_bytes=2)
@example(text="\ufeff\n\na", part_bytes=1)
@example(text="a\u2028b\r\n\r\nc\x85d\r\n", part_bytes=4)
def test_documents_are_those_of_the_whole_text_whatever_the_parts(path, text, part_bytes):
    path.write_bytes(text.encode())
    assert texts(source("sentences", path), part_bytes) == plain(text)


@settings(deadline=None)
@given(
    texts_of_files=st.lists(st.text(ALPHABET, max_size=40), min_size=1, max_size=4),
    compress=st.sampled_from([gzip.compress, bz2.compress, lambda data: pa.compress(data, "zstd", asbytes=True)]),
)
def test_compressed_files_are_read_and_no_document_goes_over_the_end_of_a_file(path, texts_of_files, compress):
    for old in path.parent.glob("part-*"):
        old.unlink()
    for number, text in enumerate(texts_of_files):
        (path.parent / f"part-{number}").write_bytes(compress(text.encode()))
    expected = [document for text in texts_of_files for document in plain(text)]
    assert texts(source("sentences", path.parent / "part-*"), 7) == expected


def test_ids_are_places_in_the_file_and_do_not_depend_on_parts(path):
    path.write_text("One.\nTwo.\n\n\nThree.\n")
    whole, _, count = read(source("sentences", path))
    cut, _, cut_count = read(source("sentences", path), part_bytes=6)
    assert (count, cut_count) == (1, 4)
    assert whole == cut
    assert [article.url for article in whole] == ["text.txt#0", "text.txt#12"]
    assert len({article.id for article in whole}) == 2


def test_a_document_that_is_not_utf8_is_left_out_and_named(path, caplog):
    content = b"Good.\n\nCaf@.\nAfter.\n\nGood too.\n".replace(b"@", b"\xe9")
    path.write_bytes(content)
    articles, counters, _ = read(source("sentences", path), part_bytes=8)
    assert [article.text for article in articles] == ["Good.", "Good too."]
    assert counters["rejected_invalid_utf8"] == 1
    assert f"text.txt, line 3, byte {content.index(0xE9)}: the text is not valid UTF-8 (the byte 0xe9)" in caplog.text
    with pytest.raises(
        BerthError, match=rf"text\.txt, line 3, byte {content.index(0xE9)}.*not valid UTF-8.*--no-strict"
    ):
        read(source("sentences", path), strict=True)


def test_a_document_without_end_is_not_held_in_memory(path, caplog):
    path.write_text("Short.\n\n" + "A line.\n" * 9 + "\n" + "x" * 99 + "\n\nEnd.\n")
    articles, counters, _ = read(source("sentences", path), part_bytes=30, limit=20)
    assert [article.text for article in articles] == ["Short.", "End."]
    assert counters["rejected_too_long"] == 2
    assert "line 3, byte 8: a document is too long (no empty line for more than 20 bytes)" in caplog.text


@pytest.mark.parametrize(
    ("content", "found"),
    [("a\n".encode("utf-16"), "UTF-16"), (b"PAR1\0\0", "Parquet"), (b"PK\x03\x04zip", "zip")],
)
def test_what_is_no_text_is_an_error_even_if_not_strict(path, content, found):
    path.write_bytes(content)
    with pytest.raises(BerthError, match=rf"text\.txt: this is not text in UTF-8\. Found the mark of.*{found}"):
        read(source("sentences", path))


@pytest.mark.parametrize(
    "compress", [gzip.compress, bz2.compress, lambda data: pa.compress(data, "zstd", asbytes=True)]
)
def test_a_compressed_file_that_is_cut_short_is_damaged(path, compress):
    content = compress("".join(f"Sentence {number}.\n\n" for number in range(50_000)).encode())
    path.write_bytes(content[: len(content) // 2])
    given = source("sentences", path)
    with pytest.raises(reading.DamagedFileError) as caught:
        read(given)
    assert "text.txt, after byte" in caught.value.where
