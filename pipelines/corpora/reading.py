"""What happens while a part of a corpus is read: documents in = articles + rejected, each loss counted and named."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import quote

import pyarrow as pa

from berth.errors import BerthError
from berth.formats.articles import Article, write_articles
from berth.stage.output import Output
from pipelines.engine.progress import report_progress

log = logging.getLogger("berth.extract")

# Parts are of about this size: small enough that a killed run loses little and workers share the load evenly. It is
# part of the format: the output files must not depend on the machine.
PART_BYTES = 64 << 20
# A longer document (or line) is not held in memory but refused: most likely the corpus is of another form.
MAX_DOCUMENT_BYTES = 256 << 20
# Rejected documents of each part that are named in the log; the others are only counted.
NAMED = 5


class Damaged(Exception):  # noqa: N818  it ends the reading of a part, and is an error only where reading is strict
    """The rest of a file cannot be read: where, and what was found."""

    def __init__(self, where: str, found: str) -> None:
        super().__init__(where, found)
        self.where, self.found = where, found


@dataclass
class Reading:
    """The account of one part.

    Attributes:
        strict: Whether what cannot be read is an error.
        bytes_read: Bytes of the file read so far, for progress.
        counters: What was counted so far.
    """

    strict: bool
    bytes_read: int = 0
    counters: Counter[str] = field(default_factory=Counter)
    _named: int = 0

    def reject(self, reason: str, what: str, where: Callable[[], str], found: str, expected: str = "") -> None:
        """Leave out a document that cannot be read.

        Args:
            reason: Counted as ``rejected_REASON``.
            what: The fault in one clause.
            where: Gives the place in words; called for the documents that are named only.
            found: What was found there.
            expected: What was expected instead.

        Raises:
            BerthError: if reading is strict.
        """
        if self.strict:
            fix = "Correct the file, or pass --no-strict (strict: false) to leave such documents out and count them."
            raise BerthError(what, where=where(), found=found, expected=expected, fix=fix)
        self.counters[f"rejected_{reason}"] += 1
        self._named += 1
        if self._named <= NAMED:
            others = "; others in this part are only counted" if self._named == NAMED else ""
            log.warning("%s: %s (%s); left out%s", where(), what, found, others)

    def reject_not_utf8(self, where: Callable[[], str], error: UnicodeDecodeError) -> None:
        """Leave out a document that is not UTF-8. Raises BerthError if reading is strict."""
        self.reject("invalid_utf8", "the text is not valid UTF-8", where, f"the byte 0x{error.object[error.start]:02x}")

    def lose(self, damage: Damaged) -> None:
        """Go on without the rest of a file. Raises BerthError if reading is strict."""
        if self.strict:
            raise BerthError(
                "the file is damaged",
                where=damage.where,
                found=damage.found,
                fix="Fetch the file again and compare its checksum, or pass --no-strict (strict: false) to keep what "
                "precedes and count the loss.",
            )
        log.warning("%s: the file is damaged (%s); what follows is lost", damage.where, damage.found)
        self.counters["lost_places"] += 1


class Part(Protocol):
    """A part of a corpus: places only, so that it can travel to a worker."""

    @property
    def size(self) -> int:
        """Bytes to read, for progress."""

    @property
    def schema(self) -> pa.Schema:
        """Schema of the articles."""

    def articles(self, account: Reading) -> Iterator[Article]:
        """The part's documents in order. What cannot be read is told to ``account``.

        Raises:
            Damaged: where the rest of the file cannot be read.
            BerthError: for a file of another form.
        """


@dataclass(frozen=True)
class CorpusTask:
    """One part of a corpus to be read, and where to. It travels to a worker."""

    part: Part
    name: str
    strict: bool
    output: Output

    def run(self) -> str:
        """Read the part into an article file; returns the shard's name.

        Raises:
            BerthError: for a file of another form; if ``strict``, for every document that cannot be read.
        """
        reading = Reading(self.strict)
        counters = reading.counters
        with self.output.shard(self.name) as shard:
            write_articles(shard, self.part.schema, self._articles(reading))
            rejected = sum(count for name, count in counters.items() if name.startswith("rejected_"))
            counters["documents_read"] = counters["articles"] + rejected
            counters["bytes_read"] = self.part.size
            shard.records = counters["articles"]
            shard.counters.update(counters)
        return self.name

    def _articles(self, reading: Reading) -> Iterator[Article]:
        counters = reading.counters
        try:
            for article in self.part.articles(reading):
                report_progress(self.name, reading.bytes_read)
                text = repaired(article.text)
                if not text or text.isspace():
                    counters["rejected_without_text"] += 1
                    continue
                counters["articles"] += 1
                counters["articles_repaired"] += text != article.text
                counters["text_bytes"] += len(text.encode())
                yield article._replace(text=text, title=repaired(article.title))
        except Damaged as damage:
            reading.lose(damage)


def is_damage(error: Exception) -> bool:
    """Whether Arrow could make no sense of what it read. Another OSError is a failure to read, which may pass."""
    return isinstance(error, pa.ArrowException) or (type(error) is OSError and error.errno is None)


def address(name: str, place: object = None) -> str:
    """The ``url`` of a document: its file's name and, where that holds several, its place or name in it."""
    file = quote(name)
    return file if place is None else f"{file}#{quote(repaired(str(place)))}"


def repaired(text: str) -> str:
    """The text without NUL, which many programs take for its end, and with U+FFFD for each half of a surrogate pair."""
    if "\0" in text:
        text = text.replace("\0", "")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def paragraphs(text: str, *, is_wrapped: bool = False) -> str:
    """A plain text in the form of articles: paragraphs, one a line, trimmed, none empty.

    Lines end with LF, CR LF or CR, as in Python's universal newlines. Other characters that separate lines in some
    programs (U+0085, U+2028, U+2029, form feed) stay: segmentation takes them for spaces.

    Args:
        text: The text.
        is_wrapped: A paragraph goes on to the next empty line, rather than to the end of its line.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = [line.strip() for line in text.split("\n")]
    if is_wrapped:
        pieces = "\n".join(lines).split("\n\n")
        lines = [" ".join(piece.split("\n")).strip() for piece in pieces]
    return "\n".join(line for line in lines if line)
