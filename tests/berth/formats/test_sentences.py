"""Sentence shards."""

from __future__ import annotations

from berth.formats.sentences import sentences


def test_lines_end_at_line_feeds_only_and_empty_ones_are_no_sentences():
    assert sentences("One.\nTwo\u2028and\x85.\n\n \nThree.") == ["One.", "Two\u2028and\x85.", " ", "Three."]
