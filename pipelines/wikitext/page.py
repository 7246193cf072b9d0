"""One page of a dump: its fields, taken from the XML by search, without a parser."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from enum import StrEnum

from pipelines.wikitext.siteinfo import MAIN_NAMESPACE, Wiki

_TEXT = re.compile(rb"<text\b([^>]*)>")
_NOT_WIKITEXT = re.compile(rb"<model>(?!wikitext<)[^<]*</model>")
# "#REDIRECT [[Target]]" in any language: a hash, a word, perhaps a colon, a link.
_REDIRECT = re.compile(r"\s*#[^\W\d_][\w-]*\s*:?\s*\[\[")
# What XML forbids but damaged dumps hold, and what would be taken for our own marks.
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\r\ufffe\uffff]")


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
        source: Its wikitext.
    """

    id: int
    title: str
    revision: int
    timestamp: str
    source: str


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
    if _NOT_WIKITEXT.search(revision):
        return Kind.NOT_WIKITEXT
    source = ""
    if (opened := _TEXT.search(xml, revision_at)) and not opened.group(1).endswith(b"/"):
        end = xml.rfind(b"</text>")
        if end < opened.end():
            return Kind.MALFORMED
        try:
            source = html_unescape(xml[opened.end() : end].decode("utf-8"))
        except UnicodeDecodeError as error:
            raise _moved(error, xml, opened.end()) from None
    if _REDIRECT.match(source):
        return Kind.REDIRECT
    revision_id = _between(revision, b"<id>", b"</id>")
    return Page(
        id=int(page_id),
        title=title,
        revision=int(revision_id) if revision_id.isdigit() else 0,
        timestamp=_between(revision, b"<timestamp>", b"</timestamp>").decode("ascii", "replace"),
        source=_CONTROLS.sub("", source),
    )


def html_unescape(text: str) -> str:
    """Undo the escaping of XML, once: the wikitext's own entities stay."""
    if "&" not in text:
        return text
    for escaped, plain in (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&apos;", "'"), ("&#039;", "'")):
        text = text.replace(escaped, plain)
    if "&#" in text:
        text = re.sub(r"&#(?:\d{1,7}|[xX][0-9a-fA-F]{1,6});", lambda found: html.unescape(found.group()), text)
    return text.replace("&amp;", "&")


def _between(xml: bytes, opening: bytes, closing: bytes) -> bytes:
    start = xml.find(opening)
    if start < 0:
        return b""
    start += len(opening)
    end = xml.find(closing, start)
    return xml[start:end].strip() if end >= 0 else b""


def _decode(xml: bytes, opening: bytes, closing: bytes) -> str:
    content = _between(xml, opening, closing)
    try:
        return _CONTROLS.sub("", html_unescape(content.decode("utf-8")))
    except UnicodeDecodeError as error:
        raise _moved(error, xml, xml.find(opening) + len(opening)) from None


def _moved(error: UnicodeDecodeError, xml: bytes, by: int) -> UnicodeDecodeError:
    """The same error, its place counted from the beginning of the page."""
    return UnicodeDecodeError("utf-8", xml, by + error.start, by + error.end, error.reason)
