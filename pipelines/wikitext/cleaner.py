"""From wikitext to plain text: two compiled passes, and the expansion of templates between them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from berth.recipe import ExtractOptions
from pipelines.wikitext.cleanup.entities import GROWTH
from pipelines.wikitext.cleanup.formulas import MARKER_GROWTH
from pipelines.wikitext.cleanup.language_variants import LANGUAGES, keep_one_variant
from pipelines.wikitext.cleanup.whitespace import clean_lines
from pipelines.wikitext.parser.control_bytes import FORMULA
from pipelines.wikitext.parser.name_tables import scanner_names
from pipelines.wikitext.parser.scanner import PADDING, scan, scratch
from pipelines.wikitext.parser.stack import LOSS_NUMBERS, NAME_END, USES, WORDS
from pipelines.wikitext.siteinfo import TEMPLATE_NAMESPACE, Wiki
from pipelines.wikitext.templates.expansion import Expansion
from pipelines.wikitext.templates.table import TemplateTable

# Appended to a text: what ends every search and every look ahead of the kernels.
_SUFFIX = b"\n" + bytes(PADDING) + b"<>"


class Cleaner:
    """Turns the wikitext of one wiki's articles into plain text.

    Prose, list items and (on request) headings are kept, one a line; templates of the table are replaced by what they
    show. References, tables, files, galleries, formulas and navigation are dropped, and with them parentheses that
    would be empty and punctuation that would be superfluous.

    Args:
        wiki: The wiki the pages come from: names of namespaces, language.
        table: What its templates show; by default, the built-in table for its language.
        options: What to keep.

    Attributes:
        losses: The templates of the last page that were dropped with words in their arguments: normalised name, how
            often, and number of words. A name may come twice. Templates within tables do not count.
    """

    def __init__(
        self, wiki: Wiki, table: TemplateTable | None = None, *, options: ExtractOptions | None = None
    ) -> None:
        table = table or TemplateTable(wiki.language)
        self._names = scanner_names(wiki, table.names)
        prefixes = frozenset(prefix for prefix, key in wiki.prefixes().items() if key == TEMPLATE_NAMESPACE)
        self._expansion = Expansion(prefixes, table)
        self._has_variants = wiki.language.partition("-")[0] in LANGUAGES
        self._options = options or ExtractOptions()
        self._scratch = scratch()
        self.losses: list[tuple[str, int, int]] = []

    def clean(self, source: bytes) -> bytes:
        """The text of one page, lines joined by line feeds, none at the end.

        Args:
            source: Wikitext, well-formed UTF-8 without control characters other than tab and line feed, as
                :func:`pipelines.wikitext.dump.escapes.unescape` leaves it.
        """
        if self._has_variants:
            source = keep_one_variant(source)
        return self.clean_lines(self._expansion.expand(self.scan(source)))

    def scan(self, source: bytes) -> bytes:
        """First pass: text with its line structure, still with bullets, quotes, entities and control bytes."""
        size = len(source)
        out, lost_names = np.empty(size + PADDING, np.uint8), np.empty(size + PADDING, np.uint8)
        losses = np.empty((size // 6 + 1, LOSS_NUMBERS), np.int64)
        captions = np.empty(size + PADDING if self._options.captions else 0, np.uint8)
        written, lost = scan(
            _padded(source),
            size,
            out,
            captions,
            self._options.tables,
            lost_names,
            losses,
            self._names,
            *self._scratch,
        )
        self.losses = []
        if lost:  # a name that was too long may end with half a character
            names = lost_names[: losses[lost - 1, NAME_END]].tobytes().decode("utf-8", "ignore").split("\0")
            uses, words = losses[:lost, USES].tolist(), losses[:lost, WORDS].tolist()
            self.losses = list(zip(names, uses, words, strict=False))
        return out[:written].tobytes()

    def clean_lines(self, scanned: bytes) -> bytes:
        """Second pass: lines without bullets, quotes, entities and control bytes."""
        size = len(scanned)
        out = np.empty(GROWTH * size + MARKER_GROWTH * scanned.count(FORMULA) + PADDING, np.uint8)
        drops_formulas = self._options.formulas == "drop_sentence"
        return out[: clean_lines(_padded(scanned), size, self._options.keep_headings, drops_formulas, out)].tobytes()


def _padded(text: bytes) -> npt.NDArray[np.uint8]:
    """The bytes with a line feed and zeros appended, so that kernels may look ahead without checking for the end."""
    return np.frombuffer(text + _SUFFIX, np.uint8)
