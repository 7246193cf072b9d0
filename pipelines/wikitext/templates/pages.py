"""The template pages of a dump: one pass that reads them, and what follows from them for the table of the wiki."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from berth import storage
from berth.stage.output import Output
from pipelines.engine.progress import report_progress
from pipelines.wikitext.disambiguation import MAGIC_WORDS, known_templates
from pipelines.wikitext.dump.pages import Page, header_of, namespace_of, read_page, redirect_of, title_of
from pipelines.wikitext.dump.parts import DumpPart
from pipelines.wikitext.dump.reading import Reading
from pipelines.wikitext.dump.redirects import redirect_target
from pipelines.wikitext.dump.siteinfo import TEMPLATE_NAMESPACE, Wiki
from pipelines.wikitext.dump.spool import write_spool
from pipelines.wikitext.templates.bodies import calls, included, read_body
from pipelines.wikitext.templates.table import Derived, TemplateTable, canonical, spellings

# Where what a part says of templates stands until all parts are read.
PIECES = ".templates"
MAX_REDIRECTS = 5
MAX_NESTING = 5
# A page of the wiki's messages that lists the templates of disambiguation pages.
LIST_OF_DISAMBIGUATIONS = "disambiguationspage"
_MESSAGES_NAMESPACE = 8
_READ_NAMESPACES = (b"", b"8", b"10")
_ARTICLE_NAMESPACES = (b"", b"0")
_LINK = re.compile(r"\[\[([^\]|#]+)")
_CALL = re.compile(r"\{\{([^{}|<>\[\]]+)")

# Templates that are left out although their bodies show an argument: pronunciation, notes, places on the map, marks of
# quality. The built-in table leaves them out by not having them.
_NEVER_SHOWN = """
    ipa|ipa-all|ipac|ipac-en|ipalink|api|api-link|afi|mfa|audio|audio-ipa|lyd|respell|pronunciation|prononciation|
    coord|coor|coordinate|koordinat|koordinater|anchor|ancre|anker|ref|note|rp|r|sfn|harv|harvnb|efn|refn|cite|
    citation needed|kilde mangler|trenger referanse|defaultsort|sortkey|sort key|displaytitle|main|see also|stub|isbn|
    doi|url|website|short description|user|hidden|flagicon|legend|dead link|webarchive|when|who|which|clarify
"""
NEVER_SHOWN = frozenset(name.strip() for name in _NEVER_SHOWN.split("|"))


@dataclass(frozen=True)
class TemplateTask:
    """One part of a dump whose template pages are to be read. It travels to a worker.

    Attributes:
        part: What is read.
        name: The piece that is written.
        pages: Where the part's pages are put by, so that they need not be decompressed again.
        wiki: The wiki of the dump.
        strict: Whether damage is an error.
        output: Where everything goes.
    """

    part: DumpPart
    name: str
    pages: str
    wiki: Wiki
    strict: bool
    output: Output

    def run(self) -> str:
        """Read the part; returns the name of the piece written.

        Raises:
            BerthError: if the dump is damaged and ``strict``.
        """
        entries: list[dict[str, Any]] = []
        reading = Reading(self.part.uri, self.strict)
        with self.output.shard(self.pages) as shard:
            write_spool(shard, self._sorted(reading, entries), reading)
        with self.output.shard(self.name) as shard:
            shard.write(json.dumps(entries, ensure_ascii=False).encode("utf-8", "replace"))
        return self.name

    def _sorted(self, reading: Reading, entries: list[dict[str, Any]]) -> Iterator[bytes]:
        """The part's pages, those of other namespaces without their text; what templates say goes to ``entries``."""
        known = frozenset(spelling for name in known_templates(self.wiki.language) for spelling in spellings(name))
        for xml in self.part.read(reading):
            report_progress(self.name, reading.bytes_read())
            header = header_of(xml)
            namespace = namespace_of(header)
            if namespace in _READ_NAMESPACES:
                # What is not UTF-8 is counted when the articles are read.
                with contextlib.suppress(UnicodeDecodeError):
                    entries += [entry for entry in self._entries_of(xml, header, known) if len(entry) > 1]
            yield xml if namespace in _ARTICLE_NAMESPACES else header

    def _entries_of(self, xml: bytes, header: bytes, known: frozenset[str]) -> Iterator[dict[str, Any]]:
        title = title_of(header)
        namespace = self.wiki.namespace_of(title)
        if namespace == TEMPLATE_NAMESPACE:
            yield _entry(xml, header, title, known)
        elif namespace == _MESSAGES_NAMESPACE and title.lower().endswith(f":{LIST_OF_DISAMBIGUATIONS}"):
            page = read_page(xml, header, title)
            for link in _LINK.findall(page.source.decode()) if isinstance(page, Page) else ():
                if self.wiki.namespace_of(link) == TEMPLATE_NAMESPACE:
                    yield {"name": template_name(link), "is_disambiguation": True}


def template_name(title: str) -> str:
    """One form of all the ways to write a template's name, with or without its namespace."""
    return canonical(title.partition(":")[2] or title)


def _entry(xml: bytes, header: bytes, title: str, known: frozenset[str]) -> dict[str, Any]:
    """What a template page says: of interest only if there is more than a name."""
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


def derive(entries: Iterable[Mapping[str, Any]], language: str) -> Derived:
    """What the template pages of a wiki say, reduced to what its table can use.

    Args:
        entries: What :class:`TemplateTask` writes, in order of the dump; of pages of one name the first counts.
        language: Code of the wiki's language.
    """
    pages: dict[str, Mapping[str, Any]] = {}
    for entry in entries:
        pages.setdefault(entry["name"], entry)
    known = frozenset(TemplateTable(language).names)
    shown: dict[str, bool] = {}

    def resolve(name: str) -> str:
        for _ in range(MAX_REDIRECTS):
            if (target := pages.get(name, {}).get("redirect")) is None:
                break
            name = target
        return name

    def is_shown(name: str, depth: int = 0) -> bool:
        name = resolve(canonical(name))
        if name in NEVER_SHOWN or depth > MAX_NESTING:
            return False
        if name not in shown:
            shown[name] = False  # while its body is looked at: what calls itself is not shown
            body = pages.get(name, {}).get("body")
            has_body = body is not None and all(is_shown(call, depth + 1) for call in calls(body))
            shown[name] = has_body or name in known or name.startswith("lang-")
            if has_body:
                bodies[name] = _with_resolved_calls(body, resolve)
        return shown[name]

    bodies: dict[str, Any] = {}
    aliases = {}
    marks = set()
    disambiguations = {name for name, entry in pages.items() if entry.get("is_disambiguation")}
    disambiguations |= {spelling for name in known_templates(language) for spelling in spellings(name)}
    for name, entry in pages.items():
        if is_shown(name) and "redirect" in entry and name not in NEVER_SHOWN:
            aliases[name] = resolve(name)
        if resolve(name) in disambiguations:
            marks.add(name)
    return Derived(dict(sorted(aliases.items())), dict(sorted(bodies.items())), frozenset(marks))


def _with_resolved_calls(body: Any, resolve: Any) -> Any:
    """A body that calls templates by the names that redirects lead to."""
    if isinstance(body, list):
        return [_with_resolved_calls(part, resolve) for part in body]
    if isinstance(body, dict):
        changed = {key: _with_resolved_calls(part, resolve) for key, part in body.items()}
        return {**changed, "template": resolve(canonical(body["template"]))} if "template" in body else changed
    return body


def read_piece(output: Output, name: str) -> list[dict[str, Any]]:
    """What :class:`TemplateTask` wrote of one part."""
    entries: list[dict[str, Any]] = json.loads(storage.read_bytes(output.path(name)))
    return entries


def write_derived(output: Output, name: str, derived: Mapping[str, Derived]) -> None:
    """Write what was derived for each wiki (by its key) as JSON that a person can read."""
    content = {
        key: {
            "aliases": dict(one.aliases),
            "bodies": dict(one.bodies),
            "disambiguations": sorted(one.disambiguations),
        }
        for key, one in derived.items()
    }
    with output.shard(name) as shard:
        shard.write(json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True).encode("utf-8", "replace"))


def read_derived(output: Output, name: str, key: str) -> Derived:
    """What :func:`write_derived` wrote of one wiki."""
    content = json.loads(storage.read_bytes(output.path(name)))[key]
    return Derived(content["aliases"], content["bodies"], frozenset(content["disambiguations"]))
