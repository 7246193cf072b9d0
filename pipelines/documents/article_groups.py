"""Groups of articles that fit into memory: the row groups of article files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from berth import storage
from berth.errors import BerthError
from berth.formats.articles import has_sentences
from berth.formats.parquet_pages import PageError, largest_page

COLUMNS = ("id", "url", "text")


@dataclass(frozen=True)
class ArticleGroup:
    """One row group of an article file. It says where the articles are, so it is small enough to send to a worker.

    Attributes:
        number: Index among all groups, in the order of the files' names.
        uri: The file.
        row_group: Index of the row group in the file.
        text_bytes: Size of its text before compression.
        has_sentences: Whether the lines of its texts are sentences rather than paragraphs.
    """

    number: int
    uri: str
    row_group: int
    text_bytes: int
    has_sentences: bool

    def table(self, columns: Sequence[str] = COLUMNS) -> pa.Table:
        """The group's rows, one chunk a column.

        Raises:
            BerthError: If the file is damaged or its text is not UTF-8.
        """
        try:
            with storage.open_read(self.uri) as file:
                parquet = pq.ParquetFile(file)
                largest_page(file, parquet.metadata, [self.row_group], columns)
                table = parquet.read_row_group(self.row_group, columns=list(columns))
            table.validate(full=True)
        except (PageError, pa.ArrowException, OSError) as error:
            raise BerthError(
                "the articles cannot be read",
                where=f"{self.uri}, row group {self.row_group}",
                found=" ".join(str(error).split()),
            ) from error
        return table.combine_chunks()


def article_groups(uris: Sequence[str]) -> list[ArticleGroup]:
    """The groups of some article files, in the order given.

    Raises:
        BerthError: If a file is not Parquet, or lacks a column (id, url, text), or one has another type.
    """
    groups: list[ArticleGroup] = []
    for uri in uris:
        metadata, schema = read_schema(uri)
        text_column = [metadata.schema.column(index).path for index in range(metadata.num_columns)].index("text")
        lines = has_sentences(schema)
        for index in range(metadata.num_row_groups):
            size = metadata.row_group(index).column(text_column).total_uncompressed_size
            groups.append(ArticleGroup(len(groups), uri, index, size, lines))
    return groups


def read_schema(uri: str) -> tuple[pq.FileMetaData, pa.Schema]:
    """Metadata and schema of an article file.

    Raises:
        BerthError: If it is none.
    """
    with storage.open_read(uri) as file:
        try:
            parquet = pq.ParquetFile(file)
            metadata, schema = parquet.metadata, parquet.schema_arrow
            names = [field.name for field in schema]
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise BerthError(
                "this is not a file of articles",
                where=uri,
                found=" ".join(str(error).split()),
                expected="Parquet, as `berth extract` writes",
            ) from error
    if missing := [name for name in COLUMNS if name not in names]:
        raise BerthError(
            "this is not a file of articles",
            where=uri,
            found=f"the columns {', '.join(names)}",
            expected=f"also {', '.join(missing)}",
        )
    expected = {"id": "an integer", "url": "a string", "text": "a string"}
    for name, kind in expected.items():
        column = schema.field(name).type
        if not (pa.types.is_integer(column) if name == "id" else _is_string(column)):
            raise BerthError(
                "this is not a file of articles",
                where=f"{uri}, column {name}",
                found=f"the type {column}",
                expected=kind,
            )
    return metadata, schema


def _is_string(column: pa.DataType) -> bool:
    return bool(pa.types.is_string(column) or pa.types.is_large_string(column))
