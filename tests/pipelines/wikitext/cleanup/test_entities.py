"""Entities, against Python's table."""

from __future__ import annotations

from html.entities import html5

import numpy as np
import pytest

from pipelines.wikitext.cleanup.entities import LONGEST_ENTITY, entity_at


def decoded(text):
    data = np.frombuffer(text.encode(), np.uint8)
    first, second, after = entity_at(data, 0, len(data))
    return ("" if first < 0 else chr(first) + (chr(second) if second else "")), after


def test_every_named_entity():
    for name, text in html5.items():
        if name.endswith(";") and len(name) <= LONGEST_ENTITY + 1:
            expected = " " if text in "\t\n" else text
            assert decoded(f"&{name}x") == (expected, len(name) + 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("&#65;", "A"),
        ("&#x3b1;", "α"),
        ("&#X3B1;", "α"),
        ("&#0;", " "),
        ("&#xD800;", " "),
        ("&#x110000;", " "),
        ("&#x1F600;", "😀"),
        ("&#12345678;", ""),
        ("&#;", ""),
        ("&#x;", ""),
        ("&#65", ""),
        ("&bogus;", ""),
        ("&amp", ""),
        ("&", ""),
        ("&1a;", ""),
    ],
)
def test_numbers_and_what_is_no_entity(text, expected):
    assert decoded(text) == (expected, len(text) if expected else 1)
