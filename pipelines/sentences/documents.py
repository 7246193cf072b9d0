"""Documents of a unit, as segmentation takes them: ids and lines, those without text left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from berth.formats.articles import document_id
from pipelines.documents.article_groups import Unit
from pipelines.sentences.lines import Lines


@dataclass(frozen=True)
class Documents:
    """Some documents.

    Attributes:
        ids: Their ids, stable over dumps.
        lines: Their text, a paragraph a line (or a sentence, where the source says so).
    """

    ids: list[str]
    lines: Lines

    @classmethod
    def read(cls, unit: Unit) -> Documents:
        """A unit's documents in the file's order.

        Raises:
            BerthError: if the file is damaged.
        """
        table = unit.table()
        lines = Lines.of_column(table["text"])
        ids = [
            document_id(url, number)
            for url, number in zip(table["url"].to_pylist(), table["id"].to_pylist(), strict=True)
        ]
        has_text = lines.has_text
        if has_text.all():
            return cls(ids, lines)
        kept = np.flatnonzero(has_text)
        return cls([ids[index] for index in kept], lines.chosen(kept))
