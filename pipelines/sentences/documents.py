"""The documents of an article group that have text: their ids and lines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from berth.formats.articles import document_id
from pipelines.documents.article_groups import ArticleGroup
from pipelines.sentences.lines import Lines


@dataclass(frozen=True)
class Documents:
    """Some documents.

    Attributes:
        ids: Their ids, stable over dumps.
        lines: Their text, one paragraph a line (one sentence, where the source says so).
    """

    ids: list[str]
    lines: Lines

    @classmethod
    def read(cls, group: ArticleGroup) -> Documents:
        """The documents of a group, in the file's order.

        Raises:
            BerthError: If the file is damaged.
        """
        table = group.table()
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
