"""Wikitext → plain text: two compiled passes, and the templates between them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipelines.wikitext.entities import GROWTH
from pipelines.wikitext.expansion import expand_calls
from pipelines.wikitext.scan_tables import scan_table
from pipelines.wikitext.scanner import PADDING, scan
from pipelines.wikitext.siteinfo import TEMPLATE_NAMESPACE, Wiki
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
        self._table = scan_table(wiki)
        self._template_prefixes = frozenset(
            prefix for prefix, key in wiki.prefixes().items() if key == TEMPLATE_NAMESPACE
        )
        self._keep_headings = keep_headings

    def clean(self, source: bytes) -> bytes:
        """The text of one page, lines joined by line feeds, none at the end.

        Args:
            source: Wikitext, well-formed UTF-8 without control characters other than tab and line feed, as
                :func:`pipelines.wikitext.escapes.unescape` leaves it.
        """
        return self.tidy(expand_calls(self.scan(source), self._template_prefixes))

    def scan(self, source: bytes) -> bytes:
        """First pass: text with its line structure, still with bullets, quotes and entities, and with marks."""
        size = len(source)
        out = np.empty(size + PADDING, np.uint8)
        return out[: scan(_padded(source), size, out, self._table.keys, self._table.numbers)].tobytes()

    def tidy(self, scanned: bytes) -> bytes:
        """Second pass: lines without bullets, quotes, entities and marks."""
        size = len(scanned)
        line = np.empty(size + PADDING, np.uint8)
        spare, out = np.empty((2, GROWTH * size + PADDING), np.uint8)
        return out[: tidy(_padded(scanned), size, self._keep_headings, line, spare, out)].tobytes()


def _padded(text: bytes) -> npt.NDArray[np.uint8]:
    """A writable copy with zeros behind it: numba compiles anew for arrays that cannot be written."""
    buffer = np.zeros(len(text) + PADDING, np.uint8)
    buffer[: len(text)] = np.frombuffer(text, np.uint8)
    return buffer
