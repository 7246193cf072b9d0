"""Wikipedia pages: XML of one page, its wikitext cleaned, with the templates of the same wiki."""

from __future__ import annotations

import functools

from berth.errors import BerthError
from berth.recipe import ExtractOptions
from fuzz.target import choice, parts
from pipelines.wikitext.cleaner import Cleaner
from pipelines.wikitext.dump.pages import Page, header_of, parse_page
from pipelines.wikitext.siteinfo import Wiki
from pipelines.wikitext.templates.definitions import derive
from pipelines.wikitext.templates.disambiguation import Disambiguations
from pipelines.wikitext.templates.page_name import with_page_name
from pipelines.wikitext.templates.pages import EntryReader
from pipelines.wikitext.templates.table import TemplateTable

REFUSALS: tuple[type[BerthError], ...] = ()  # every page gives text or is counted

LANGUAGES = ("en", "zh", "de", "ru")
OPTIONS = (
    ExtractOptions(),
    ExtractOptions(keep_headings=True, formulas="drop_sentence"),
    ExtractOptions(captions=True, tables=True),
    ExtractOptions(tables=True, formulas="drop_sentence"),
)
PAGE = b"<page><title>%s</title><ns>%d</ns><id>7</id><revision><id>9</id><text>%s</text></revision></page>"
TEMPLATE = 10


def fuzz(data: bytes) -> None:
    """An option and a language; then the wikitext and, after lines `%%`, two template pages."""
    number, content = choice(data)
    source, *templates = parts(content, 3)
    wiki, options = _wiki(LANGUAGES[number % 4]), OPTIONS[number // 4 % 4]
    xml = PAGE % (b"A page", 0, source)
    try:
        page = parse_page(xml, wiki)
    except UnicodeDecodeError:  # counted as a kind of page
        return
    if not isinstance(page, Page):
        return
    if any(templates):
        cleaner = Cleaner(wiki, _table(templates, wiki), options=options)
    else:
        cleaner = _cleaner(LANGUAGES[number % 4], number // 4 % 4)
    Disambiguations(wiki.language, frozenset()).is_one(page.source)
    text = cleaner.clean(with_page_name(page.source, page.title, wiki.language)).decode()
    assert not any(character < " " and character != "\n" for character in text), "a control character in the text"
    assert all(line and line == line.strip(" ") for line in text.split("\n")) or not text, "an empty or padded line"
    assert all(uses > 0 and words >= 0 for _, uses, words in cleaner.losses)


def _table(templates: list[bytes], wiki: Wiki) -> TemplateTable:
    reader = EntryReader(wiki)
    pages = [PAGE % (b"Template:T%d" % number, TEMPLATE, source) for number, source in enumerate(templates, 1)]
    entries = [entry for xml in pages for entry in reader.entries(xml, header_of(xml))]
    return TemplateTable(wiki.language, derive(entries, wiki.language))


@functools.cache
def _wiki(language: str) -> Wiki:
    return Wiki(language=language)


@functools.cache
def _cleaner(language: str, options: int) -> Cleaner:
    return Cleaner(_wiki(language), options=OPTIONS[options])
