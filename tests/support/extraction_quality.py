"""Measures of extracted text against the dump it comes from, without a parser of wikitext, for any language."""

from __future__ import annotations

import bz2
import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

OPAQUE = "ref|math|chem|ce|gallery|timeline|syntaxhighlight|source|score|imagemap|pre|nowiki|references|code|poem|graph"
DROPPED = re.compile(rf"<!--.*?-->|<({OPAQUE})\b[^<>]*?(?:/>|>.*?</\1\s*>)", re.DOTALL | re.IGNORECASE)
REFERENCE = re.compile(r"<ref\b[^<>/]*>(.*?)</ref\s*>", re.DOTALL | re.IGNORECASE)
NOT_WORDS_OF_REFERENCE = re.compile(r"\{\{.*?\}\}|\[|\]|''+|https?:\S+", re.DOTALL)
BRACES = re.compile(r"\{\{|\}\}|(?m:^[ :]*\{\|)|(?m:^[ ]*\|\}(?!\}))")
PLAIN_LINK = re.compile(r"\[\[(?![^\[\]|]*:)(?:[^\[\]|]*\|)?([^\[\]|]*)\]\]")
CUT = re.compile(r"\[\[[^\[\]]*\]\]|[\x00\[\]<>{}|&=]|''+|__|https?:")
LOOSE = re.compile(r"[\s\"“”„«»'’‘]+")
REDIRECT = re.compile(r"\s*#(redirect|пренасочване)", re.IGNORECASE)
RUN_WORDS = 6
RESIDUE = [
    re.compile(pattern)
    for pattern in (
        r"\[\[|\]\]", r"\{\{|\}\}", r"\{\||\|\}|^\s*[|!]", r"</?[a-zA-Z]+[^<>\n]*>", r"&(?:[a-zA-Z]{2,8}|#\w+);", r"''",
        r"^\s*==|==\s*$", r"\b(?:thumb|thumbnail|upright|frameless)\s*\||\|\s*thumb\b|\bpx\|", r"https?://|www\.\S+\.\S",
        r"\b(?:Category|File|Image|Категория|Файл):\S", r"\(\s*[,;:–-]*\s*\)|\(\s*[,;]|[,;]\s*\)", r"\w +[,;.](?:\s|$)",
        r"^\s*[*#:;]", r"__[A-Z]+__",
    )
]  # fmt: skip


@dataclass
class Quality:
    """Shares in per cent; numbers of articles."""

    articles: int = 0
    joined: float = 0.0
    dirty: float = 0.0
    leaked: float = 0.0
    leaked_by_chance: float = 0.0
    missing: int = 0
    extra: int = 0


def measure(dump: Path, texts: Mapping[int, str]) -> Quality:
    """Compare extracted texts (id → text) with their dump."""
    quality = Quality()
    total = found = references = leaked = chance = 0
    ids = set()
    for number, source in _pages(dump):
        quality.articles += 1
        ids.add(number)
        if number not in texts:
            quality.missing += 1
            continue
        text, elsewhere = LOOSE.sub("", texts[number]), LOOSE.sub("", REFERENCE.sub("\x00", source))
        for run in _runs(source):
            run = LOOSE.sub("", run)
            total += len(run)
            found += len(run) * (run in text)
        for reference in REFERENCE.finditer(source):
            for words in NOT_WORDS_OF_REFERENCE.sub("\x00", reference.group(1)).split("\x00"):
                if len(words.split()) >= RUN_WORDS:
                    words = LOOSE.sub("", words)
                    references += 1
                    leaked += words in text
                    chance += words in elsewhere  # the same title is also in the article itself
    lines = [line for text in texts.values() for line in text.split("\n") if len(line.split()) >= RUN_WORDS]
    quality.extra = len(set(texts) - ids)
    quality.joined = 100 * found / max(total, 1)
    quality.dirty = 100 * sum(any(mark.search(line) for mark in RESIDUE) for line in lines) / max(len(lines), 1)
    quality.leaked, quality.leaked_by_chance = (100 * count / max(references, 1) for count in (leaked, chance))
    return quality


def _pages(dump: Path) -> Iterator[tuple[int, str]]:
    data = bz2.decompress(dump.read_bytes())
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        data = data.decode("utf-16").encode()
    for found in re.finditer(rb"<page>(.*?)</page>", data, re.DOTALL):
        page = found.group(1)
        if b"<ns>0</ns>" not in page or b"<redirect" in page:
            continue
        text = re.search(rb"<text[^>]*>(.*?)</text>", page, re.DOTALL)
        number = re.search(rb"<id>(\d+)</id>", page)
        source = html.unescape(text.group(1).decode()) if text else ""
        if number and not REDIRECT.match(source):
            yield int(number.group(1)), source


def _runs(source: str) -> Iterator[str]:
    """Runs of at least six plain words in lines of prose; links and quotes are resolved, other mark-up cuts a run."""
    for line in _outside_braces(source).split("\n"):
        if not line or line[0] in "*#:;|!{=<[ \x00" or "''''" in line.replace("'''''", ""):
            continue
        line = re.sub(r"'''''|'''|''", "", PLAIN_LINK.sub(r"\1", line))
        line = line.replace("&nbsp;", " ").replace("&ndash;", "–").replace("&mdash;", "—")
        for run in CUT.split(line):
            run = " ".join(run.split()).strip(" ,;:()")
            if len(run.split()) >= RUN_WORDS:
                yield run


def _outside_braces(source: str) -> str:
    """The text outside templates and tables; nothing where they are unbalanced."""
    text, pieces, depth, at = DROPPED.sub("\x00", source), [], 0, 0
    for found in BRACES.finditer(text):
        if depth == 0:
            pieces.append(text[at : found.start()])
        depth = depth + 1 if found.group().endswith(("{{", "{|")) else max(0, depth - 1)
        if depth == 0:
            at = found.end()
            pieces.append("\x00")
    return "" if depth else "".join(pieces) + text[at:]
