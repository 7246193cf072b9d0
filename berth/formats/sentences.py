"""Sentence shards: UTF-8 text, one sentence a line, a blank line after each document, as the MLPerf scripts have it.

A line ends at a line feed. A document ends at a line of nothing but white space, and with its file.
"""

from __future__ import annotations

PATTERN = "part-*.txt"  # the shards of a directory
EVALUATION = "eval.txt"  # the held-out documents


def sentences(text: str) -> list[str]:
    """The sentences of a text, of all its documents."""
    return [line for line in text.split("\n") if line]
