"""Article files in units that fit into memory: row groups, known by their place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from berth import storage
from berth.errors import BerthError
from berth.formats.articles import has_sentences

COLUMNS = ("id", "url", "text")


@dataclass(frozen=True)
class Unit:
    """One row group of an article file: a place, so that it can travel to a worker.

    Attributes:
        number: Its place among all units, in the order of the files' names.
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
        """The unit's rows, one chunk a column.

        Raises:
            BerthError: if the file is damaged or its text is not UTF-8.
        """
        try:
            with storage.open_read(self.uri) as file:
                table = pq.ParquetFile(file).read_row_group(self.row_group, columns=list(columns))
            table.validate(full=True)
        except (pa.ArrowException, OSError) as error:
            raise BerthError(
                "the articles cannot be read",
                where=f"{self.uri}, row group {self.row_group}",
                found=" ".join(str(error).split()),
            ) from error
        return table.combine_chunks()


def units(uris: Sequence[str]) -> list[Unit]:
    """All units of article files, in the order given.

    Raises:
        BerthError: if a file is not Parquet, has not the columns id, url and text, or has them with other types.
    """
    found: list[Unit] = []
    for uri in uris:
        metadata, schema = read_schema(uri)
        position = [metadata.schema.column(index).path for index in range(metadata.num_columns)].index("text")
        lines = has_sentences(schema)
        for group in range(metadata.num_row_groups):
            size = metadata.row_group(group).column(position).total_uncompressed_size
            found.append(Unit(len(found), uri, group, size, lines))
    return found


def read_schema(uri: str) -> tuple[pq.FileMetaData, pa.Schema]:
    """Metadata and schema of an article file.

    Raises:
        BerthError: if it is none.
    """
    with storage.open_read(uri) as file:
        try:
            parquet = pq.ParquetFile(file)
            metadata, schema = parquet.metadata, parquet.schema_arrow
        except (pa.ArrowException, OSError) as error:
            raise BerthError(
                "this is not a file of articles",
                where=uri,
                found=" ".join(str(error).split()),
                expected="Parquet, as `berth extract` writes",
            ) from error
    if missing := [name for name in COLUMNS if name not in schema.names]:
        raise BerthError(
            "this is not a file of articles",
            where=uri,
            found=f"the columns {', '.join(schema.names)}",
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
