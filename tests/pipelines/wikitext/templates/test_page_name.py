"""Titles in place of the magic word."""

from __future__ import annotations

import pytest

from pipelines.wikitext.templates.page_name import with_page_name


@pytest.mark.parametrize(
    ("language", "source", "text"),
    [
        ("no", "'''{{PAGENAME}}''' er en by", "'''Ås''' er en by"),
        ("no", "{{SIDENAVN}} og {{x|{{PAGENAME}}}}", "Ås og {{x|Ås}}"),
        ("en", "{{SIDENAVN}} {{pagename}}", "{{SIDENAVN}} {{pagename}}"),
    ],
)
def test_a_page_names_its_title(language, source, text):
    assert with_page_name(source.encode(), "Ås", language).decode() == text
