"""Sends random wikitext through all of the cleaner's kernels; run with NUMBA_BOUNDSCHECK=1 by test_fuzz_cleaner.py.

Usage: python fuzz_cleaner.py INPUTS SEED. An index out of bounds, or any other error, ends it with a traceback.
"""

# ruff: noqa: E501  tables of samples

from __future__ import annotations

import random
import sys
import time

from berth.recipe import ExtractOptions
from pipelines.wikitext.cleaner import Cleaner
from pipelines.wikitext.dump.escapes import unescape
from pipelines.wikitext.siteinfo import Wiki

PIECES = [
    *"{}[]|=\n!:_<>/*-.'&;#()\t ,a\x00\x1b\x1cé中（）」、،😀", "{{", "}}", "{{{", "[[", "]]", "\n\n", "\n{|", "\n|}", "\n|-", "\n|+",
    "||", "!!", "<ref", "<ref>", "</ref>", "<!--", "-->", "<nowiki>", "</nowiki>", "<math>", "</math>", "<br>", "<p>",
    "{{nowrap|", "{{convert|1|m}}", "{{lang-fr|", "{{formatnum:", "{{unknown|some words", "[[File:a.png|", "[[Category:",
    "[http://x ", "http://", "__TOC__", "&amp;", "&#xFFFFFFF;", "&nbsp;", "&ndash", "''", "'''''", "==", "word ", "A. ", "-{",
    "zh-hans:", "}-", "{{!}}", "|two words", "|x=", "2<sup>", "3</sup>", ".</math>", " or ", "(\x00*", "\n;a:", "''* ", "HTTPS://q(", "\n|+ a [[File:b.png|thumb|", "x" * 70,
]  # fmt: skip
OPTIONS = [
    ExtractOptions(),
    ExtractOptions(keep_headings=True, formulas="drop_sentence"),
    ExtractOptions(captions=True, tables=True),
    ExtractOptions(tables=True, formulas="drop_sentence"),
]


def main(inputs: int, seed: int) -> None:
    rng = random.Random(seed)
    cleaners = [Cleaner(Wiki(language=language), options=options) for options in OPTIONS for language in ("en", "zh")]
    started, size = time.monotonic(), 0
    for _ in range(inputs):
        pieces = rng.choices(PIECES, k=rng.choice([0, 1, 2, 5, 20, 60]))
        source = unescape("".join(pieces).encode())
        size += len(rng.choice(cleaners).clean(source))
    sys.stdout.write(f"{inputs} inputs: {size} bytes of text, {time.monotonic() - started:.0f} s\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
