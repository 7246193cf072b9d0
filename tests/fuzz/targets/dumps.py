"""XML dumps, plain or in UTF-16: the head, the pages, and the same pages however the file is cut into ranges."""

from __future__ import annotations

from apache_beam.io.range_trackers import OffsetRangeTracker

from berth.errors import BerthError
from berth.recipe import ExtractOptions
from fuzz.target import choice, write
from pipelines.error_policy import ErrorPolicy
from pipelines.wikitext.articles import ArticleExtractor
from pipelines.wikitext.dump.parts import open_dump
from pipelines.wikitext.dump.reading import RangeStatus
from pipelines.wikitext.dump.source import DumpSource

REFUSALS = (BerthError,)


def fuzz(data: bytes) -> None:
    """How strict the reading is and where the file is cut; then the file."""
    number, content = choice(data)
    read(write("dump.xml", content), len(content), strict=number % 2 == 1, cut=number // 2)


def read(uri: str, size: int, strict: bool, cut: int) -> None:
    """Read a dump whole and in two ranges, and extract its articles."""
    dump = open_dump(uri)
    errors = ErrorPolicy(strict=strict)
    whole = _pages(uri, 0, size, errors)
    for part in dump.parts:
        status = RangeStatus(uri, errors)
        extractor = ArticleExtractor(dump.wiki, ExtractOptions(), status)
        for article in extractor.articles(part.read(status)):
            article.text.encode()
    if cut and size:
        middle = cut * size // 128 % size
        halves = [*_pages(uri, 0, middle, errors), *_pages(uri, middle, size, errors)]
        assert halves == whole, f"other pages if the file is cut at byte {middle}"


def _pages(uri: str, start: int, stop: int, errors: ErrorPolicy) -> list[bytes]:
    if start == stop:
        return []
    return list(DumpSource.pages(uri, OffsetRangeTracker(start, stop), RangeStatus(uri, errors)))
