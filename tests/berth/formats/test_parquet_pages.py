"""Page headers of Parquet files: those that Arrow writes, and those that lie."""

from __future__ import annotations

import io

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from berth.formats import parquet_pages
from berth.formats.parquet_pages import PageError, largest_page


def written(table: pa.Table, **options) -> tuple[io.BytesIO, pq.FileMetaData]:
    """A Parquet file of one table, and its metadata."""
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file, pq.read_metadata(file)


def varint(number: int) -> bytes:
    """A number in Thrift's variable-length form, signed numbers in zigzag."""
    number = number << 1 if number >= 0 else ~(number << 1)
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def page(uncompressed: int, compressed: int, rest: bytes = b"") -> bytes:
    """The header of a data page with two sizes, and other fields."""
    return b"\x15\x00\x15" + varint(uncompressed) + b"\x15" + varint(compressed) + rest + b"\x00"


@settings(deadline=None, max_examples=25)
@given(
    lengths=st.lists(st.integers(0, 3000), min_size=1, max_size=30),
    codec=st.sampled_from(["none", "snappy", "gzip", "zstd"]),
    page_bytes=st.sampled_from([1, 1000, 1 << 20]),
    version=st.sampled_from(["1.0", "2.0"]),
    dictionary=st.booleans(),
)
def test_every_page_that_arrow_writes_is_found(lengths, codec, page_bytes, version, dictionary):
    table = pa.table({"n": list(range(len(lengths))), "text": ["x" * length for length in lengths]})
    file, metadata = written(
        table,
        compression=codec,
        data_page_size=page_bytes,
        write_batch_size=3,
        data_page_version=version,
        use_dictionary=dictionary,
        row_group_size=12,
    )
    groups = list(range(metadata.num_row_groups))
    chunks = [metadata.row_group(group).column(1).total_uncompressed_size for group in groups]
    largest = largest_page(file, metadata, groups, ["text"])
    assert max(lengths) <= largest <= max(chunks)


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (page(2**31 - 1, 3000), r"at byte 4 that would become 2,147,483,647 bytes from 3,000"),
        (page(-1, 10), r"would become -1 bytes"),
        (page(10, 2**31 - 1), r"do not fit"),
        (page(10, -5), r"do not fit"),
        (b"\x15\x00\x15" + b"\xff" * 5000, "more than 64 bits"),
        (b"\x1c" * 5000, "nested too deeply"),
        (b"\x1e\x00", "unknown type 14"),
        (page(10, 10)[:-1] + b"\x18" + varint(2**40), "has no end"),
    ],
)
def test_a_header_that_cannot_be_true_is_an_error(header, found):
    content = b"PAR1" + header + bytes(20_000)
    with pytest.raises(PageError, match=found):
        parquet_pages._largest(io.BytesIO(content), 4, len(content), len(content))


def test_fields_that_are_not_read_are_passed_over():
    statistics = b"\x3c" + b"\x18\x03abc" + b"\x11" + b"\x12" + b"\x17" + bytes(8) + b"\x19\x25" + b"\x02\x04" + b"\x00"
    for rest in (b"", statistics, b"\x0c\x0a\x00"):
        content = page(5, 5, rest) + b"12345"
        assert parquet_pages._largest(io.BytesIO(content), 0, len(content), len(content)) == 5
