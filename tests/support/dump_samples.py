"""Dumps made for tests: pages, and whole files in every form."""

from __future__ import annotations

import bz2
import gzip
import re
from collections.abc import Iterable, Mapping
from html import escape

HEAD = """<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="{language}">
  <siteinfo>
    <dbname>{language}wiki</dbname>
    <base>https://{language}.wikipedia.org/wiki/Main_Page</base>
    <namespaces>
      <namespace key="0" case="first-letter" />
      <namespace key="6" case="first-letter">File</namespace>
      <namespace key="10" case="first-letter">Template</namespace>
      <namespace key="14" case="first-letter">Category</namespace>
    </namespaces>
  </siteinfo>
"""
TAIL = "</mediawiki>\n"


def page(number: int, text: str, title: str = "", namespace: int = 0, extra: str = "") -> str:
    """The XML of one page of a dump."""
    return (
        f"  <page>\n    <title>{escape(title or f'Page {number}')}</title>\n    <ns>{namespace}</ns>\n"
        f"    <id>{number}</id>\n"
        f"{extra}    <revision>\n      <id>{1000 + number}</id>\n      <timestamp>2020-01-02T03:04:05Z</timestamp>\n"
        "      <contributor>\n        <username>A</username>\n        <id>7</id>\n      </contributor>\n"
        f'      <model>wikitext</model>\n      <text bytes="1" xml:space="preserve">{escape(text, quote=True)}</text>\n'
        "    </revision>\n  </page>\n"
    )


def multistream(pieces: Iterable[str | bytes]) -> bytes:
    """bz2 with a stream for each piece, as Wikimedia's multistream dumps."""
    return b"".join(bz2.compress(piece.encode() if isinstance(piece, str) else piece) for piece in pieces)


def head_of(language: str, namespaces: Mapping[int, str]) -> str:
    """What comes before the first page of a dump; ``namespaces`` have other names than the English ones."""
    head = HEAD.format(language=language)
    for key, name in namespaces.items():
        head = re.sub(rf'(key="{key}"[^>]*>)[^<]*', rf"\g<1>{name}", head)
    return head


def dump_bytes(
    pages: Iterable[str], form: str = "xml", language: str = "en", namespaces: Mapping[int, str] | None = None
) -> bytes:
    """A whole dump in one of the forms xml, bz2, multistream, gz, utf-16 (with a byte order mark), utf-16-le, -be."""
    head, pages = head_of(language, namespaces or {}), list(pages)
    xml = "".join([head, *pages, TAIL])
    if form == "multistream":
        groups = ["".join(pages[at : at + 3]) for at in range(0, len(pages), 3)]
        return multistream([head, *groups, TAIL])
    if form == "bz2":
        return bz2.compress(xml.encode())
    if form == "gz":
        return gzip.compress(xml.encode(), mtime=0)
    return xml.encode(form if form.startswith("utf-16") else "utf-8")
