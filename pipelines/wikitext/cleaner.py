"""Wikitext → plain text."""

from __future__ import annotations

from pipelines.wikitext.scanner import Scanner
from pipelines.wikitext.siteinfo import Wiki
from pipelines.wikitext.tidy import tidy


class Cleaner:
    """Turns the wikitext of one wiki's articles into plain text.

    Prose, list items and (on request) headings stay, one a line; what templates of the table show is written out.
    References, tables, files, galleries, formulas and navigation go, without leaving empty parentheses or stray signs.

    Args:
        wiki: The wiki the pages come from: names of namespaces, language.
        keep_headings: Keep section headings as lines of their own.
    """

    def __init__(self, wiki: Wiki, *, keep_headings: bool = False) -> None:
        self._scanner = Scanner(wiki)
        self._keep_headings = keep_headings

    def clean(self, source: str) -> str:
        """The text of one page, lines joined by line feeds, none at the end.

        Args:
            source: Wikitext without control characters other than tab and line feed.
        """
        return tidy(self._scanner.scan(source), keep_headings=self._keep_headings)
