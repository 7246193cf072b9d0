"""One variant of the language converter's mark-up is kept."""

from __future__ import annotations

import pytest

from pipelines.wikitext.cleanup.language_variants import keep_one_variant


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("a -{zh-hans:b;zh-hant:c}- d", "a b d"), ("-{b}-", "b"), ("-{A|zh-cn:b;zh-tw:c}-", "b"), ("-{H|x}-", ""),
        ("-{T|x}-y", "y"), ("-{{{a|b}}}-", "-{{{a|b}}}-"), ("-{x{{a|b}}y}-", "x{{a|b}}y"), ("no mark-up", "no mark-up"),
    ],
)  # fmt: skip
def test_variants(source, text):
    assert keep_one_variant(source.encode()).decode() == text


def test_white_space_takes_no_more_time_than_it_is_long():
    assert keep_one_variant(b"-{" + b" " * 300_000 + b"}-") == b" " * 300_000
