"""Corpora in Parquet, as `berth extract` reads them."""

from __future__ import annotations

from berth.errors import BerthError
from berth.recipe import Source
from fuzz.target import choice, write
from fuzz.targets.corpora import extract

REFUSALS = (BerthError,)


def fuzz(data: bytes) -> None:
    """How strict the reading is and which columns are read; then the file."""
    number, content = choice(data)
    fields = {"id_field": "id", "title_field": "title"} if number // 2 % 2 else {}
    source = {"format": "parquet", "path": write("corpus.parquet", content), **fields}
    extract(Source.model_validate(source), strict=number % 2 == 1)
