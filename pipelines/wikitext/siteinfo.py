"""A dump's description of its wiki: language, database name, base URL, names of namespaces."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field
from urllib.parse import quote

from pipelines.wikitext.names import CANONICAL_NAMESPACES, NAMESPACE_ALIASES

MAIN_NAMESPACE = 0
FILE_NAMESPACE = 6
TEMPLATE_NAMESPACE = 10
CATEGORY_NAMESPACE = 14
MEDIA_NAMESPACE = -2

# Attributes have a limit: of many tags without an end, each would be searched to the end of the head.
_ATTRIBUTES = "[^>]{0,1000}"
_LANGUAGE = re.compile(rf"<mediawiki\b{_ATTRIBUTES}\bxml:lang=[\"']([^\"']+)")
_NAMESPACE = re.compile(rf"<namespace\b{_ATTRIBUTES}\bkey=[\"'](-?[0-9]{{1,9}})[\"']{_ATTRIBUTES}>([^<]+)</namespace>")
# MediaWiki's exports have no aliases; other programs write them in the form of MediaWiki's API.
_ALIAS = re.compile(
    rf"<(?:namespacealias|ns)\b{_ATTRIBUTES}\bid=[\"'](-?[0-9]{{1,9}})[\"']{_ATTRIBUTES}>"
    r"([^<]+)</(?:namespacealias|ns)>"
)


@dataclass(frozen=True)
class Wiki:
    """The wiki of a page: all that the cleaner needs to know of its language.

    Attributes:
        language: Code of the wiki's language, such as ``"en"``.
        database: Name of its database, such as ``"enwiki"``; empty if the dump does not give it.
        article_url: What the URLs of its articles begin with.
        namespaces: Every name of every namespace, lower-case → its number.
    """

    language: str = "en"
    database: str = ""
    article_url: str = "https://en.wikipedia.org/wiki/"
    namespaces: dict[str, int] = field(default_factory=lambda: namespace_names({}))

    @property
    def key(self) -> str:
        """Identifies the wiki: pages of one wiki have different ids."""
        return self.database or self.article_url

    def url(self, title: str) -> str:
        """The URL of an article."""
        return self.article_url + quote(title.replace(" ", "_"), safe="/:@!$*(),;~")

    def namespace_of(self, title: str) -> int:
        """The namespace of a page by the prefix of its title."""
        prefix, colon, _ = title.partition(":")
        return self.namespaces.get(prefix.strip().replace("_", " ").lower(), MAIN_NAMESPACE) if colon else 0

    def prefixes(self) -> dict[bytes, int]:
        """The names of namespaces as links write them, in UTF-8 with A-Z lowered → number.

        In other alphabets a name counts as it is given, in lower case, in capitals (Turkish ones too) and with a
        capital first letter.
        """
        forms = {}
        for name, key in self.namespaces.items():
            for form in (name, name.upper(), name.title(), name.capitalize(), name.replace("i", "İ").upper()):
                forms[form.encode().lower()] = key
        return forms

    @classmethod
    def from_head(cls, head: str, language: str = "") -> Wiki:
        """Read the beginning of a dump, up to its first page.

        Args:
            head: The XML from ``<mediawiki`` on.
            language: The language to assume if the dump does not name one.
        """
        named = _LANGUAGE.search(head)
        code = named.group(1) if named else language or "en"
        local = {int(key): html.unescape(name) for key, name in _NAMESPACE.findall(head)}
        aliases = {html.unescape(name).lower(): int(key) for key, name in _ALIAS.findall(head)}
        base = _field(head, "base")
        return cls(
            language=code,
            database=_field(head, "dbname"),
            article_url=base.rpartition("/")[0] + "/" if "/" in base else f"https://{code}.wikipedia.org/wiki/",
            namespaces={**namespace_names(local, code), **aliases},
        )


def namespace_names(local: dict[int, str], language: str = "") -> dict[str, int]:
    """All names of namespaces, lower-case → number: the English ones (valid everywhere), aliases, the local ones."""
    names = {name: key for key, name in CANONICAL_NAMESPACES.items()}
    names["image"] = FILE_NAMESPACE
    for aliases in (NAMESPACE_ALIASES.get(language, {}), NAMESPACE_ALIASES.get(language.partition("-")[0], {})):
        names.update({alias: key for alias, key in aliases.items() if alias not in names})
    names.update({name.lower(): key for key, name in local.items()})
    return names


def _field(head: str, name: str) -> str:
    found = re.search(rf"<{name}>([^<]*)</{name}>", head)
    return html.unescape(found.group(1)) if found else ""
