"""JSON Lines: one JSON object a line, one document an object."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import pyarrow as pa

from berth.formats.articles import Article
from berth.recipe import Source
from berth.stage.inputs import Inputs
from pipelines.corpora.fields import Fields
from pipelines.corpora.formats import FIELDS, CorpusFormat
from pipelines.corpora.lines import Lines, ranges
from pipelines.corpora.reading import PartStatus

EXPECTED = "one JSON object a line"


@dataclass(frozen=True)
class JsonLinesPart:
    """A byte range of a file of JSON objects: the lines that begin in it."""

    lines: Lines
    fields: Fields

    @property
    def size(self) -> int:
        """Bytes to read, for progress."""
        return self.lines.size

    @property
    def schema(self) -> pa.Schema:
        """Schema of the articles."""
        return self.fields.schema

    def articles(self, status: PartStatus) -> Iterator[Article]:
        """The documents, in the order of the lines; empty lines are skipped. Only a line feed ends a line."""
        for offset, line in self.lines.read(status):
            if self.lines.is_after(offset):
                return
            if line is not None and (not line or line.isspace()):
                continue
            values = self._object(offset, line, status)
            if values is not None:
                where = partial(self.lines.location, offset)
                yield from self.fields.article(values, self.lines.name, offset, where, status)

    def _object(self, offset: int, line: bytes | None, status: PartStatus) -> Mapping[str, Any] | None:
        where = partial(self.lines.location, offset)
        if line is None:
            status.reject_too_long("a line", where, f"more than {status.errors.max_document_bytes:,} bytes", EXPECTED)
            return None
        try:
            value = json.loads(line.decode())
        except UnicodeDecodeError as error:
            status.reject_not_utf8(partial(self.lines.location, offset + error.start), error)
            return None
        except (ValueError, RecursionError) as error:
            status.reject("invalid_json", "a line is not valid JSON", where, _as_text(error), EXPECTED)
            return None
        if not isinstance(value, dict):
            found = f"another JSON value: {line[:40].decode(errors='replace')}"
            status.reject("invalid_json", "a line is not a JSON object", where, found, EXPECTED)
            return None
        return value


def parts(files: Inputs, source: Source) -> list[JsonLinesPart]:
    """The parts of a source: ranges of its files, a compressed file in one."""
    fields = Fields.of(source)
    return [JsonLinesPart(lines, fields) for file in files.files for lines in ranges(file)]


def _as_text(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos + 1} of the line"
    return "objects nested too deeply" if isinstance(error, RecursionError) else str(error)


FORMAT = CorpusFormat(parts, options=FIELDS)
