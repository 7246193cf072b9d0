"""Reads the template pages of a part of a dump: redirects, simple bodies, marks of disambiguation pages."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from berth.stage.output import Output
from pipelines.engine.progress import report_progress
from pipelines.error_policy import ErrorPolicy
from pipelines.wikitext.dump.pages import Page, header_of, namespace_of, read_page, redirect_of, title_of
from pipelines.wikitext.dump.parts import DumpPart
from pipelines.wikitext.dump.reading import RangeStatus
from pipelines.wikitext.dump.redirects import redirect_target
from pipelines.wikitext.dump.spool import write_spool
from pipelines.wikitext.siteinfo import TEMPLATE_NAMESPACE, Wiki
from pipelines.wikitext.templates.bodies import included, read_body
from pipelines.wikitext.templates.disambiguation import MAGIC_WORDS, known_templates
from pipelines.wikitext.templates.table import canonical, spellings

# Directory of the entries of each part, until all parts are read.
DIRECTORY = ".templates"
# A page of the wiki's messages that lists the templates of disambiguation pages.
LIST_OF_DISAMBIGUATIONS = "disambiguationspage"
_MESSAGES_NAMESPACE = 8
_READ_NAMESPACES = (b"", b"8", b"10")
_ARTICLE_NAMESPACES = (b"", b"0")
_LINK = re.compile(r"\[\[([^\]|#]+)")
_CALL = re.compile(r"\{\{([^{}|<>\[\]]+)")


@dataclass(frozen=True)
class TemplateTask:
    """One part of a dump whose template pages are read. Workers get copies.

    Attributes:
        part: The part of the dump.
        name: The file of entries that is written.
        pages: The spool file of the part's pages, so that they need not be decompressed again.
        wiki: The wiki of the dump.
        errors: What happens at damage.
        output: The stage's output.
    """

    part: DumpPart
    name: str
    pages: str
    wiki: Wiki
    errors: ErrorPolicy
    output: Output

    @property
    def size(self) -> int:
        """Bytes to read, for progress."""
        return self.part.stop - self.part.start

    def run(self) -> str:
        """Read the part; returns the name of the file of entries.

        Raises:
            BerthError: If the dump is damaged and the policy is strict.
        """
        entries: list[dict[str, Any]] = []
        status = RangeStatus(self.part.uri, self.errors)
        with self.output.shard(self.pages) as shard:
            write_spool(shard, self._pages(status, entries), status)
        with self.output.shard(self.name) as shard:
            shard.write(json.dumps(entries, ensure_ascii=False).encode("utf-8", "replace"))
        return self.name

    def _pages(self, status: RangeStatus, entries: list[dict[str, Any]]) -> Iterator[bytes]:
        """The part's pages, those of other namespaces without their text; adds the template entries to ``entries``."""
        reader = EntryReader(self.wiki)
        for xml in self.part.read(status):
            report_progress(self.name, status.bytes_read())
            header = header_of(xml)
            namespace = namespace_of(header)
            entries += reader.entries(xml, header)
            yield xml if namespace in _ARTICLE_NAMESPACES else header


class EntryReader:
    """Reads the template entries of the pages of one wiki."""

    def __init__(self, wiki: Wiki) -> None:
        self.wiki = wiki
        self._known = frozenset(spelling for name in known_templates(wiki.language) for spelling in spellings(name))

    def entries(self, xml: bytes, header: bytes) -> list[dict[str, Any]]:
        """The entries of a page of any namespace: a template's definition, or a list of disambiguation templates."""
        if namespace_of(header) not in _READ_NAMESPACES:
            return []
        # Pages that are not UTF-8 are counted when the articles are read.
        with contextlib.suppress(UnicodeDecodeError):
            return [entry for entry in self._entries_of(xml, header) if len(entry) > 1]
        return []

    def _entries_of(self, xml: bytes, header: bytes) -> Iterator[dict[str, Any]]:
        title = title_of(header)
        namespace = self.wiki.namespace_of(title)
        if namespace == TEMPLATE_NAMESPACE:
            yield _entry(xml, header, title, self._known)
        elif namespace == _MESSAGES_NAMESPACE and title.lower().endswith(f":{LIST_OF_DISAMBIGUATIONS}"):
            page = read_page(xml, header, title)
            for link in _LINK.findall(page.source.decode()) if isinstance(page, Page) else ():
                if self.wiki.namespace_of(link) == TEMPLATE_NAMESPACE:
                    yield {"name": template_name(link), "is_disambiguation": True}


def template_name(title: str) -> str:
    """One form of all the ways to write a template's name, with or without its namespace."""
    return canonical(title.partition(":")[2] or title)


def _entry(xml: bytes, header: bytes, title: str, known: frozenset[str]) -> dict[str, Any]:
    """The entry of a template page; one that holds only a name says nothing."""
    entry: dict[str, Any] = {"name": template_name(title)}
    page = read_page(xml, header, title)
    if not isinstance(page, Page):
        return entry
    target = redirect_of(header) or redirect_target(page.source)
    if target:
        return {**entry, "redirect": template_name(target)}
    source = page.source.decode()
    if (body := read_body(source)) is not None:
        entry["body"] = body
    text = included(source)
    if any(word in text for word in MAGIC_WORDS) or any(canonical(name) in known for name in _CALL.findall(text)):
        entry["is_disambiguation"] = True
    return entry
