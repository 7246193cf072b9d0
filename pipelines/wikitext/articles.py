"""Pages of one part of a dump → articles, with a counter for each kind of page."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from functools import partial

from berth.errors import BerthError
from berth.formats.articles import Article
from berth.recipe import ExtractOptions
from pipelines.wikitext.cleaner import Cleaner
from pipelines.wikitext.dump.pages import Kind, Page, parse_page
from pipelines.wikitext.dump.reading import RangeStatus
from pipelines.wikitext.omissions import Omissions
from pipelines.wikitext.siteinfo import Wiki
from pipelines.wikitext.templates.disambiguation import Disambiguations
from pipelines.wikitext.templates.page_name import with_page_name
from pipelines.wikitext.templates.table import TemplateDefinitions, TemplateTable

log = logging.getLogger("berth.extract")

# Number of rejected pages of each part that are logged; the others are only counted.
LOGGED = 5
_REASONS = {
    Kind.MALFORMED: "has no title, id or end of its text",
    Kind.INVALID_UTF8: "is not valid UTF-8",
    Kind.DUPLICATE: "has the id of an earlier page",
}


class ArticleExtractor:
    """Extracts the articles of one part of a dump.

    Args:
        wiki: The wiki of the dump.
        options: What to keep.
        status: The status of the reading that gives the pages, for their number and offsets. Its error policy decides
            about pages that are not UTF-8.
        definitions: The definitions on the wiki's own template pages, if these were read.
        earlier: Ids of pages that earlier parts of the dump have, too.

    Attributes:
        counters: Number of pages of each kind, bytes and words.
        omissions: Words that are not in the articles, by template.
    """

    def __init__(
        self,
        wiki: Wiki,
        options: ExtractOptions,
        status: RangeStatus,
        definitions: TemplateDefinitions | None = None,
        earlier: Iterable[int] = (),
    ) -> None:
        definitions = definitions or TemplateDefinitions()
        self.counters: Counter[str] = Counter()
        self.omissions = Omissions()
        self._wiki, self._options, self._status = wiki, options, status
        self._cleaner = Cleaner(wiki, TemplateTable(wiki.language, definitions), options=options)
        self._disambiguations = Disambiguations(wiki.language, definitions.disambiguations)
        self._ids = set(earlier)
        self._rejected = 0

    def articles(self, pages: Iterable[bytes]) -> Iterator[Article]:
        """The articles among pages, in order. Once they are consumed, the counters account for every page.

        Args:
            pages: The UTF-8 XML of each page, read with the extractor's status.

        Raises:
            BerthError: For a page that is not UTF-8, if the error policy is strict.
        """
        for xml in pages:
            page = self._parse(xml)
            if not isinstance(page, Page):
                self.counters[page] += 1
                continue
            self._ids.add(page.id)
            text = self._cleaner.clean(with_page_name(page.source, page.title, self._wiki.language))
            self.omissions.add(self._cleaner.losses)
            self.counters[Kind.ARTICLE] += 1
            self.counters["articles_without_text"] += not text
            self.counters["articles_with_nul"] += b"\0" in xml
            self.counters["wikitext_bytes"] += len(page.source)
            self.counters["text_bytes"] += len(text)
            self.counters["words"] += text.count(b" ") + text.count(b"\n") + bool(text)
            yield Article(
                page.id,
                page.title,
                self._wiki.url(page.title),
                text.decode(),
                page.revision,
                _timestamp(page.timestamp),
            )
        self._finish()

    def _finish(self) -> None:
        counters, status = self.counters, self._status
        counters["pages"] = status.pages
        if status.long_pages:
            counters[Kind.TOO_LONG] = status.long_pages
        check_page_counts(counters)
        counters["lost_places"] = status.damages
        counters["lost_pages_cut"] = status.cut_pages
        counters["dropped_words"] = self.omissions.words.total()
        self.omissions.kept = counters["words"]

    def _parse(self, xml: bytes) -> Page | Kind:
        """The article, or the kind of a page that is none."""
        try:
            page = parse_page(xml, self._wiki)
        except UnicodeDecodeError as error:
            self._status.errors.skip(partial(self._not_utf8, xml, error))
            return self._log_rejected(Kind.INVALID_UTF8, xml, error.start)
        if not isinstance(page, Page):
            return self._log_rejected(page, xml) if page in _REASONS else page
        if page.id in self._ids:
            return self._log_rejected(Kind.DUPLICATE, xml)
        if self._disambiguations.is_one(page.source):
            if self._options.disambiguations == "drop":
                self._ids.add(page.id)
                return Kind.DISAMBIGUATION
            self.counters["articles_disambiguating"] += 1
        return page

    def _log_rejected(self, kind: Kind, xml: bytes, offset: int = 0) -> Kind:
        self._rejected += 1
        if self._rejected <= LOGGED:
            begin = " ".join(xml[:200].decode("utf-8", "replace").split())[:80]
            location = self._status.location(offset)
            log.warning("%s, %s: a page %s: %s", self._status.uri, location, _REASONS[kind], begin)
        elif self._rejected == LOGGED + 1:
            log.warning("%s: more pages are rejected; see the counters rejected_*", self._status.uri)
        return kind

    def _not_utf8(self, xml: bytes, error: UnicodeDecodeError) -> BerthError:
        return BerthError(
            "the dump is not valid UTF-8",
            where=f"{self._status.uri}, {self._status.location(error.start)}",
            found=f"the byte 0x{xml[error.start]:02x} ({error.reason}) in page {self._status.pages:,} of this part",
            fix="Fetch the file again and compare its checksum, or omit --strict (strict: false) to skip and count "
            "such pages.",
        )


def check_page_counts(counters: Counter[str]) -> None:
    """Assert that every page is counted as exactly one kind."""
    kinds = {kind: counters[kind] for kind in Kind}
    assert counters["pages"] == sum(kinds.values()), (counters["pages"], kinds)


def _timestamp(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        return None
