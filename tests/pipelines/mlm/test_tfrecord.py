"""Reading TFRecord files, whole and damaged."""

from __future__ import annotations

import gzip
from io import BytesIO

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from berth.errors import BerthError
from pipelines.mlm.tfrecord import frame, gzipped, read_records

RECORDS = [b"first", b"", b"third" * 100]
WHOLE = b"".join(map(frame, RECORDS))


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
    with pytest.raises(BerthError, match=rf"cut, byte {offset}: this is not a whole TFRecord file"):
        read(tmp_path / "cut", compress(WHOLE[:length]))


def test_a_cut_gzip_file_is_an_error(tmp_path):
    with pytest.raises(BerthError, match="not a whole TFRecord file"):
        read(tmp_path / "cut", gzip.compress(WHOLE)[:-9])


@pytest.mark.parametrize("place", [0, 9, 13, 20, 60])
def test_a_changed_byte_is_an_error(tmp_path, place):
    changed = bytearray(WHOLE)
    changed[place] ^= 1
    with pytest.raises(BerthError, match="whose checksum is wrong"):
        read(tmp_path / "changed", bytes(changed))


def test_a_text_file_is_no_tfrecord_file(tmp_path):
    with pytest.raises(BerthError, match=r"text, byte 0: this is not a whole TFRecord file"):
        read(tmp_path / "text", b"The quick brown fox jumps over the lazy dog.\n")


def test_compression_gives_the_same_bytes_every_time(tmp_path):
    def compressed():
        file = BytesIO()
        with gzipped(file) as stream:
            stream.write(WHOLE)
        return file.getvalue()

    assert compressed() == compressed()
    assert gzip.decompress(compressed()) == WHOLE
