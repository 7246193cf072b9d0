"""Fields of JSON objects and columns of tables → articles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from berth.formats import articles
from berth.formats.articles import Article, number_of
from berth.recipe import Source
from pipelines.corpora.reading import PartStatus
from pipelines.corpora.text import address, paragraphs, repaired

LARGEST_NUMBER = (1 << 63) - 1


@dataclass(frozen=True)
class Fields:
    """Names of the fields; "" for those that a source does not have."""

    text: str
    id: str
    title: str
    language: str

    @classmethod
    def of(cls, source: Source) -> Fields:
        """The fields that a source names."""
        return cls(source.text_field, source.id_field or "", source.title_field or "", source.language_field or "")

    @property
    def names(self) -> list[str]:
        """The fields to read, each once."""
        return list(dict.fromkeys(filter(None, (self.text, self.id, self.title, self.language))))

    @property
    def schema(self) -> pa.Schema:
        """Schema of the articles."""
        return articles.schema(has_language=bool(self.language), has_sentences=False)

    def article(
        self, values: Mapping[str, Any], file: str, position: int, where: Callable[[], str], status: PartStatus
    ) -> Iterator[Article]:
        """The article of one object or row; none if a value is missing or has the wrong type.

        Only the text and a named id are required. A text that is null or empty is a document without text.

        Args:
            values: Values by field.
            file: Name of the file.
            position: Its position there (byte or row), which is its id if it has none.
            where: Gives its location as text.
            status: Gets the rejected documents.
        """
        wrong = self._wrong(values)
        if wrong:
            status.reject("wrong_fields", "a document lacks a field or has a wrong type in it", where, wrong)
            return
        name = values[self.id] if self.id else position
        url = address(file, name)
        is_number = self.id and isinstance(name, int) and abs(name) <= LARGEST_NUMBER
        language = values.get(self.language) if self.language else None
        yield Article(
            id=name if is_number else number_of(url),
            title=" ".join(str(values.get(self.title) or "").split()) if self.title else "",
            url=url,
            text=paragraphs(values[self.text] or ""),
            language=repaired(language) if language else None,
        )

    def _wrong(self, values: Mapping[str, Any]) -> str:
        """What is wrong with the values, as text; "" if nothing is."""
        if self.text not in values:
            return f"no field {self.text!r} among {', '.join(map(repr, list(values)[:8])) or 'none'}"
        if not isinstance(values[self.text], str | None):
            return f"{type(values[self.text]).__name__} instead of text in the field {self.text!r}"
        if self.id and (isinstance(values.get(self.id), bool) or not isinstance(values.get(self.id), int | str)):
            return f"neither number nor text in the field {self.id!r}"
        if self.language and not isinstance(values.get(self.language), str | None):
            return f"{type(values[self.language]).__name__} instead of text in the field {self.language!r}"
        return ""
