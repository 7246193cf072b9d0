"""One part of a dump → one Parquet shard of articles, on a worker."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from berth import storage
from berth.formats.articles import SCHEMA, write_articles
from berth.recipe import ExtractOptions
from berth.stage.output import Output
from pipelines.engine.progress import report_progress
from pipelines.error_policy import ErrorPolicy
from pipelines.wikitext.articles import ArticleExtractor
from pipelines.wikitext.dump.pages import Kind
from pipelines.wikitext.dump.parts import DumpPart
from pipelines.wikitext.dump.reading import RangeStatus
from pipelines.wikitext.dump.spool import read_spool, spool_name
from pipelines.wikitext.omissions import omissions_name
from pipelines.wikitext.siteinfo import Wiki
from pipelines.wikitext.templates.definitions import read_definitions


@dataclass(frozen=True)
class PartTask:
    """One part to extract, and the shard to write. Workers get copies: it says what to read, and holds no content.

    Attributes:
        part: The part of the dump.
        name: The shard.
        wiki: The wiki of the dump.
        options: What to keep.
        errors: What happens at damage and at pages that are not UTF-8.
        output: The stage's output.
        definitions: File of the output with the wiki's template definitions; "" if its template pages were not read.
        earlier: Ids of this part's pages that earlier parts of the corpus have, too.
    """

    part: DumpPart
    name: str
    wiki: Wiki
    options: ExtractOptions
    errors: ErrorPolicy
    output: Output
    definitions: str = ""
    earlier: frozenset[int] = frozenset()

    @property
    def size(self) -> int:
        """Bytes to read, for progress."""
        return self.part.stop - self.part.start

    def run(self) -> str:
        """Extract the part; returns the shard's name.

        Raises:
            BerthError: If the dump is damaged or not UTF-8, and the policy is strict.
        """
        status = RangeStatus(self.part.uri, self.errors)
        definitions = read_definitions(self.output, self.definitions, self.wiki.key) if self.definitions else None
        extractor = ArticleExtractor(self.wiki, self.options, status, definitions, self.earlier)
        with self.output.shard(self.name) as shard:
            write_articles(shard, SCHEMA, extractor.articles(self._pages(status)))
            extractor.counters["bytes_read"] = self.size
            extractor.omissions.write(self.output, omissions_name(self.name))
            shard.records = extractor.counters[Kind.ARTICLE]
            shard.counters.update(extractor.counters)
        storage.delete(self.output.path(spool_name(self.name)))
        return self.name

    def _pages(self, status: RangeStatus) -> Iterator[bytes]:
        """The part's pages, from the dump or from the spool file that the reading of its templates wrote."""
        spool = spool_name(self.name)
        is_spooled = self.definitions and self.output.is_complete(spool)
        pages = read_spool(self.output, spool, self.part.start, status) if is_spooled else self.part.read(status)
        for xml in pages:
            report_progress(self.name, status.bytes_read())
            yield xml
