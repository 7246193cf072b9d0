"""Parquet files with one document a row."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from berth import storage
from berth.errors import BerthError, UsageError
from berth.formats.articles import Article
from berth.formats.parquet_pages import PageError, largest_page
from berth.recipe import Source
from berth.stage.inputs import InputFile, Inputs
from pipelines.corpora import reading
from pipelines.corpora.fields import Fields
from pipelines.corpora.formats import FIELDS, CorpusFormat
from pipelines.corpora.reading import DamagedFileError, PartStatus, is_damage

# Rows and bytes in memory while a row group is read. No value is larger than its page.
BATCH_ROWS = 256
BATCH_BYTES = 256 << 20
BUFFER_BYTES = 1 << 20


@dataclass(frozen=True)
class TablePart:
    """Consecutive row groups of a Parquet file, of PART_BYTES together before compression.

    Attributes:
        uri: The file.
        name: Its name as an input.
        row_groups: Their indices.
        first_row: Index in the file of their first row.
        size: Bytes of the columns that are read, before compression.
        fields: The columns.
    """

    uri: str
    name: str
    row_groups: tuple[int, ...]
    first_row: int
    size: int
    fields: Fields

    @property
    def schema(self) -> pa.Schema:
        """Schema of the articles."""
        return self.fields.schema

    def articles(self, status: PartStatus) -> Iterator[Article]:
        """The documents, in the order of the rows."""
        row = self.first_row
        try:
            with storage.open_read(self.uri) as file:
                # Without a buffer of this size Arrow would hold the whole row group.
                table = pq.ParquetFile(file, buffer_size=BUFFER_BYTES, pre_buffer=False)
                page = largest_page(file, table.metadata, self.row_groups, self.fields.names)
                rows = max(1, min(BATCH_ROWS, BATCH_BYTES // max(1, page)))
                for batch in table.iter_batches(rows, list(self.row_groups), self.fields.names):
                    for values in zip(*(_values(column) for column in batch), strict=True):
                        yield from self._article(row, dict(zip(batch.schema.names, values, strict=True)), status)
                        row += 1
                    status.bytes_read = min(self.size, status.bytes_read + batch.nbytes)
        except PageError as error:
            raise DamagedFileError(self._location(row), str(error)) from error
        except (OSError, pa.ArrowException) as error:
            if not is_damage(error):
                raise
            raise DamagedFileError(self._location(row), str(error)) from error

    def _article(self, row: int, values: dict[str, Any], status: PartStatus) -> Iterator[Article]:
        where, text = partial(self._location, row), values[self.fields.text]
        if text is not None and len(text) > status.errors.max_document_bytes:
            status.reject_too_long("a document", where, f"{len(text):,} bytes")
            return
        try:
            # Arrow does not check that a text is UTF-8.
            decoded = {name: value.decode() if isinstance(value, bytes) else value for name, value in values.items()}
        except UnicodeDecodeError as error:
            status.reject_not_utf8(where, error)
            return
        yield from self.fields.article(decoded, self.name, row, where, status)

    def _location(self, row: int) -> str:
        return f"{self.uri}, row {row:,}"


def parts(files: Inputs, source: Source) -> list[TablePart]:
    """The parts of a source: each as many row groups as fit into PART_BYTES, at least one.

    Raises:
        BerthError: For a file that is not Parquet or lacks a column.
    """
    fields = Fields.of(source)
    return [part for file in files.files for part in _parts(file, fields)]


FORMAT = CorpusFormat(parts, options=FIELDS)


def _parts(file: InputFile, fields: Fields) -> Iterator[TablePart]:
    metadata = _metadata(file.uri, fields)
    wanted = [
        index
        for index in range(metadata.num_columns)
        if metadata.schema.column(index).path.split(".")[0] in fields.names
    ]
    begin, size, row = 0, 0, 0
    groups: list[int] = []
    for index in range(metadata.num_row_groups):
        group = metadata.row_group(index)
        group_size = sum(group.column(column).total_uncompressed_size for column in wanted)
        if groups and size + group_size > reading.PART_BYTES:
            yield TablePart(file.uri, file.name, tuple(groups), begin, size, fields)
            begin, groups, size = row, [], 0
        groups.append(index)
        size += group_size
        row += group.num_rows
    if groups:
        yield TablePart(file.uri, file.name, tuple(groups), begin, size, fields)


def _metadata(uri: str, fields: Fields) -> pq.FileMetaData:
    """Metadata of a file, whose columns are checked."""
    with storage.open_read(uri) as file:
        try:
            table = pq.ParquetFile(file)
            schema = table.schema_arrow
            names = [field.name for field in schema]
        except UnicodeDecodeError as error:
            raise UsageError(
                "a column of the table has a name that is not valid UTF-8",
                where=uri,
                found=repr(error.object),
                fix="Write the file again with other names of its columns.",
            ) from error
        except (OSError, pa.ArrowException) as error:
            if not is_damage(error):
                raise
            raise BerthError(
                "this is not a Parquet file", where=uri, found=str(error), fix="Give the format that the file has."
            ) from error
    for name in fields.names:
        kind = schema.field(name).type if name in names else pa.null()
        if not _is_text(kind) and not (name == fields.id and pa.types.is_integer(kind)):
            raise UsageError(
                f"the table has no column {name!r} of texts" + (" or whole numbers" if name == fields.id else ""),
                where=uri,
                found="the columns " + ", ".join(f"{field.name} ({field.type})" for field in schema),
                fix="Name the columns: text_field, id_field, title_field, language_field (--text-field and so on).",
            )
    return table.metadata


def _values(column: pa.Array) -> list[Any]:
    """The values of a column; texts as bytes, since Arrow does not check whether they are UTF-8."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if _is_text(column.type):
        column = column.cast(pa.large_binary())
    return list(column.to_pylist())


def _is_text(kind: pa.DataType) -> bool:
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return any(is_kind(kind) for is_kind in _TEXT_KINDS)


_TEXT_KINDS = (
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
    pa.types.is_binary,
    pa.types.is_large_binary,
)
