"""Pages: fields, kinds, escapes."""

from __future__ import annotations

import pytest

from pipelines.wikitext.dump.pages import Kind, Page, parse_page
from pipelines.wikitext.siteinfo import Wiki
from support.dump_samples import page

WIKI = Wiki()


def parse(xml: str) -> Page | Kind:
    return parse_page(xml.encode(), WIKI)


def test_fields_of_an_article():
    parsed = parse(page(12, 'A "b" & c < d', title="R&B"))
    assert parsed == Page(12, "R&B", 1012, "2020-01-02T03:04:05Z", b'A "b" & c < d')


def test_escapes_are_undone_once():
    parsed = parse(page(1, "&lt;ref&gt; &nbsp; &amp;"))
    assert isinstance(parsed, Page)
    assert parsed.source == b"&lt;ref&gt; &nbsp; &amp;"


@pytest.mark.parametrize(
    ("xml", "kind"),
    [
        (page(1, "x", namespace=10), Kind.OTHER_NAMESPACE),
        (page(1, "x", title="Category:X").replace("<ns>0</ns>", ""), Kind.OTHER_NAMESPACE),
        (page(1, "x", extra='<redirect title="Y" />'), Kind.REDIRECT),
        (page(1, "#REDIRECT [[Y]]"), Kind.REDIRECT),
        (page(1, "#перенаправление: [[Y]]"), Kind.REDIRECT),
        (page(1, "x").replace("<id>1</id>", ""), Kind.MALFORMED),
        (page(1, "x").replace("<id>1</id>", "<id>12345678901234567890</id>"), Kind.MALFORMED),
        (page(1, "<ns>10</ns><redirect/>").replace("&lt;", "<").replace("<ns>0</ns>", ""), None),
        (page(1, "x", title="User:X").replace("<ns>0</ns>", "<ns />"), Kind.OTHER_NAMESPACE),
        (page(1, "x").replace("<title>Page 1</title>", ""), Kind.MALFORMED),
        (page(1, "x").replace("</text>", ""), Kind.MALFORMED),
        (page(1, "x").replace("<model>wikitext", "<model>css"), Kind.NOT_WIKITEXT),
    ],
)
def test_what_is_no_article(xml, kind):
    parsed = parse(xml)
    assert (None if isinstance(parsed, Page) else parsed) is kind


@pytest.mark.parametrize("text", ['<text bytes="0" />', '<text bytes="0"></text>', '<text deleted="deleted" />'])
def test_a_page_without_text_is_an_article(text):
    xml = page(1, "TEXT")
    start, stop = xml.index("<text"), xml.index("</text>") + len("</text>")
    parsed = parse(xml[:start] + text + xml[stop:])
    assert isinstance(parsed, Page)
    assert parsed.source == b""


def test_of_a_full_history_the_last_revision_counts():
    old, new = page(1, "old"), page(1, "new")
    revision = new[new.index("    <revision>") : new.index("  </page>")]
    parsed = parse(old.replace("  </page>", revision + "  </page>"))
    assert isinstance(parsed, Page)
    assert parsed.source == b"new"


def test_control_characters_and_surrogates_vanish():
    parsed = parse(page(1, "a\x00b\x01c&#xD800;&#0;d", title="A\x00B").replace("&amp;#", "&#"))
    assert isinstance(parsed, Page)
    assert parsed.title == "AB"
    assert parsed.source == b"abcd"


def test_invalid_utf8_is_named_by_its_place():
    xml = page(1, "caf\u00e9").encode().replace(b"\xc3\xa9", b"\xe9")
    with pytest.raises(UnicodeDecodeError) as caught:
        parse_page(xml, WIKI)
    assert xml[caught.value.start] == 0xE9


def test_urls():
    assert WIKI.url("AC/DC (band) ü") == "https://en.wikipedia.org/wiki/AC/DC_(band)_%C3%BC"
