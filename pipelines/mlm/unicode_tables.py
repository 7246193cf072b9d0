"""Tables by code point for the tokenizer's kernels, filled on demand from `berth.text.characters`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from berth.text.characters import CODE_POINTS, describe

PAGE_SIZE = 256
UNFILLED = 0  # the traits of a code point whose page has not been filled yet


class CodePoints(NamedTuple):
    """Tables by code point: ``units[first[c] : first[c] + counts[c]]`` is c after normalization.

    ``traits`` uint8 (kind and flags), ``first`` uint32, ``counts`` uint8, ``units`` uint32; ``used`` int64[1] is the
    number of units in use. The arrays cover all of Unicode, but only the pages that a text needs are filled (and take
    memory).
    """

    traits: NDArray[np.uint8]
    first: NDArray[np.uint32]
    counts: NDArray[np.uint8]
    units: NDArray[np.uint32]
    used: NDArray[np.int64]


def empty_tables() -> CodePoints:
    """Tables with no page filled."""
    return CodePoints(
        traits=np.zeros(CODE_POINTS, np.uint8),
        first=np.zeros(CODE_POINTS, np.uint32),
        counts=np.zeros(CODE_POINTS, np.uint8),
        units=np.zeros(2 * CODE_POINTS, np.uint32),
        used=np.zeros(1, np.int64),
    )


def fill_page(tables: CodePoints, code_point: int, lower_case: bool) -> None:
    """Fill the page of 256 code points that holds ``code_point``."""
    begin = code_point // PAGE_SIZE * PAGE_SIZE
    used = int(tables.used[0])
    traits, counts, page_units = [], [], []
    for current in range(begin, begin + PAGE_SIZE):
        trait, units = describe(current, lower_case)
        traits.append(trait)
        counts.append(len(units))
        page_units += units
    page = slice(begin, begin + PAGE_SIZE)
    tables.units[used : used + len(page_units)] = page_units
    tables.counts[page] = counts
    tables.first[page] = used + np.cumsum(counts) - counts
    tables.traits[page] = traits
    tables.used[0] = used + len(page_units)
