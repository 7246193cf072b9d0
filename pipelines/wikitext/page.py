"""One page of a dump: its fields, taken from the XML by search, without a parser."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from pipelines.wikitext.escapes import unescape
from pipelines.wikitext.siteinfo import MAIN_NAMESPACE, Wiki

_TEXT = re.compile(rb"<text\b([^>]*)>")
_NOT_WIKITEXT = re.compile(rb"<model>(?!wikitext<)[^<]*</model>")
# "#REDIRECT [[Target]]" in any language: a hash, a word, perhaps a colon, a link.
_REDIRECT = re.compile(rb"\s*#[A-Za-z\x80-\xff][\w\x80-\xff-]*\s*:?\s*\[\[")


class Kind(StrEnum):
    """What becomes of a page; the value is the name of its counter. Every page is exactly one."""

    ARTICLE = "articles"
    REDIRECT = "redirects"
    OTHER_NAMESPACE = "other_namespaces"
    MALFORMED = "rejected_malformed"
    INVALID_UTF8 = "rejected_invalid_utf8"
    NOT_WIKITEXT = "rejected_not_wikitext"
    DUPLICATE = "rejected_duplicate_id"


@dataclass(frozen=True)
class Page:
    """An article of the main namespace as it stands in the dump.

    Attributes:
        id: Page id, unique in its wiki.
        title: Full title.
        revision: Id of the revision.
        timestamp: Time of the revision, ISO 8601 in UTC; empty if unknown.
        source: Its wikitext, well-formed UTF-8.
    """

    id: int
    title: str
    revision: int
    timestamp: str
    source: bytes


def parse_page(xml: bytes, wiki: Wiki) -> Page | Kind:
    """Take a page apart; a page that is not an article is answered by its kind.

    Args:
        xml: The UTF-8 XML of one page, from ``<page>`` to ``</page>``.
        wiki: The wiki, for the namespaces of dumps that do not number them.

    Raises:
        UnicodeDecodeError: if the title or text is not UTF-8; ``start`` counts from the beginning of ``xml``.
    """
    namespace = _between(xml, b"<ns>", b"</ns>")
    if namespace and namespace != b"0":
        return Kind.OTHER_NAMESPACE
    header_end = xml.find(b"<revision")
    header = xml if header_end < 0 else xml[:header_end]
    title = _decode(xml, b"<title>", b"</title>")
    page_id = _between(header, b"<id>", b"</id>")
    if not namespace and title and wiki.namespace_of(title) != MAIN_NAMESPACE:
        return Kind.OTHER_NAMESPACE
    if b"<redirect" in header:
        return Kind.REDIRECT
    if not title or not page_id.isdigit():
        return Kind.MALFORMED
    revision_at = max(xml.rfind(b"<revision>"), 0)  # a dump with the full history: the last revision
    revision = xml[revision_at:]
    opened = _TEXT.search(xml, revision_at)
    if _NOT_WIKITEXT.search(xml, revision_at, opened.start() if opened else len(xml)):
        return Kind.NOT_WIKITEXT
    source = b""
    if opened and not opened.group(1).endswith(b"/"):
        end = xml.rfind(b"</text>")
        if end < opened.end():
            return Kind.MALFORMED
        source = xml[opened.end() : end]
        _check_utf8(source, xml, opened.end())
        source = unescape(source)
    if _REDIRECT.match(source):
        return Kind.REDIRECT
    revision_id = _between(revision, b"<id>", b"</id>")
    return Page(
        id=int(page_id),
        title=title,
        revision=int(revision_id) if revision_id.isdigit() else 0,
        timestamp=_between(revision, b"<timestamp>", b"</timestamp>").decode("ascii", "replace"),
        source=source,
    )


def _between(xml: bytes, opening: bytes, closing: bytes) -> bytes:
    start = xml.find(opening)
    if start < 0:
        return b""
    start += len(opening)
    end = xml.find(closing, start)
    return xml[start:end].strip() if end >= 0 else b""


def _decode(xml: bytes, opening: bytes, closing: bytes) -> str:
    content = _between(xml, opening, closing)
    _check_utf8(content, xml, xml.find(opening) + len(opening))
    return unescape(content).decode("utf-8")


def _check_utf8(content: bytes, xml: bytes, offset: int) -> None:
    """Raise UnicodeDecodeError, its place counted from the beginning of the page, if a part of it is not UTF-8."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnicodeDecodeError("utf-8", xml, offset + error.start, offset + error.end, error.reason) from None
