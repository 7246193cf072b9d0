"""Fields of JSON objects and columns of tables: which of them make an article."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from berth.formats import articles
from berth.formats.articles import Article, number_of
from berth.recipe import Source
from pipelines.corpora.reading import Reading, address, paragraphs, repaired

LARGEST_NUMBER = (1 << 63) - 1


@dataclass(frozen=True)
class Fields:
    """Names of the fields; those that a source does not have are empty."""

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
        """Those that are read, each once."""
        return list(dict.fromkeys(filter(None, (self.text, self.id, self.title, self.language))))

    @property
    def schema(self) -> pa.Schema:
        """Schema of the articles."""
        return articles.schema(has_language=bool(self.language), has_sentences=False)

    def article(
        self, values: Mapping[str, Any], file: str, place: int, where: Callable[[], str], account: Reading
    ) -> Iterator[Article]:
        """The article that some values make, or none.

        Values that are not needed may be missing or null. A text that is null or empty is a document without text.

        Args:
            values: Values by field.
            file: Name of the file.
            place: Place in it, which stands for the id where there is none.
            where: Gives the place in words.
            account: Is told what is wrong.
        """
        wrong = self._wrong(values)
        if wrong:
            account.reject("wrong_fields", "a document has not the fields that it should", where, wrong)
            return
        name = values[self.id] if self.id else place
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
        """What is wrong with some values, in words; "" where nothing is."""
        if self.text not in values:
            return f"no field {self.text!r} among {', '.join(map(repr, list(values)[:8])) or 'none'}"
        if not isinstance(values[self.text], str | None):
            return f"{type(values[self.text]).__name__} instead of text in the field {self.text!r}"
        if self.id and (isinstance(values.get(self.id), bool) or not isinstance(values.get(self.id), int | str)):
            return f"neither number nor text in the field {self.id!r}"
        if self.language and not isinstance(values.get(self.language), str | None):
            return f"{type(values[self.language]).__name__} instead of text in the field {self.language!r}"
        return ""
