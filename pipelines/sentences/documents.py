"""Documents of the article files, read in units that fit into memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from berth import storage
from berth.errors import BerthError

COLUMNS = ("id", "url", "text")


@dataclass(frozen=True)
class Unit:
    """One row group of an article file: a place, so that it can travel to a worker.

    Attributes:
        number: Its place among all units, in the order of the files' names.
        uri: The file.
        row_group: Index of the row group in the file.
        text_bytes: Size of its text before compression.
    """

    number: int
    uri: str
    row_group: int
    text_bytes: int

    def documents(self) -> Iterator[Document]:
        """The unit's documents in the file's order, those without text left out."""
        with storage.open_read(self.uri) as file:
            table = pq.ParquetFile(file).read_row_group(self.row_group, columns=list(COLUMNS))
        for batch in table.to_batches(max_chunksize=256):
            columns = (batch.column(name).to_pylist() for name in COLUMNS)
            for page_id, url, text in zip(*columns, strict=True):
                document = Document(f"{urlsplit(url or '').netloc}:{page_id}", (text or "").split("\n"))
                if any(paragraph and not paragraph.isspace() for paragraph in document.paragraphs):
                    yield document


@dataclass(frozen=True)
class Document:
    """A document: its id, stable over dumps (host of the wiki and page id), and its paragraphs."""

    id: str
    paragraphs: list[str]


def units(uris: Sequence[str]) -> list[Unit]:
    """All units of article files, in the order given.

    Raises:
        BerthError: if a file is not Parquet or has not the columns id, url and text.
    """
    found: list[Unit] = []
    for uri in uris:
        with storage.open_read(uri) as file:
            try:
                metadata = pq.ParquetFile(file).metadata
            except (pa.ArrowInvalid, OSError) as error:
                raise BerthError(
                    "this is not a file of articles",
                    where=uri,
                    found=str(error),
                    expected="Parquet, as `berth extract` writes",
                ) from error
        names = [metadata.schema.column(index).name for index in range(metadata.num_columns)]
        if missing := [name for name in COLUMNS if name not in names]:
            raise BerthError(
                "this is not a file of articles",
                where=uri,
                found=f"the columns {', '.join(names)}",
                expected=f"also {', '.join(missing)}",
            )
        for group in range(metadata.num_row_groups):
            text = metadata.row_group(group).column(names.index("text"))
            found.append(Unit(len(found), uri, group, text.total_uncompressed_size))
    return found
