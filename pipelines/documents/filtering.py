"""Which documents, and which of their paragraphs, a filter keeps; one article file → one article file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from berth.errors import BerthError
from berth.formats.articles import LANGUAGE, PARQUET_OPTIONS, document_id
from berth.recipe import Filter
from berth.stage.output import Output
from pipelines.documents.article_groups import COLUMNS, ArticleGroup, read_schema
from pipelines.documents.duplicates import WHOLE, Occurrences, duplicates_of
from pipelines.documents.normalisation import Normaliser
from pipelines.engine.progress import report_progress

# Reasons to reject a document; the counters are called rejected_REASON.
LANGUAGE_REASON, EMPTY, SHORT, DUPLICATE = "language", "empty", "short", "duplicate"


@dataclass(frozen=True)
class Document:
    """A row of an article group: its index, its id, and its normalised paragraphs; or why it is rejected."""

    row: int
    id: str
    paragraphs: list[str]
    rejected: str = ""


@dataclass(frozen=True)
class DocumentFilter:
    """The conditions on a single document. Workers get copies."""

    options: Filter

    def documents(self, group: ArticleGroup, table: pa.Table, normaliser: Normaliser) -> Iterator[Document]:
        """All rows of a group, in order."""
        accepted = frozenset(self.options.languages or ())
        languages = table["language"].to_pylist() if accepted else [None] * table.num_rows
        columns = (table[name].to_pylist() for name in COLUMNS)
        for row, (number, url, text, language) in enumerate(zip(*columns, languages, strict=True)):
            name = document_id(url, number)
            if accepted and language not in accepted:
                yield Document(row, name, [], LANGUAGE_REASON)
                continue
            normalised = map(normaliser.normalise, (text or "").split("\n"))
            paragraphs = [paragraph for paragraph in normalised if paragraph]
            yield Document(row, name, paragraphs, self.fault(paragraphs))

    def fault(self, paragraphs: list[str]) -> str:
        """Why a document of these paragraphs is rejected; "" if it is not."""
        if not paragraphs:
            return EMPTY
        options = self.options
        if options.min_characters and sum(map(len, paragraphs)) < options.min_characters:
            return SHORT
        if options.min_words and sum(len(paragraph.split()) for paragraph in paragraphs) < options.min_words:
            return SHORT
        return ""

    def occurrences(self, group: ArticleGroup) -> npt.NDArray[Any]:
        """The occurrences of the group's documents, or paragraphs (see :mod:`duplicates`)."""
        occurrences = Occurrences(group.number)
        for document in self.documents(group, self.table(group), Normaliser(self.options)):
            if document.rejected:
                continue
            if self.options.duplicates == "documents":
                occurrences.add("\n".join(document.paragraphs), document.id, document.row)
                continue
            for index, paragraph in enumerate(document.paragraphs):
                occurrences.add(paragraph, document.id, document.row, index)
        return occurrences.array()

    def table(self, group: ArticleGroup) -> pa.Table:
        """The columns that the filter reads."""
        return group.table([*COLUMNS, "language"] if self.options.languages else COLUMNS)


@dataclass(frozen=True)
class FilterTask:
    """One article file to filter, and the shard to write. Workers get copies.

    Attributes:
        groups: Its row groups.
        uri: The file.
        name: The shard.
        filter: The conditions.
        output: The stage's output.
        all_groups: Number of the row groups of all files.
        ranges: Number of hash ranges whose duplicates were found.
    """

    groups: tuple[ArticleGroup, ...]
    uri: str
    name: str
    filter: DocumentFilter
    output: Output
    all_groups: int
    ranges: int

    @property
    def size(self) -> int:
        """Bytes of text to read."""
        return sum(group.text_bytes for group in self.groups)

    def run(self) -> str:
        """Filter the file, one group in memory at a time; returns the shard's name.

        The counters account for each document: documents_read = articles + the counters rejected_*.
        """
        _, schema = read_schema(self.uri)
        normaliser = Normaliser(self.filter.options)
        counters: Counter[str] = Counter()
        done = 0
        with self.output.shard(self.name) as shard:
            with pq.ParquetWriter(pa.PythonFile(shard, mode="w"), schema, **PARQUET_OPTIONS) as writer:
                for group in self.groups:
                    table = self._filtered(group, group.table(schema.names), normaliser, counters)
                    if table.num_rows:
                        writer.write_table(table)
                    done += group.text_bytes
                    report_progress(self.name, done)
            rejected = sum(count for name, count in counters.items() if name.startswith("rejected_"))
            assert counters["documents_read"] == counters["articles"] + rejected, counters
            counters.update({f"replaced_{kind}": count for kind, count in normaliser.counters.items()})
            shard.records = counters["articles"]
            shard.counters.update(counters)
        return self.name

    def _filtered(
        self, group: ArticleGroup, table: pa.Table, normaliser: Normaliser, counters: Counter[str]
    ) -> pa.Table:
        duplicates: set[tuple[int, int]] = set()
        if self.filter.options.duplicates != "keep":
            duplicates = duplicates_of(self.output, group.number, self.all_groups, self.ranges)
        rows, texts = [], []
        for document in self.filter.documents(group, table, normaliser):
            counters["documents_read"] += 1
            kept, reason = self._without_duplicates(document, duplicates, counters)
            if reason:
                counters[f"rejected_{reason}"] += 1
                continue
            counters["articles"] += 1
            rows.append(document.row)
            texts.append("\n".join(kept))
        field = table.schema.get_field_index("text")
        column = pa.array(texts, table.schema.field(field).type)
        return table.take(pa.array(rows, pa.int64())).set_column(field, table.schema.field(field), column)

    def _without_duplicates(
        self, document: Document, duplicates: set[tuple[int, int]], counters: Counter[str]
    ) -> tuple[list[str], str]:
        """The paragraphs that are left of a document, and why it is rejected ("" if it is not)."""
        paragraphs, fault = document.paragraphs, document.rejected
        if self.filter.options.duplicates != "paragraphs":
            return paragraphs, fault or (DUPLICATE if (document.row, WHOLE) in duplicates else "")
        counters["paragraphs_read"] += len(paragraphs)
        if not fault:
            paragraphs = [text for index, text in enumerate(paragraphs) if (document.row, index) not in duplicates]
            counters["paragraphs_duplicate"] += len(document.paragraphs) - len(paragraphs)
            fault = self.filter.fault(paragraphs)
            fault = DUPLICATE if fault == EMPTY else fault
        counters["paragraphs_of_rejected_documents" if fault else "paragraphs"] += len(paragraphs)
        return paragraphs, fault


def check_languages(uris: list[str]) -> None:
    """Raise BerthError if a file has no language column."""
    for uri in uris:
        _, schema = read_schema(uri)
        if LANGUAGE.name not in schema.names:
            raise BerthError(
                "these articles have no language column, which the filter by language needs",
                where=uri,
                found=f"the columns {', '.join(schema.names)}",
                expected=f"also {LANGUAGE.name}",
                fix="Name the field of the source that holds it, or remove corpus.filter.languages.",
            )
