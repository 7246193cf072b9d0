"""Dates as English prose writes them."""

from __future__ import annotations

from collections.abc import Sequence

_NAMES = "January February March April May June July August September October November December"
MONTHS = tuple(_NAMES.split())
LONGEST_NUMBER = 100  # digits; Python reads no number of some thousand


def format_date(parts: Sequence[str], *, american: bool) -> str:
    """A date from its year, month and day, as far as they are given.

    Args:
        parts: Year, month (number or name), day.
        american: "May 3, 2010" instead of "3 May 2010".

    Returns:
        The date; other text unchanged ("spring 2010"); "" if nothing is given.
    """
    year, month, day = (*[part.strip() for part in parts[:3]], "", "", "")[:3]
    if _is_number(month) and 1 <= int(month) <= 12:
        month = MONTHS[int(month) - 1]
    if _is_number(day):
        day = str(int(day))
    if not (month and year):
        return year
    if not day:
        return f"{month} {year}"
    return f"{month} {day}, {year}" if american else f"{day} {month} {year}"


def _is_number(text: str) -> bool:
    """Whether a text is digits of any script; unlike `str.isdigit`, not superscripts, which are no numbers."""
    return text.isdecimal() and len(text) <= LONGEST_NUMBER
