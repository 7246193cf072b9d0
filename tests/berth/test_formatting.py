"""Human-readable counts, shares, durations, sizes and names."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from berth import formatting


@pytest.mark.parametrize(
    ("function", "value", "text"),
    [
        (formatting.count, 1234567, "1,234,567"),
        (formatting.count, None, "–"),
        (formatting.rounded, 999_999, "999,999"),
        (formatting.rounded, 1_223_998, "1.22 million"),
        (formatting.rounded, 110_000_000, "110 million"),
        (formatting.rounded, 3_400_000_000, "3.40 billion"),
        (formatting.share, 0.3124, "31.2%"),
        (formatting.share, math.nan, "–"),
        (formatting.decimal, 0.00004, "4e-05"),
        (formatting.decimal, None, "–"),
        (formatting.fixed, 3.48, "3.480"),
        (formatting.fixed, math.inf, "–"),
        (formatting.duration, 0.04, "0.0 s"),
        (formatting.duration, 9.96, "10 s"),
        (formatting.duration, 59.6, "1 min 00 s"),
        (formatting.duration, 247, "4 min 07 s"),
        (formatting.duration, 3599.7, "1 h 00 min"),
        (formatting.duration, 11100, "3 h 05 min"),
        (formatting.size, 999, "999 B"),
        (formatting.size, 1000, "1.0 kB"),
        (formatting.size, 999_999, "1.0 MB"),
        (formatting.size, 3_400_000_000, "3.4 GB"),
        (formatting.readable, "other_namespaces", "other namespaces"),
    ],
)
def test_values_become_text(function: Any, value: Any, text: str) -> None:
    assert function(value) == text


@given(st.text(max_size=80), st.integers(3, 60))
def test_a_shortened_text_keeps_its_ends(text: str, length: int) -> None:
    short = formatting.shortened(text, length)
    assert len(short) <= length
    head, _, tail = short.partition("…")
    assert short == text or (text.startswith(head) and text.endswith(tail))
