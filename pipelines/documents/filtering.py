"""Which documents, and which of their paragraphs, pass a filter; one article file → one article file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from berth import storage
from berth.errors import BerthError
from berth.formats.articles import LANGUAGE, PARQUET_OPTIONS, document_id
from berth.recipe import Filter
from berth.stage.output import Output
from pipelines.documents.article_groups import COLUMNS, Unit, read_schema
from pipelines.documents.duplicates import WHOLE, Places, read_lost
from pipelines.documents.normalisation import Normaliser
from pipelines.engine.progress import report_progress

# Reasons to leave a document out; the counters are called rejected_REASON.
LANGUAGE_REASON, EMPTY, SHORT, DUPLICATE = "language", "empty", "short", "duplicate"


def lost_name(unit: int) -> str:
    """The temporary file with the places that a unit loses to duplicates."""
    return f".lost/{unit:05d}"


@dataclass(frozen=True)
class Document:
    """A row of a unit: its place, its id, and what normalising leaves of its paragraphs; or why it is left out."""

    row: int
    id: str
    paragraphs: list[str]
    rejected: str = ""


@dataclass(frozen=True)
class DocumentFilter:
    """What is asked of a document by itself. It travels to workers."""

    options: Filter

    def documents(self, unit: Unit, table: pa.Table, normaliser: Normaliser) -> Iterator[Document]:
        """All rows of a unit, in order."""
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
        """Why a document of these paragraphs is left out; "" if it is not."""
        if not paragraphs:
            return EMPTY
        options = self.options
        if options.min_characters and sum(map(len, paragraphs)) < options.min_characters:
            return SHORT
        if options.min_words and sum(len(paragraph.split()) for paragraph in paragraphs) < options.min_words:
            return SHORT
        return ""

    def places(self, unit: Unit) -> Iterator[tuple[int, bytes]]:
        """The places of the unit's documents, or paragraphs, by range of their hashes (see :mod:`duplicates`)."""
        places = Places(unit.number)
        for document in self.documents(unit, self.table(unit), Normaliser(self.options)):
            if document.rejected:
                continue
            if self.options.duplicates == "documents":
                places.add("\n".join(document.paragraphs), document.id, document.row)
                continue
            for index, paragraph in enumerate(document.paragraphs):
                places.add(paragraph, document.id, document.row, index)
        yield from places.by_range()

    def table(self, unit: Unit) -> pa.Table:
        """The columns that the filter looks at."""
        return unit.table([*COLUMNS, "language"] if self.options.languages else COLUMNS)


@dataclass(frozen=True)
class FilterTask:
    """One article file to be filtered, and where to. It travels to a worker."""

    units: tuple[Unit, ...]
    uri: str
    name: str
    filter: DocumentFilter
    output: Output

    @property
    def size(self) -> int:
        """Bytes of text to read."""
        return sum(unit.text_bytes for unit in self.units)

    def run(self) -> str:
        """Filter the file, one unit in memory at a time; returns the shard's name.

        The counters account for each document: documents_read = articles + the counters rejected_*.
        """
        _, schema = read_schema(self.uri)
        normaliser = Normaliser(self.filter.options)
        counters: Counter[str] = Counter()
        done = 0
        with self.output.shard(self.name) as shard:
            with pq.ParquetWriter(pa.PythonFile(shard, mode="w"), schema, **PARQUET_OPTIONS) as writer:
                for unit in self.units:
                    table = self._filtered(unit, unit.table(schema.names), normaliser, counters)
                    if table.num_rows:
                        writer.write_table(table)
                    done += unit.text_bytes
                    report_progress(self.name, done)
            rejected = sum(count for name, count in counters.items() if name.startswith("rejected_"))
            assert counters["documents_read"] == counters["articles"] + rejected, counters
            counters.update({f"replaced_{kind}": count for kind, count in normaliser.counters.items()})
            shard.records = counters["articles"]
            shard.counters.update(counters)
        return self.name

    def _filtered(self, unit: Unit, table: pa.Table, normaliser: Normaliser, counters: Counter[str]) -> pa.Table:
        lost: set[tuple[int, int]] = set()
        if self.filter.options.duplicates != "keep":
            lost = read_lost(storage.read_bytes(self.output.path(lost_name(unit.number))))
        rows, texts = [], []
        for document in self.filter.documents(unit, table, normaliser):
            counters["documents_read"] += 1
            kept, reason = self._without_lost(document, lost, counters)
            if reason:
                counters[f"rejected_{reason}"] += 1
                continue
            counters["articles"] += 1
            rows.append(document.row)
            texts.append("\n".join(kept))
        field = table.schema.get_field_index("text")
        column = pa.array(texts, table.schema.field(field).type)
        return table.take(pa.array(rows, pa.int64())).set_column(field, table.schema.field(field), column)

    def _without_lost(
        self, document: Document, lost: set[tuple[int, int]], counters: Counter[str]
    ) -> tuple[list[str], str]:
        """What is left of a document, and why it is left out ("" if it is not)."""
        paragraphs, fault = document.paragraphs, document.rejected
        if self.filter.options.duplicates != "paragraphs":
            return paragraphs, fault or (DUPLICATE if (document.row, WHOLE) in lost else "")
        counters["paragraphs_read"] += len(paragraphs)
        if not fault:
            paragraphs = [text for index, text in enumerate(paragraphs) if (document.row, index) not in lost]
            counters["paragraphs_duplicate"] += len(document.paragraphs) - len(paragraphs)
            fault = self.filter.fault(paragraphs)
            fault = DUPLICATE if fault == EMPTY else fault
        counters["paragraphs_of_rejected_documents" if fault else "paragraphs"] += len(paragraphs)
        return paragraphs, fault


def check_languages(uris: list[str]) -> None:
    """Raise BerthError if a file does not tell the language of its documents."""
    for uri in uris:
        _, schema = read_schema(uri)
        if LANGUAGE.name not in schema.names:
            raise BerthError(
                "these articles do not tell their language",
                where=uri,
                found=f"the columns {', '.join(schema.names)}",
                expected=f"also {LANGUAGE.name}",
                fix="Name the field of the source that holds it, or remove corpus.filter.languages.",
            )
