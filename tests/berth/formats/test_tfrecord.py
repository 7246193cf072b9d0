"""TFRecord files, whole and damaged."""

from __future__ import annotations

import gzip
import struct
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from berth.errors import BerthError
from berth.formats import tfrecord
from berth.formats.tfrecord import frame, gzipped, read_records
from berth.kernels.crc32c import crc_tables, masked_crc32c

RECORDS = [b"first", b"", b"third" * 100]
WHOLE = b"".join(map(frame, RECORDS))


def crc(data):
    content = np.frombuffer(data, np.uint8).copy()
    return struct.pack("<I", int(masked_crc32c(content, 0, len(content), crc_tables())))


def header(length):
    """A header that claims a length, with the right checksum."""
    content = struct.pack("<Q", length)
    return content + crc(content)


def read(path, content):
    path.write_bytes(content)
    return list(read_records(str(path)))


@settings(deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=10))
def test_records_are_read_back(tmp_path_factory, records):
    content = b"".join(map(frame, records))
    path = tmp_path_factory.getbasetemp() / "records"
    assert read(path, content) == read(path, gzip.compress(content)) == records


@pytest.mark.parametrize("length", [1, 11, 15, 20, 40, len(WHOLE) - 1])
@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_a_cut_file_is_an_error_at_the_record_that_is_cut(tmp_path, length, compress):
    offset = 0 if length < 21 else 21 if length < 37 else 37
    with pytest.raises(BerthError, match=rf"cut, record \d at byte {offset}: the file ends in the middle of a record"):
        read(tmp_path / "cut", compress(WHOLE[:length]))


def test_a_cut_gzip_file_is_an_error(tmp_path):
    with pytest.raises(BerthError, match="cut: the compressed file is damaged"):
        read(tmp_path / "cut", gzip.compress(WHOLE)[:-9])


@pytest.mark.parametrize(
    ("offset", "message"),
    [
        (0, "byte 0: .* the length of a record fails its checksum"),
        (9, "byte 0: .* the length of a record fails its checksum"),
        (13, "byte 0: a record is damaged: its data fails its checksum"),
        (20, "byte 0: a record is damaged"),
        (60, "byte 37: a record is damaged"),
    ],
)
def test_a_changed_byte_is_an_error(tmp_path, offset, message):
    changed = bytearray(WHOLE)
    changed[offset] ^= 1
    with pytest.raises(BerthError, match=message):
        read(tmp_path / "changed", bytes(changed))


def test_a_text_file_is_no_tfrecord_file(tmp_path):
    with pytest.raises(BerthError, match=r"text, record 0 at byte 0: this is not a TFRecord file, or it is damaged"):
        read(tmp_path / "text", b"The quick brown fox jumps over the lazy dog.\n")


def test_compression_gives_the_same_bytes_every_time(tmp_path):
    def compressed():
        file = BytesIO()
        with gzipped(file) as stream:
            stream.write(WHOLE)
        return file.getvalue()

    assert compressed() == compressed()
    assert gzip.decompress(compressed()) == WHOLE


def test_a_frame_is_what_tensorflow_writes(tmp_path):
    import tensorflow as tf

    with tf.io.TFRecordWriter(str(tmp_path / "records")) as writer:
        for record in RECORDS:
            writer.write(record)
    assert (tmp_path / "records").read_bytes() == WHOLE


@pytest.mark.parametrize("block", [7, 1 << 20])
@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_a_scan_finds_each_record(tmp_path, monkeypatch, block, compress):
    monkeypatch.setattr(tfrecord, "BLOCK", block)
    (tmp_path / "records").write_bytes(compress(WHOLE))
    found = [
        (part.offset + start, part.data[start : start + length].tobytes())
        for part in tfrecord.scan(str(tmp_path / "records"))
        for start, length in zip(part.starts, part.lengths, strict=True)
    ]
    assert found == [(12, RECORDS[0]), (33, RECORDS[1]), (49, RECORDS[2])]


def test_a_record_may_be_longer_than_what_is_read_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(tfrecord, "BLOCK", 7)
    assert read(tmp_path / "records", WHOLE) == RECORDS
    with pytest.raises(BerthError, match="byte 37: the file ends in the middle"):
        read(tmp_path / "records", WHOLE[:-1])


HUGE = [2**63 - 1, 2**63 - 2, 2**63 - 16, 2**63 - 17, 2**63 - 37, 2**63 - 53, 2**63, 2**63 + 1, 2**64 - 1, 2**64 - 16]


@pytest.mark.parametrize("length", [*HUGE, 2**62, 2**32, 2**31, 1, 5])
@pytest.mark.parametrize("before", [b"", WHOLE])
def test_a_length_beyond_the_file_is_an_error_however_large(tmp_path, length, before):
    """Also one that gives a small number when it is added to an offset."""
    path = tmp_path / "huge"
    path.write_bytes(before + header(length) + b"abcd")
    message = rf"byte {len(before)}: the file ends in the middle of a record"
    with pytest.raises(BerthError, match=message):
        list(read_records(str(path)))
    with pytest.raises(BerthError, match=message):
        list(tfrecord.scan(str(path)))


@settings(deadline=None)
@given(st.lists(st.binary(max_size=20)), st.integers(0, 2**64 - 1) | st.sampled_from(HUGE), st.binary(max_size=40))
def test_a_scan_stays_inside_the_data(records, length, rest):
    content = b"".join(map(frame, records)) + header(length) + rest
    starts, lengths = np.zeros((2, len(content)), np.int64)
    count, status, end = tfrecord.scan_frames(np.frombuffer(content, np.uint8), starts, lengths)
    assert count >= len(records) and end <= len(content)
    assert (starts[:count] + lengths[:count] + tfrecord.FOOTER_BYTES <= len(content)).all()
    assert (lengths[:count] >= 0).all()
    assert (count == len(records)) == (length > len(rest) - tfrecord.FOOTER_BYTES)
    assert status != tfrecord.OK or end == len(content)
