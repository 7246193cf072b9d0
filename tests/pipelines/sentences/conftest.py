"""Real paragraphs: English Wikipedia's articles in the gensim wheel, roughly stripped of mark-up."""

from __future__ import annotations

import bz2
import html
import importlib.util
import re
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def article_paragraphs() -> list[str]:
    """Some 10,000 paragraphs of prose; what is left of mark-up makes them only more varied."""
    spec = importlib.util.find_spec("gensim")
    assert spec is not None and spec.submodule_search_locations
    name = "test/test_data/enwiki-latest-pages-articles1.xml-p000000010p000030302-shortened.bz2"
    with bz2.open(Path(next(iter(spec.submodule_search_locations))) / name) as file:
        xml = file.read().decode()
    lines = html.unescape(html.unescape(xml)).split("\n")
    return [re.sub(r"<[^>]*>|\{\{[^{}]*\}\}|[\[\]']{2,}|\s", " ", line).strip() for line in lines if len(line) > 80]
