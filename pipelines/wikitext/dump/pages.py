"""One page of a dump: its fields, taken from the XML by search, without a parser."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from pipelines.wikitext.dump.escapes import unescape
from pipelines.wikitext.dump.redirects import redirect_target
from pipelines.wikitext.siteinfo import MAIN_NAMESPACE, Wiki

LONGEST_NUMBER = 18  # digits of an int64
_TEXT = re.compile(rb"<text\b([^>]{0,1000})>")
_NOT_WIKITEXT = re.compile(rb"<model>(?!wikitext<)[^<]*</model>")
_REDIRECT = re.compile(rb"<redirect\b(?:[^>]{0,1000}\btitle=\"([^\"]*)\")?")


class Kind(StrEnum):
    """The kind of a page, named like its counter. Every page has exactly one."""

    ARTICLE = "articles"
    REDIRECT = "redirects"
    OTHER_NAMESPACE = "other_namespaces"
    DISAMBIGUATION = "disambiguations"
    MALFORMED = "rejected_malformed"
    INVALID_UTF8 = "rejected_invalid_utf8"
    NOT_WIKITEXT = "rejected_not_wikitext"
    TOO_LONG = "rejected_too_long"
    DUPLICATE = "rejected_duplicate_id"


@dataclass(frozen=True)
class Page:
    """A page of a dump.

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
    """Parse a page; for a page that is not an article, only its kind is returned.

    Args:
        xml: The UTF-8 XML of one page, from ``<page>`` to ``</page>``.
        wiki: The wiki, for the namespaces of dumps that do not number them.

    Raises:
        UnicodeDecodeError: If the title or text is not UTF-8; ``start`` counts from the beginning of ``xml``.
    """
    header = header_of(xml)
    namespace = namespace_of(header)
    if namespace and namespace != b"0":
        return Kind.OTHER_NAMESPACE
    title = title_of(header)
    if not namespace and title and wiki.namespace_of(title) != MAIN_NAMESPACE:
        return Kind.OTHER_NAMESPACE
    if b"<redirect" in header:
        return Kind.REDIRECT
    page = read_page(xml, header, title)
    if isinstance(page, Page) and redirect_target(page.source) is not None:
        return Kind.REDIRECT
    return page


def header_of(xml: bytes) -> bytes:
    """The part of a page before its first revision."""
    end = xml.find(b"<revision")
    return xml if end < 0 else xml[:end]


def namespace_of(header: bytes) -> bytes:
    """The number of a page's namespace as it is written; b"" if the dump does not give it."""
    return _between(header, b"<ns>", b"</ns>")


def title_of(header: bytes) -> str:
    """A page's full title. Raises UnicodeDecodeError if it is not UTF-8."""
    content = _between(header, b"<title>", b"</title>")
    _check_utf8(content, header, header.find(b"<title>") + len(b"<title>"))
    return unescape(content).decode("utf-8")


def redirect_of(header: bytes) -> str | None:
    """The target of a page marked as redirect ("" if the dump does not give it); None if it is not marked."""
    found = _REDIRECT.search(header)
    return unescape(found[1] or b"").decode("utf-8", "replace") if found else None


def read_page(xml: bytes, header: bytes, title: str) -> Page | Kind:
    """The fields of a page of any namespace, or its kind if something is wrong with it.

    Raises:
        UnicodeDecodeError: if the text is not UTF-8.
    """
    page_id = _between(header, b"<id>", b"</id>")
    if not title or not _is_number(page_id):
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
    revision_id = _between(revision, b"<id>", b"</id>")
    return Page(
        id=int(page_id),
        title=title,
        revision=int(revision_id) if _is_number(revision_id) else 0,
        timestamp=_between(revision, b"<timestamp>", b"</timestamp>").decode("ascii", "replace"),
        source=source,
    )


def _is_number(digits: bytes) -> bool:
    return digits.isdigit() and len(digits) <= LONGEST_NUMBER


def _between(xml: bytes, opening: bytes, closing: bytes) -> bytes:
    start = xml.find(opening)
    if start < 0:
        return b""
    start += len(opening)
    end = xml.find(closing, start)
    return xml[start:end].strip() if end >= 0 else b""


def _check_utf8(content: bytes, xml: bytes, offset: int) -> None:
    """Raise UnicodeDecodeError, with offsets from the beginning of the page, if a part of it is not UTF-8."""
    try:
        content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnicodeDecodeError("utf-8", xml, offset + error.start, offset + error.end, error.reason) from None
