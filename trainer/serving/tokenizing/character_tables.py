"""The tokenizer's treatment of each code point, as arrays small enough to be constants of a graph."""

from __future__ import annotations

import functools
import unicodedata
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from berth.text.characters import (
    CAPITAL_SIGMA,
    CASE_IGNORABLE,
    CASED,
    CODE_POINTS,
    DROPPED,
    IDEOGRAPH,
    KIND_MASK,
    SEPARATOR,
    UNIT_PUNCTUATION,
    describe,
)

PAGE_SIZE = 256
BLANK = 0x20  # the unit of a separator: no word has it
NO_UNIT = -(1 << 32)  # stays below zero when a code point is added

# Kinds of characters in the final-sigma rule.
UNCASED, CASED_LETTER, IGNORABLE_FOR_CASE, SIGMA_LETTER = range(4)

Behaviour = tuple[int, tuple[int, ...]]  # casing, changes


class CharacterTables(NamedTuple):
    """Code points by behaviour: about ten thousand behaviours, most of them Hangul, for a million code points.

    ``pages`` (int32[4352]): the row of ``behaviours`` for each page of 256 code points. ``behaviours``
    (int32[rows, 256]): the behaviour of each. By behaviour: ``changes`` (int64[behaviours, units]), added to the code
    point, gives its units after normalization, as in `berth.text.characters`, but an ideograph is marked as punctuation
    and a separator is BLANK; less than zero is no unit. ``casing`` (int32[behaviours]): for the final-sigma rule.
    """

    pages: NDArray[np.int32]
    behaviours: NDArray[np.int32]
    changes: NDArray[np.int64]
    casing: NDArray[np.int32]


@functools.cache
def character_tables(lower_case: bool) -> CharacterTables:
    """The tables for uncased or cased models."""
    rows: dict[Behaviour, int] = {}
    by_page = np.empty((CODE_POINTS // PAGE_SIZE, PAGE_SIZE), np.int32)
    for page in range(len(by_page)):
        code_points = range(page * PAGE_SIZE, (page + 1) * PAGE_SIZE)
        # Pages without a single character that Unicode defines, six of seven, are all alike.
        is_empty = all(unicodedata.category(chr(code_point)) in ("Cn", "Co") for code_point in code_points)
        described = [_behaviour(code_point, lower_case) for code_point in code_points[: 1 if is_empty else None]]
        by_page[page] = [rows.setdefault(behaviour, len(rows)) for behaviour in described]
    behaviours, pages = np.unique(by_page, axis=0, return_inverse=True)
    changes = np.full((len(rows), max(len(units) for _, units in rows)), NO_UNIT, np.int64)
    for (_, units), row in rows.items():
        changes[row, : len(units)] = units
    casing = np.array([casing for casing, _ in rows], np.int32)
    return CharacterTables(pages.reshape(-1).astype(np.int32), behaviours, changes, casing)


def _behaviour(code_point: int, lower_case: bool) -> Behaviour:
    traits, units = describe(code_point, lower_case)
    kind = traits & KIND_MASK
    if kind == SEPARATOR:
        units = [BLANK]
    elif kind == IDEOGRAPH:
        units = [unit | UNIT_PUNCTUATION for unit in units]
    if kind == CAPITAL_SIGMA:
        casing = SIGMA_LETTER
    elif kind == DROPPED or traits & CASE_IGNORABLE:
        casing = IGNORABLE_FOR_CASE
    else:
        casing = CASED_LETTER if traits & CASED else UNCASED
    return casing, tuple(unit - code_point for unit in units)
