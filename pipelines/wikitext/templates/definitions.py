"""Template definitions of a dump: derived from the entries of its template pages, stored as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from berth import storage
from berth.stage.output import Output
from pipelines.wikitext.templates.bodies import calls
from pipelines.wikitext.templates.disambiguation import known_templates
from pipelines.wikitext.templates.table import TemplateDefinitions, TemplateTable, canonical, spellings

MAX_REDIRECTS = 5
MAX_NESTING = 5

# Templates that are dropped although their bodies show an argument: pronunciation, notes, coordinates, maintenance.
# They are not in the built-in table either.
_NEVER_SHOWN = """
    ipa|ipa-all|ipac|ipac-en|ipalink|api|api-link|afi|mfa|audio|audio-ipa|lyd|respell|pronunciation|prononciation|
    coord|coor|coordinate|koordinat|koordinater|anchor|ancre|anker|ref|note|rp|r|sfn|harv|harvnb|efn|refn|cite|
    citation needed|kilde mangler|trenger referanse|defaultsort|sortkey|sort key|displaytitle|main|see also|stub|isbn|
    doi|url|website|short description|user|hidden|flagicon|legend|dead link|webarchive|when|who|which|clarify
"""
NEVER_SHOWN = frozenset(name.strip() for name in _NEVER_SHOWN.split("|"))


def derive(entries: Iterable[Mapping[str, Any]], language: str) -> TemplateDefinitions:
    """The definitions on the template pages of a wiki that its table can use.

    Args:
        entries: The entries that :class:`TemplateTask` writes, in the order of the dump; of entries with one name the
            first counts.
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
            shown[name] = False  # while its body is examined: a template that calls itself is not shown
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
    return TemplateDefinitions(dict(sorted(aliases.items())), dict(sorted(bodies.items())), frozenset(marks))


def _with_resolved_calls(body: Any, resolve: Callable[[str], str]) -> Any:
    """A body that calls templates by the names that redirects lead to."""
    if isinstance(body, list):
        return [_with_resolved_calls(part, resolve) for part in body]
    if isinstance(body, dict):
        changed = {key: _with_resolved_calls(part, resolve) for key, part in body.items()}
        return {**changed, "template": resolve(canonical(body["template"]))} if "template" in body else changed
    return body


def read_entries(output: Output, name: str) -> list[dict[str, Any]]:
    """The entries that :class:`TemplateTask` wrote for one part."""
    entries: list[dict[str, Any]] = json.loads(storage.read_bytes(output.path(name)))
    return entries


def write_definitions(output: Output, name: str, definitions: Mapping[str, TemplateDefinitions]) -> None:
    """Write the definitions of each wiki (by its key) as indented JSON."""
    content = {
        key: {
            "aliases": dict(one.aliases),
            "bodies": dict(one.bodies),
            "disambiguations": sorted(one.disambiguations),
        }
        for key, one in definitions.items()
    }
    with output.shard(name) as shard:
        shard.write(json.dumps(content, ensure_ascii=False, indent=1, sort_keys=True).encode("utf-8", "replace"))


def read_definitions(output: Output, name: str, key: str) -> TemplateDefinitions:
    """The definitions of one wiki that :func:`write_definitions` wrote."""
    content = json.loads(storage.read_bytes(output.path(name)))[key]
    return TemplateDefinitions(content["aliases"], content["bodies"], frozenset(content["disambiguations"]))
