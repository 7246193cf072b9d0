"""Compressed bytes: stream heads, chunks, re-encoding."""

from __future__ import annotations

import bz2
import gzip
import io

import pytest
from dump_samples import multistream

from pipelines.wikitext.compressed import Chunk, Damage, detect_compression, find_stream_head, read_range, to_utf8


def refuse(damage: Damage) -> None:
    raise AssertionError(damage)


def content(data: bytes, compression: str) -> bytes:
    chunks = read_range(io.BytesIO(data), 0, len(data), compression, refuse)  # type: ignore[arg-type]
    return b"".join(chunk.data for chunk in chunks)


def test_stream_heads_are_found_from_any_offset():
    data = multistream([b"one" * 99, b"two", b"", b"three"])
    heads = [at for at in range(len(data)) if data[at : at + 3] == b"BZh" and data[at + 4 : at + 6] == b"1A"]
    assert len(heads) == 3  # an empty stream has no block
    for start in range(len(data)):
        assert find_stream_head(io.BytesIO(data), start) == next((head for head in heads if head >= start), None)
    assert find_stream_head(io.BytesIO(data), 1, heads[1]) is None


def test_empty_streams_and_padding_between_streams_are_passed_over():
    assert content(multistream([b"", b"one", b"", b"two", b""]), "bz2") == b"onetwo"
    assert content(bz2.compress(b"one") + b"\0" * 7 + bz2.compress(b"two"), "bz2") == b"onetwo"


def test_gzip_members_and_padding():
    assert content(gzip.compress(b"one") + gzip.compress(b"two") + b"\0" * 9, "gzip") == b"onetwo"


def test_little_input_that_becomes_much_comes_in_chunks():
    data = bz2.compress(b"a" * 30_000_000)
    sizes = [len(chunk.data) for chunk in read_range(io.BytesIO(data), 0, len(data), "bz2", refuse)]
    assert sum(sizes) == 30_000_000
    assert max(sizes) <= 1 << 23


@pytest.mark.parametrize(
    ("data", "name"),
    [(bz2.compress(b"a"), "bz2"), (gzip.compress(b"a"), "gzip"), (b"<mediawiki", "none"), (b"", "none")],
)
def test_compression_is_told_by_the_first_bytes(data, name):
    assert detect_compression(data) == name


def test_utf16_is_reencoded_across_chunks():
    text = "a€😀" * 50
    data = text.encode("utf-16")
    chunks = (Chunk(data[at : at + 3], owned=True) for at in range(0, len(data), 3))
    assert b"".join(chunk.data for chunk in to_utf8(chunks)).decode() == text
