"""Article files: Parquet, the common format of all sources of text."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

SCHEMA = pa.schema(
    [
        pa.field("id", pa.int64(), nullable=False),
        pa.field("title", pa.string(), nullable=False),
        pa.field("url", pa.string(), nullable=False),
        pa.field("revision", pa.int64(), nullable=False),
        pa.field("timestamp", pa.timestamp("s", tz="UTC")),
        pa.field("text", pa.large_string(), nullable=False),
    ]
)
# Only where a source gives the language of each document.
LANGUAGE = pa.field("language", pa.string())
# In the schema's metadata: the lines of the text are sentences, which segmentation keeps as they are.
SENTENCES_KEY, SENTENCES_ARE_LINES = b"sentences", b"lines"

# A row group is closed when its text passes this size, in characters: it bounds a worker's memory and a reader's.
ROW_GROUP_CHARACTERS = 16 << 20
# The statistics and the dictionary would only help queries; without them a shard is smaller.
PARQUET_OPTIONS: dict[str, Any] = {"compression": "zstd", "use_dictionary": False, "write_statistics": False}


class Writer(Protocol):
    """A binary file that is written from start to end."""

    def write(self, data: bytes, /) -> int:
        """Append bytes."""


class Article(NamedTuple):
    """One row of an article file.

    Attributes:
        id: Number of the page, or of the document (:func:`number_of`).
        title: Title, or "".
        url: Of a page, its address; of another document, the name of its file and its number or name there.
        text: Paragraphs, one a line.
        language: Language code, if the source gives it.
    """

    id: int
    title: str
    url: str
    text: str
    revision: int = 0
    timestamp: datetime | None = None
    language: str | None = None


def schema(*, has_language: bool, has_sentences: bool) -> pa.Schema:
    """The schema of an article file.

    Args:
        has_language: With the column ``language``.
        has_sentences: Lines of the text are sentences, not paragraphs.
    """
    columns = SCHEMA.append(LANGUAGE) if has_language else SCHEMA
    return columns.with_metadata({SENTENCES_KEY: SENTENCES_ARE_LINES}) if has_sentences else columns


def has_sentences(schema: pa.Schema) -> bool:
    """Whether the lines of the texts in a file of this schema are sentences."""
    return (schema.metadata or {}).get(SENTENCES_KEY) == SENTENCES_ARE_LINES


def document_id(url: str | None, number: int) -> str:
    """The id that decides a document's shard: host of the wiki and page id or, without a host, ``url``."""
    host = urlsplit(url or "").netloc
    return url if url and not host else f"{host}:{number}"


def number_of(url: str) -> int:
    """A document's number where it has none of its own: 63 bits of the BLAKE2b hash of its url."""
    return int.from_bytes(hashlib.blake2b(url.encode(), digest_size=8).digest(), "big") >> 1


def write_articles(shard: Writer, schema: pa.Schema, articles: Iterable[Article]) -> None:
    """Write articles into a shard as Parquet, in row groups of bounded size."""
    with pq.ParquetWriter(pa.PythonFile(shard, mode="w"), schema, **PARQUET_OPTIONS) as writer:
        for rows in _row_groups(articles):
            columns = dict(zip(Article._fields, zip(*rows, strict=True), strict=True))
            arrays = [pa.array(columns[field.name], field.type) for field in schema]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))


def _row_groups(articles: Iterable[Article]) -> Iterator[list[Article]]:
    rows: list[Article] = []
    size = 0
    for article in articles:
        rows.append(article)
        size += len(article.text)
        if size >= ROW_GROUP_CHARACTERS:
            yield rows
            rows, size = [], 0
    if rows:
        yield rows
