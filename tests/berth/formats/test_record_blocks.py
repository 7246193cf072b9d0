"""Blocks and their index: the same whoever finds them; an index that is damaged or another file's is refused."""

import gzip
import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from berth.errors import BerthError
from berth.formats import record_blocks
from berth.formats.record_blocks import BlockWriter, index_of
from berth.formats.record_index import RecordIndex
from berth.formats.tfrecord import frame
from support.plain_example import serialize_example

SHA = "ab" * 32
WIDTHS = {"input_ids": 6, "input_mask": 6, "segment_ids": 6, "masked_lm_positions": 2, "masked_lm_ids": 2}
EXAMPLE = serialize_example(
    {
        **{name: [0] * width for name, width in WIDTHS.items()},
        "masked_lm_weights": [1.0, 0.0],
        "next_sentence_labels": [0],
    }
)


def indexed(records, block_bytes, is_gzip):
    """A file of records, and its index, cut record by record as the rule says."""
    file = io.BytesIO()
    writer = BlockWriter(file, is_gzip)
    block, count = b"", 0
    for record in records:
        block, count = block + frame(record), count + 1
        if len(block) > block_bytes:
            writer.write(memoryview(block), count)
            block, count = b"", 0
    if count:
        writer.write(memoryview(block), count)
    return file.getvalue(), writer.index(SHA, 6, 2)


@settings(deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=30), st.integers(1, 900))
def test_blocks_follow_from_the_records(tmp_path_factory, records, block_bytes):
    """Found in a file they are those that were written; compressed, the same ones."""
    records = [EXAMPLE, *records] if records else []
    path = tmp_path_factory.getbasetemp() / "blocks"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(record_blocks, "BLOCK_BYTES", block_bytes)
        content, written = indexed(records, block_bytes, is_gzip=False)
        packed, compressed = indexed(records, block_bytes, is_gzip=True)
        path.write_bytes(content)
        unpacked = io.BytesIO()
        found = index_of(str(path), SHA, unpacked.write)
        path.write_bytes(gzip.compress(content))
        of_compressed = index_of(str(path), SHA)
    assert found.to_bytes() == written.to_bytes() == of_compressed.to_bytes()
    assert unpacked.getvalue() == content
    assert written.count == len(records) and written.offsets[-1] == len(content)
    assert compressed.is_gzip and compressed.offsets[-1] == len(packed)
    assert (compressed.sizes.tolist(), compressed.records.tolist()) == (
        written.sizes.tolist(),
        written.records.tolist(),
    )
    parts = [packed[begin:end] for begin, end in zip(compressed.offsets[:-1], compressed.offsets[1:], strict=True)]
    assert b"".join(map(gzip.decompress, parts)) == content


@pytest.mark.parametrize("size", [7, 1 << 20])
def test_a_block_may_lie_in_several_pieces_that_are_read(tmp_path, monkeypatch, size):
    monkeypatch.setattr("berth.formats.tfrecord.BLOCK", size)
    monkeypatch.setattr(record_blocks, "BLOCK_BYTES", 1000)
    records = [EXAMPLE, *(b"x" * length for length in range(0, 500, 7))]
    content, written = indexed(records, 1000, is_gzip=False)
    (tmp_path / "file").write_bytes(content)
    assert index_of(str(tmp_path / "file"), SHA).to_bytes() == written.to_bytes()


INDEX = indexed([EXAMPLE, b"a" * 50, b"b" * 70], 100, is_gzip=False)[1]


def test_an_index_is_read_back():
    again = RecordIndex.from_bytes(INDEX.to_bytes(), "file.index")
    assert again.to_bytes() == INDEX.to_bytes()
    assert (again.sha256, again.is_gzip, again.max_seq_length, again.max_predictions) == (SHA, False, 6, 2)
    again.check("file", int(INDEX.offsets[-1]), SHA)


@pytest.mark.parametrize(("size", "sha256"), [(1, SHA), (None, "cd" * 32)])
def test_the_index_of_another_file_is_refused(size, sha256):
    with pytest.raises(BerthError, match=r"file\.index: this is the index of another file.*Make it again: berth index"):
        INDEX.check("file", size or int(INDEX.offsets[-1]), sha256)


@given(st.data())
def test_a_damaged_index_is_refused(data):
    content = bytearray(INDEX.to_bytes())
    if data.draw(st.booleans()):
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    else:
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(BerthError, match=r"file\.index: "):
        RecordIndex.from_bytes(bytes(content), "file.index")


@pytest.mark.parametrize(
    ("array", "values"),
    [
        ("records", [1, 0]),
        ("records", [1, 2**40]),
        ("records", [-1, 1]),
        ("sizes", [50, 61]),
        ("sizes", [0, 110]),
        ("offsets", [0, 50, 50]),
        ("offsets", [5, 60, 70]),
        ("offsets", [0, 2**62, 50]),
        ("max_predictions", 2**20),
    ],
)
def test_an_impossible_index_is_refused(array, values):
    changed = RecordIndex(SHA, False, 6, 2, *(np.array(each) for each in ([0, 50, 110], [50, 60], [1, 1])))
    RecordIndex.from_bytes(changed.to_bytes(), "file.index")
    changed.__dict__[array] = np.array(values) if isinstance(values, list) else values
    with pytest.raises(BerthError, match="the index is impossible"):
        RecordIndex.from_bytes(changed.to_bytes(), "file.index")


def test_an_index_of_another_version_is_refused():
    content = bytearray(INDEX.to_bytes()[:-4])
    struct.pack_into("<H", content, 8, 2)
    with pytest.raises(BerthError, match=r"another version of Berth. Found version 2 .* Expected version 1"):
        RecordIndex.from_bytes(bytes(content) + struct.pack("<I", zlib.crc32(content)), "file.index")
