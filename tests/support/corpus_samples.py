"""Corpora made for tests, and what is read from them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from berth.formats.articles import Article
from berth.recipe import Source
from berth.stage.inputs import Inputs
from pipelines.corpora import reading
from pipelines.corpora.sources import find
from pipelines.error_policy import ErrorPolicy


def source(kind: str, path: str | Path, **options: Any) -> Source:
    """A source of a recipe."""
    return Source.model_validate({"format": kind, "path": str(path), **options})


def read(
    given: Source,
    part_bytes: int = reading.PART_BYTES,
    strict: bool = False,
    limit: int = ErrorPolicy.max_document_bytes,
) -> tuple[list[Article], Counter[str], int]:
    """What a source holds, read in parts of some size: its articles, counters and the number of parts."""
    articles: list[Article] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading, "PART_BYTES", part_bytes)
        (corpus,) = find([given])[1]
        parts = corpus.parts()
        status = reading.PartStatus(ErrorPolicy(strict, limit))
        for part in parts:
            articles += part.articles(status)
    return articles, status.counters, len(parts)


def texts(given: Source, part_bytes: int = reading.PART_BYTES) -> list[str]:
    """The texts of a source's documents."""
    return [article.text for article in read(given, part_bytes)[0]]


def files(path: str) -> Inputs:
    """Files as the input of a stage."""
    return Inputs.of(path)
