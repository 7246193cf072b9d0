"""One part of a dump → one Parquet shard of articles. This is what runs on a worker."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from berth.errors import BerthError
from berth.output import Output, ShardWriter
from pipelines.shards import report
from pipelines.wikitext.cleaner import Cleaner
from pipelines.wikitext.dump import DumpPart, Reading, read_pages
from pipelines.wikitext.page import Kind, Page, parse_page
from pipelines.wikitext.siteinfo import Wiki

log = logging.getLogger("berth.extract")

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
# A row group is closed when its text passes this size: it bounds a worker's memory and a reader's.
ROW_GROUP_BYTES = 16 << 20


@dataclass(frozen=True)
class PartTask:
    """One part to be extracted, and where to. It travels to a worker: places only, no content."""

    part: DumpPart
    name: str
    wiki: Wiki
    keep_headings: bool
    strict: bool
    output: Output

    def run(self) -> str:
        """Extract the part; returns the shard's name.

        Raises:
            BerthError: if the dump is damaged or not UTF-8, and ``strict``.
        """
        with self.output.shard(self.name) as shard:
            _Extraction(self, shard).run()
        return self.name


class _Extraction:
    """The extraction of one part."""

    def __init__(self, task: PartTask, shard: ShardWriter) -> None:
        self.task, self.shard = task, shard
        self.reading = Reading(task.part, task.strict)
        self.cleaner = Cleaner(task.wiki, keep_headings=task.keep_headings)
        self.counters: Counter[str] = Counter()
        self.ids: set[int] = set()

    def run(self) -> None:
        # The statistics and the dictionary would only help queries; without them a shard is smaller.
        options: dict[str, Any] = {"compression": "zstd", "use_dictionary": False, "write_statistics": False}
        with pq.ParquetWriter(pa.PythonFile(self.shard, mode="w"), SCHEMA, **options) as writer:
            for rows in _row_groups(self.articles()):
                writer.write_table(pa.Table.from_pylist(rows, schema=SCHEMA))
        counters = self.counters
        counters["pages"] = self.reading.pages
        assert counters["pages"] == sum(counters[kind] for kind in Kind), counters
        counters["lost_places"] = len(self.reading.damages)
        counters["lost_pages_cut"] = self.reading.cut_pages
        counters["bytes_read"] = self.task.part.stop - self.task.part.start
        self.shard.records = counters[Kind.ARTICLE]
        self.shard.counters.update(counters)

    def articles(self) -> Iterator[dict[str, Any]]:
        for xml in read_pages(self.task.part, self.reading):
            report(self.task.name, self.reading.bytes_read())
            page = self.parse(xml)
            if isinstance(page, Page) and page.id in self.ids:
                page = Kind.DUPLICATE
            if not isinstance(page, Page):
                self.counters[page] += 1
                continue
            self.ids.add(page.id)
            self.counters[Kind.ARTICLE] += 1
            text = self.cleaner.clean(page.source)
            self.counters["articles_without_text"] += not text
            self.counters["wikitext_bytes"] += len(page.source)
            self.counters["text_bytes"] += len(text)
            yield {
                "id": page.id,
                "title": page.title,
                "url": self.task.wiki.url(page.title),
                "revision": page.revision,
                "timestamp": _timestamp(page.timestamp),
                "text": text,
            }

    def parse(self, xml: bytes) -> Page | Kind:
        try:
            return parse_page(xml, self.task.wiki)
        except UnicodeDecodeError as error:
            if self.task.strict:
                raise self.not_utf8(xml, error) from None
            return Kind.INVALID_UTF8

    def not_utf8(self, xml: bytes, error: UnicodeDecodeError) -> BerthError:
        part, offset = self.task.part, self.reading.page_offset + error.start
        place = f"byte {part.start + offset}"
        if part.compression != "none":
            place = f"byte {offset} of the decompressed text" + (f" from byte {part.start} on" if part.start else "")
        return BerthError(
            "the dump is not valid UTF-8",
            where=f"{part.uri}, {place}",
            found=f"the byte 0x{xml[error.start]:02x} ({error.reason}) in page {self.reading.pages:,} of this part",
            fix="Fetch the file again and compare its checksum, or pass --no-strict (strict: false) to leave such "
            "pages out and count them.",
        )


def _row_groups(articles: Iterator[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    rows: list[dict[str, Any]] = []
    size = 0
    for article in articles:
        rows.append(article)
        size += len(article["text"])
        if size >= ROW_GROUP_BYTES:
            yield rows
            rows, size = [], 0
    if rows:
        yield rows


def _timestamp(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
