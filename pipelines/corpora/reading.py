"""Reads one part of a corpus into an article file: documents read = articles + rejected ones, by reason."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Protocol

import pyarrow as pa

from berth.errors import BerthError
from berth.formats.articles import Article, write_articles
from berth.stage.output import Output
from pipelines.corpora.text import repaired
from pipelines.engine.progress import report_progress
from pipelines.error_policy import ErrorPolicy

log = logging.getLogger("berth.extract")

# About the size of a part: small enough that a killed run loses little and workers share the load evenly. It is fixed
# because the output files must not depend on the machine.
PART_BYTES = 64 << 20
# Number of rejected documents of each part that are logged; the others are only counted.
LOGGED = 5


class DamagedFileError(Exception):
    """The rest of a file cannot be read: where, and what was found. It ends the reading of a part."""

    def __init__(self, where: str, found: str) -> None:
        super().__init__(where, found)
        self.where, self.found = where, found


@dataclass
class PartStatus:
    """The state of reading one part: progress, counters, rejected documents.

    Attributes:
        errors: What happens at a document that cannot be read.
        bytes_read: Bytes of the file read so far, for progress.
        counters: Counters of the part so far.
    """

    errors: ErrorPolicy
    bytes_read: int = 0
    counters: Counter[str] = field(default_factory=Counter)
    _rejected: int = 0

    def reject(self, reason: str, what: str, where: Callable[[], str], found: str, expected: str = "") -> None:
        """Count and log a document that cannot be read.

        Args:
            reason: Counted as ``rejected_REASON``.
            what: The fault in one clause.
            where: Gives the location as text; called only for documents that are logged or raise an error.
            found: What was found there.
            expected: What was expected instead.

        Raises:
            BerthError: If the policy is strict.
        """
        fix = "Correct the file, or pass --no-strict (strict: false) to skip and count such documents."
        self.errors.skip(lambda: BerthError(what, where=where(), found=found, expected=expected, fix=fix))
        self.counters[f"rejected_{reason}"] += 1
        self._rejected += 1
        if self._rejected <= LOGGED:
            others = "; others in this part are only counted" if self._rejected == LOGGED else ""
            log.warning("%s: %s (%s); skipped%s", where(), what, found, others)

    def reject_too_long(self, what: str, where: Callable[[], str], found: str, expected: str = "") -> None:
        """Count and log a document or line that is too long. Raises BerthError if the policy is strict."""
        limit = f"at most {self.errors.max_document_bytes:,} bytes (corpus.extract.max_document_bytes)"
        self.reject("too_long", f"{what} is too long", where, found, f"{limit}; {expected}" if expected else limit)

    def reject_not_utf8(self, where: Callable[[], str], error: UnicodeDecodeError) -> None:
        """Count and log a document that is not UTF-8. Raises BerthError if the policy is strict."""
        self.reject("invalid_utf8", "the text is not valid UTF-8", where, f"the byte 0x{error.object[error.start]:02x}")

    def skip_rest(self, damage: DamagedFileError) -> None:
        """Continue without the rest of a file. Raises BerthError if the policy is strict."""
        self.errors.skip(
            lambda: BerthError(
                "the file is damaged",
                where=damage.where,
                found=damage.found,
                fix="Fetch the file again and compare its checksum, or pass --no-strict (strict: false) to keep the "
                "documents before the damage and count the loss.",
            )
        )
        log.warning("%s: the file is damaged (%s); the rest of it is lost", damage.where, damage.found)
        self.counters["lost_places"] += 1


class Part(Protocol):
    """A part of a corpus. It says what to read, and is small enough to send to a worker."""

    @property
    def size(self) -> int:
        """Bytes to read, for progress."""

    @property
    def schema(self) -> pa.Schema:
        """Schema of the articles."""

    def articles(self, status: PartStatus) -> Iterator[Article]:
        """The part's documents in order. It reports to ``status`` what cannot be read.

        Raises:
            DamagedFileError: If the rest of the file cannot be read.
            BerthError: For a file of another format.
        """


@dataclass(frozen=True)
class CorpusTask:
    """One part of a corpus to read, and the shard to write. Workers get copies."""

    part: Part
    name: str
    errors: ErrorPolicy
    output: Output

    @property
    def size(self) -> int:
        """Bytes to read, for progress."""
        return self.part.size

    def run(self) -> str:
        """Read the part into an article file; returns the shard's name.

        Raises:
            BerthError: For a file of another format; if the policy is strict, for a document that cannot be read.
        """
        status = PartStatus(self.errors)
        counters = status.counters
        with self.output.shard(self.name) as shard:
            write_articles(shard, self.part.schema, self._articles(status))
            rejected = sum(count for name, count in counters.items() if name.startswith("rejected_"))
            counters["documents_read"] = counters["articles"] + rejected
            counters["bytes_read"] = self.part.size
            shard.records = counters["articles"]
            shard.counters.update(counters)
        return self.name

    def _articles(self, status: PartStatus) -> Iterator[Article]:
        counters = status.counters
        try:
            for article in self.part.articles(status):
                report_progress(self.name, status.bytes_read)
                text = repaired(article.text)
                if not text or text.isspace():
                    counters["rejected_without_text"] += 1
                    continue
                counters["articles"] += 1
                counters["articles_repaired"] += text != article.text
                counters["text_bytes"] += len(text.encode())
                yield article._replace(text=text, title=repaired(article.title))
        except DamagedFileError as damage:
            status.skip_rest(damage)


def is_damage(error: Exception) -> bool:
    """Whether an error of Arrow says that the data is invalid. Another OSError may be temporary."""
    return isinstance(error, pa.ArrowException) or (type(error) is OSError and error.errno is None)
