"""The quotes that mean italics and bold, removed. Kernel."""

from __future__ import annotations

from berth.kernels import jit
from pipelines.wikitext.signs import APOSTROPHE, BLANK


@jit
def strip_quotes(line, size):
    """Remove the quotes of italics and bold, by MediaWiki's rules for runs of 4, of more than 5, and l'''x''."""
    bold = italic = 0
    first_single = first_inside = first_three = -1
    at = 0
    while at < size:
        if line[at] != APOSTROPHE:
            at += 1
            continue
        end = at
        while end < size and line[end] == APOSTROPHE:
            end += 1
        run = end - at
        if run >= 2:
            bold += run != 2
            italic += run == 2 or run >= 5
        if run == 3 or run == 4:
            if first_three < 0:
                first_three = at
            if at > 0 and line[at - 1] != BLANK:
                if first_inside < 0:
                    first_inside = at
                before = at - 1
                while before > 0 and line[before] & 0xC0 == 0x80:
                    before -= 1
                if first_single < 0 and (before == 0 or line[before - 1] == BLANK):
                    first_single = at
        at = end
    apostrophe_at = -1
    if bold % 2 and italic % 2:
        apostrophe_at = first_single if first_single >= 0 else first_inside if first_inside >= 0 else first_three
    at = to = 0
    while at < size:
        if line[at] != APOSTROPHE:
            line[to] = line[at]
            at += 1
            to += 1
            continue
        end = at
        while end < size and line[end] == APOSTROPHE:
            end += 1
        run = end - at
        kept = 1 if run == 1 or run == 4 else run - 5 if run > 5 else 0
        kept += at == apostrophe_at and run >= 2
        for _ in range(kept):
            line[to] = APOSTROPHE
            to += 1
        at = end
    return to
