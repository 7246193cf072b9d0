"""Compressed bytes: stream heads, chunks, re-encoding."""

from __future__ import annotations

import bz2
import gzip
import io

import pytest

from pipelines.wikitext.dump.streams import (
    BZ2_BLOCK_BYTES,
    MAX_CHUNK_BYTES,
    Chunk,
    Damage,
    detect_compression,
    detect_encoding,
    find_stream_head,
    read_from,
    to_utf8,
)
from support.dump_samples import multistream


def refuse(damage: Damage) -> None:
    raise AssertionError(damage)


def content(data: bytes, compression: str) -> bytes:
    chunks = read_from(io.BytesIO(data), 0, compression, refuse)  # type: ignore[arg-type]
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
    sizes = [len(chunk.data) for chunk in read_from(io.BytesIO(data), 0, "bz2", refuse)]
    assert sum(sizes) == 30_000_000
    assert max(sizes) <= MAX_CHUNK_BYTES


@pytest.mark.parametrize(
    ("data", "name"),
    [(bz2.compress(b"a"), "bz2"), (gzip.compress(b"a", mtime=0), "gzip"), (b"<mediawiki", "none"), (b"", "none")],
)
def test_compression_is_told_by_the_first_bytes(data, name):
    assert detect_compression(data) == name


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_utf16_is_reencoded_across_chunks(encoding, mark):
    text = "<a€😀\ufeff" * 50
    data = (mark + text).encode(encoding)
    assert detect_encoding(data) == encoding
    chunks = (Chunk(data[at : at + 3], 0) for at in range(0, len(data), 3))
    assert b"".join(chunk.data for chunk in to_utf8(chunks, encoding)).decode() == text


@pytest.mark.parametrize("place", [0.3, 0.6, 0.9])
def test_of_a_corrupt_stream_only_blocks_whose_checksums_agree_are_passed_on(place):
    content = "".join(f"{number} {number**5}\n" for number in range(400_000)).encode()
    data = bytearray(bz2.compress(content))
    data[int(len(data) * place)] ^= 0xFF
    damages: list[Damage] = []
    kept = b"".join(chunk.data for chunk in read_from(io.BytesIO(bytes(data)), 0, "bz2", damages.append))
    assert damages == [Damage("has a corrupt bz2 stream", 0, 0)]
    assert content.startswith(kept)
    assert len(kept) > place * len(content) - 2 * BZ2_BLOCK_BYTES - MAX_CHUNK_BYTES
