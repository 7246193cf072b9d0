"""Corpora that are text: sentences, documents, JSON Lines; as `berth extract` reads them, whole and in ranges."""

from __future__ import annotations

import io

from berth.errors import BerthError
from berth.formats.articles import write_articles
from berth.recipe import Source
from berth.stage.output import Output, ShardWriter
from fuzz.target import choice, place, write
from pipelines.corpora import reading
from pipelines.corpora.reading import CorpusTask, PartStatus
from pipelines.corpora.sources import find
from pipelines.error_policy import ErrorPolicy

REFUSALS = (BerthError,)

FORMATS = ("sentences", "documents", "jsonl")


def fuzz(data: bytes) -> None:
    """The format, how strict the reading is, and whether files are cut into ranges; then the file."""
    number, content = choice(data)
    kind = FORMATS[number % 3]
    fields = {"id_field": "id", "title_field": "title", "language_field": "language"} if number // 3 % 2 else {}
    uri = write(f"corpus.{kind}", content)
    options = fields if kind == "jsonl" else {"wrapped": bool(fields)} if kind == "documents" else {}
    source = Source.model_validate({"format": kind, "path": uri, **options})
    size = reading.PART_BYTES
    try:
        reading.PART_BYTES = 64 if number // 6 % 2 else size
        extract(source, strict=number // 12 % 2 == 1)
    finally:
        reading.PART_BYTES = size


def extract(source: Source, strict: bool) -> None:
    """Make article files of a source, in memory."""
    _, corpora = find([source])
    for part in (part for corpus in corpora for part in corpus.parts()):
        status = PartStatus(ErrorPolicy(strict=strict))
        task = CorpusTask(part, "articles.parquet", status.errors, Output(place("")))
        write_articles(ShardWriter(io.BytesIO()), part.schema, task._articles(status))
