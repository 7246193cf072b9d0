"""Human-readable counts, shares, durations, sizes and names, for the report and the command line."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise

MINUTE, HOUR = 60, 3600
BLOCKS = "▁▂▃▄▅▆▇█"
UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


def count(value: float | int | None) -> str:
    """A whole number with separators: ``1,234,567``; a dash for None."""
    return "–" if value is None else f"{value:,.0f}"


def rounded(value: int) -> str:
    """A large number to three digits: ``4.42 million``; below a million in full."""
    for divisor, unit in ((10**12, "trillion"), (10**9, "billion"), (10**6, "million")):
        if value >= divisor:
            return f"{value / divisor:#.3g}".rstrip(".") + f" {unit}"
    return f"{value:,}"


def share(value: float | None) -> str:
    """A fraction as a percentage with one decimal: ``31.2%``; a dash for None, NaN and infinity."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.1%}"


def decimal(value: float | None) -> str:
    """A measured value to four significant digits: ``6.312``, ``0.0004``; a dash for None, NaN and infinity."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{value:.4g}"


def fixed(value: float | None) -> str:
    """A measured value with three decimals; a dash for None, NaN and infinity."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.3f}"


def duration(seconds: float) -> str:
    """A duration: ``0.4 s``, ``48 s``, ``4 min 07 s``, ``3 h 05 min``."""
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // MINUTE} min {whole % MINUTE:02} s"
    minutes = round(seconds / MINUTE)
    return f"{minutes // MINUTE:,} h {minutes % MINUTE:02} min"


def size(octets: int) -> str:
    """A number of bytes in decimal units: ``3.4 MB``."""
    value = float(octets)
    for unit in UNITS:
        if value < 999.5 or unit == UNITS[-1]:
            break
        value /= 1000
    return f"{value:.0f} {unit}" if unit == "B" or value >= 99.95 else f"{value:.1f} {unit}"


def counted(done: int, total: int | None, unit: str) -> str:
    """Work done of a total: ``1,200/2,600 steps``, ``3.4 MB/40.0 MB``; the unit ``B`` is bytes."""
    if unit == "B":
        return size(done) if total is None else f"{size(done)}/{size(total)}"
    return f"{done:,} {unit}s" if total is None else f"{done:,}/{total:,} {unit}s"


def rate(each_second: float, unit: str) -> str:
    """Units in a second: ``7.52 step/s``, ``3.4 MB/s``; the unit ``B`` is bytes."""
    if unit == "B":
        return f"{size(round(each_second))}/s"
    return f"{each_second:,.0f} {unit}/s" if each_second >= 99.5 else f"{each_second:.3g} {unit}/s"


def figures(values: Mapping[str, object]) -> str:
    """Figures that are shown with progress: ``loss=5.31, sequences=60/s``."""
    return ", ".join(f"{name}={value}" for name, value in values.items())


def sparkline(values: Sequence[float], width: int) -> str:
    """Values as a row of at most ``width`` blocks, each the mean of neighbours; the highest value is a full block."""
    finite = [value for value in values if math.isfinite(value)]
    if not finite:
        return ""
    columns = min(width, len(finite))
    bounds = [index * len(finite) // columns for index in range(columns + 1)]
    means = [sum(finite[start:end]) / (end - start) for start, end in pairwise(bounds)]
    low, span = min(means), (max(means) - min(means)) or 1.0
    return "".join(BLOCKS[round((mean - low) / span * (len(BLOCKS) - 1))] for mean in means)


def readable(name: str) -> str:
    """The name of a counter or a key as text: ``other_namespaces`` → ``other namespaces``."""
    return name.replace("_", " ")


def shortened(text: str, length: int) -> str:
    """``text`` in at most ``length`` characters without its middle, since names of files differ at their ends."""
    if len(text) <= length:
        return text
    head = (length - 1) * 3 // 5
    return f"{text[:head]}…{text[len(text) - (length - 1 - head) :]}"
