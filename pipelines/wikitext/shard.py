"""One part of a dump → one Parquet shard of articles. This is what runs on a worker."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from berth import storage
from berth.errors import BerthError
from berth.formats.articles import SCHEMA, Article, write_articles
from berth.recipe import ExtractOptions
from berth.stage.output import Output, ShardWriter
from pipelines.engine.progress import report_progress
from pipelines.wikitext.cleaner import Cleaner
from pipelines.wikitext.disambiguation import Disambiguations
from pipelines.wikitext.dump.pages import Kind, Page, parse_page
from pipelines.wikitext.dump.parts import DumpPart
from pipelines.wikitext.dump.reading import Reading
from pipelines.wikitext.dump.siteinfo import Wiki
from pipelines.wikitext.dump.spool import read_spool, spool_name
from pipelines.wikitext.omissions import PIECES, Losses
from pipelines.wikitext.templates.page_name import with_page_name
from pipelines.wikitext.templates.pages import read_derived
from pipelines.wikitext.templates.table import Derived, TemplateTable

log = logging.getLogger("berth.extract")

# Rejected pages of each part that are named in the log; the others are only counted.
NAMED = 5
_REASONS = {
    Kind.MALFORMED: "has no title, id or end of its text",
    Kind.INVALID_UTF8: "is not valid UTF-8",
    Kind.DUPLICATE: "has the id of an earlier page",
}


@dataclass(frozen=True)
class PartTask:
    """One part to be extracted, and where to. It travels to a worker: places only, no content.

    Attributes:
        part: What is read.
        name: The shard that is written.
        wiki: The wiki of the dump.
        options: What to keep, and whether damage is an error.
        output: Where the shard goes.
        derived: File of the output with what the wiki's template pages say; "" if they were not read.
        earlier: Ids of this part's pages that earlier parts of the corpus have, too.
    """

    part: DumpPart
    name: str
    wiki: Wiki
    options: ExtractOptions
    output: Output
    derived: str = ""
    earlier: frozenset[int] = frozenset()

    def run(self) -> str:
        """Extract the part; returns the shard's name.

        Raises:
            BerthError: if the dump is damaged or not UTF-8, and the options are strict.
        """
        if self.earlier:  # it was extracted before the duplicates were known
            storage.delete(self.output.path(self.name))
        with self.output.shard(self.name) as shard:
            _Extraction(self, shard).run()
        storage.delete(self.output.path(spool_name(self.name)))
        return self.name

    def pages(self, reading: Reading) -> Iterator[bytes]:
        """The part's pages, from the dump or from where they were put by when its templates were read."""
        spool = spool_name(self.name)
        if self.derived and self.output.is_complete(spool):
            return read_spool(self.output, spool, self.part.start, reading)
        return self.part.read(reading)


def losses_name(shard: str) -> str:
    """The file with what the extraction of a shard dropped; it is complete if the shard is."""
    return f"{PIECES}/{shard}.json"


class _Extraction:
    """The extraction of one part."""

    def __init__(self, task: PartTask, shard: ShardWriter) -> None:
        self.task, self.shard = task, shard
        self.reading = Reading(task.part.uri, task.options.strict)
        derived = read_derived(task.output, task.derived, task.wiki.key) if task.derived else Derived()
        table = TemplateTable(task.wiki.language, derived)
        self.cleaner = Cleaner(task.wiki, table, options=task.options)
        self.disambiguations = Disambiguations(task.wiki.language, derived.disambiguations)
        self.counters: Counter[str] = Counter()
        self.losses = Losses()
        self.ids = set(task.earlier)
        self.named = 0

    def run(self) -> None:
        write_articles(self.shard, SCHEMA, self.articles())
        counters = self.counters
        counters["pages"] = self.reading.pages
        check_accounting(counters)
        counters["lost_places"] = len(self.reading.damages)
        counters["lost_pages_cut"] = self.reading.cut_pages
        counters["bytes_read"] = self.task.part.stop - self.task.part.start
        counters["dropped_words"] = self.losses.words.total()
        self.losses.kept = counters["words"]
        self.losses.write(self.task.output, losses_name(self.task.name))
        self.shard.records = counters[Kind.ARTICLE]
        self.shard.counters.update(counters)

    def articles(self) -> Iterator[Article]:
        for xml in self.task.pages(self.reading):
            report_progress(self.task.name, self.reading.bytes_read())
            page = self.parse(xml)
            if not isinstance(page, Page):
                self.counters[page] += 1
                continue
            self.ids.add(page.id)
            text = self.cleaner.clean(with_page_name(page.source, page.title, self.task.wiki.language))
            self.losses.add(self.cleaner.losses)
            self.counters[Kind.ARTICLE] += 1
            self.counters["articles_without_text"] += not text
            self.counters["articles_with_nul"] += b"\0" in xml
            self.counters["wikitext_bytes"] += len(page.source)
            self.counters["text_bytes"] += len(text)
            self.counters["words"] += text.count(b" ") + text.count(b"\n") + bool(text)
            yield Article(
                page.id,
                page.title,
                self.task.wiki.url(page.title),
                text.decode(),
                page.revision,
                _timestamp(page.timestamp),
            )

    def parse(self, xml: bytes) -> Page | Kind:
        """An article, or what else becomes of a page."""
        try:
            page = parse_page(xml, self.task.wiki)
        except UnicodeDecodeError as error:
            if self.task.options.strict:
                raise self.not_utf8(xml, error) from None
            return self.rejected(Kind.INVALID_UTF8, xml, error.start)
        if not isinstance(page, Page):
            return self.rejected(page, xml) if page in _REASONS else page
        if page.id in self.ids:
            return self.rejected(Kind.DUPLICATE, xml)
        if self.disambiguations.is_one(page.source):
            if self.task.options.disambiguations == "drop":
                self.ids.add(page.id)
                return Kind.DISAMBIGUATION
            self.counters["articles_disambiguating"] += 1
        return page

    def rejected(self, kind: Kind, xml: bytes, offset: int = 0) -> Kind:
        """Name a page that is left out."""
        self.named += 1
        if self.named <= NAMED:
            begin = " ".join(xml[:200].decode("utf-8", "replace").split())[:80]
            log.warning("%s, %s: a page %s: %s", self.reading.uri, self.reading.place(offset), _REASONS[kind], begin)
        elif self.named == NAMED + 1:
            log.warning("%s: more pages are rejected; see the counters rejected_*", self.reading.uri)
        return kind

    def not_utf8(self, xml: bytes, error: UnicodeDecodeError) -> BerthError:
        return BerthError(
            "the dump is not valid UTF-8",
            where=f"{self.reading.uri}, {self.reading.place(error.start)}",
            found=f"the byte 0x{xml[error.start]:02x} ({error.reason}) in page {self.reading.pages:,} of this part",
            fix="Fetch the file again and compare its checksum, or do not pass --strict (strict: false) to leave such "
            "pages out and count them.",
        )


def check_accounting(counters: Counter[str]) -> None:
    """Every page is counted as exactly one kind."""
    kinds = {kind: counters[kind] for kind in Kind}
    assert counters["pages"] == sum(kinds.values()), (counters["pages"], kinds)


def _timestamp(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
