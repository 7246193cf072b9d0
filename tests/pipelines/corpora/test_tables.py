"""Parquet: the same documents whatever the row groups and parts, columns of any text type, faults named."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from berth.errors import BerthError, UsageError
from pipelines.corpora.reading import DamagedFileError
from pipelines.corpora.text import paragraphs
from support.corpus_samples import read, source, texts


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("tables") / "text.parquet"


@settings(deadline=None)
@given(
    rows=st.lists(st.none() | st.text("ab \né字\u2028", max_size=20), max_size=30),
    group=st.integers(1, 12),
    part=st.integers(1, 400),
    kind=st.sampled_from(
        [pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.dictionary(pa.int32(), pa.string())]
    ),
)
def test_every_row_is_a_document_whatever_the_row_groups_and_parts(path, rows, group, part, kind):
    values = [row.encode() if row is not None and kind == pa.binary() else row for row in rows]
    column = (
        pa.array(values, pa.string()).dictionary_encode() if pa.types.is_dictionary(kind) else pa.array(values, kind)
    )
    pq.write_table(pa.table({"other": list(range(len(rows))), "text": column}), path, row_group_size=group)
    assert texts(source("parquet", path), part) == [paragraphs(row or "") for row in rows]


def test_row_groups_are_the_parts(path):
    table = pa.table({"text": ["x" * 1000] * 10})
    pq.write_table(table, path, row_group_size=2, use_dictionary=False, write_statistics=False)
    given = source("parquet", path)
    counts = {part: read(given, part)[2] for part in (30_000, 5000, 1)}
    assert counts == {30_000: 1, 5000: 3, 1: 5}
    assert read(given, 5000)[0] == read(given)[0]
    assert [article.url for article in read(given, 1)[0]] == [f"text.parquet#{row}" for row in range(10)]


def test_columns_are_those_that_the_source_names(path):
    table = {"content": ["One."], "doc": pa.array([7], pa.uint32()), "name": ["T"], "lang": ["ar"]}
    pq.write_table(pa.table(table), path)
    named = {"text_field": "content", "id_field": "doc", "title_field": "name", "language_field": "lang"}
    (article,) = read(source("parquet", path, **named))[0]
    assert (article.id, article.url, article.title) == (7, "text.parquet#7", "T")
    assert (article.text, article.language) == ("One.", "ar")


def test_a_missing_or_unfit_column_is_an_error_that_names_those_there_are(path):
    pq.write_table(pa.table({"body": ["x"], "n": [1]}), path)
    with pytest.raises(UsageError, match=r"no column 'text' of texts.*body \(string\), n \(int64\).*--text-field"):
        read(source("parquet", path))
    with pytest.raises(UsageError, match="no column 'n' of texts"):
        read(source("parquet", path, text_field="n"))


def test_a_text_that_is_not_utf8_is_left_out_and_named(path, caplog):
    wrong = pa.Array.from_buffers(pa.string(), 2, pa.array([b"good", b"b\xffd"], pa.binary()).buffers())
    pq.write_table(pa.table({"text": wrong}), path)
    articles, counters, _ = read(source("parquet", path))
    assert [article.text for article in articles] == ["good"]
    assert counters == {"rejected_invalid_utf8": 1}
    assert "text.parquet, row 1: the text is not valid UTF-8 (the byte 0xff)" in caplog.text
    with pytest.raises(BerthError, match=r"text\.parquet, row 1"):
        read(source("parquet", path), strict=True)


def test_what_is_no_parquet_is_an_error(path):
    path.write_bytes(b'{"text": "x"}')
    with pytest.raises(BerthError, match=r"text\.parquet: this is not a Parquet file"):
        read(source("parquet", path))


def test_a_damaged_row_group_is_told(path):
    pq.write_table(pa.table({"text": [f"Text {number}." for number in range(20_000)]}), path, row_group_size=10_000)
    content = bytearray(path.read_bytes())
    content[5000:60_000] = bytes(55_000)
    path.write_bytes(content)
    with pytest.raises(DamagedFileError) as caught:
        read(source("parquet", path))
    assert "text.parquet, row " in caught.value.where


def test_a_column_whose_name_is_not_utf8_is_an_error(path):
    pq.write_table(pa.table({"text": ["x"], "QQQQ": [1]}), path)
    path.write_bytes(path.read_bytes().replace(b"QQQQ", b"\xff\xfeQQ"))
    with pytest.raises(UsageError, match=r"text\.parquet: a column of the table has a name that is not valid UTF-8"):
        read(source("parquet", path))


def test_a_document_that_is_too_long_is_left_out(path):
    pq.write_table(pa.table({"text": ["x" * 11, "short", None]}), path)
    articles, counters, _ = read(source("parquet", path), limit=10)
    assert [article.text for article in articles] == ["short", ""]
    assert counters == {"rejected_too_long": 1}


def test_a_page_header_that_lies_is_damage_and_takes_no_memory(path, caplog):
    """Arrow would allocate the two gigabytes that it claims."""
    pq.write_table(pa.table({"text": ["x" * 3000]}), path, use_dictionary=False, write_statistics=False)
    content = path.read_bytes()
    honest = pq.ParquetFile(path).metadata.row_group(0).column(0)
    begin = honest.data_page_offset
    # Field 1 (the type), then field 2, whose variable-length number is made larger: the header grows.
    assert content[begin : begin + 3] == b"\x15\x00\x15"
    end = begin + 3
    while content[end] & 0x80:
        end += 1
    lie = b"\xfe\xff\xff\xff\x0f"  # 2**31 - 1
    path.write_bytes(content[: begin + 3] + lie + content[begin + 3 + len(lie) :])
    pool = pa.default_memory_pool()
    before = pool.max_memory()
    with pytest.raises(DamagedFileError) as caught:
        read(source("parquet", path))
    assert "a page" in caught.value.found
    assert pool.max_memory() - before < 64 << 20
