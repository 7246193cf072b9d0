"""The table of a wiki's templates with visible text: built-in ones, their names in other languages, the dump's own."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial

from pipelines.wikitext.templates.bodies import Body, show
from pipelines.wikitext.templates.builtin import TABLE, Arguments, Handler, parser_function
from pipelines.wikitext.templates.local import localized
from pipelines.wikitext.templates.names import handlers_of
from pipelines.wikitext.templates.number_styles import number_style

_SPACES = re.compile(r"[\s_]+")
# Templates by the beginning of their name: {{lang-fr|Bonjour}}.
SHOWN_FAMILY = "lang-"


@dataclass(frozen=True)
class TemplateDefinitions:
    """Definitions from the template pages of a dump.

    Attributes:
        aliases: Redirects: name → name. The target may be anything the table knows.
        bodies: Templates that show their arguments: name → body.
        disambiguations: Templates that mark a page as a disambiguation.
    """

    aliases: Mapping[str, str] = field(default_factory=dict)
    bodies: Mapping[str, Body] = field(default_factory=dict)
    disambiguations: frozenset[str] = frozenset()


class TemplateTable:
    """The templates of a wiki with visible text, by name.

    Args:
        language: Code of the wiki's language, which decides the local names of templates.
        definitions: Definitions from the dump's own template pages. They override the built-in ones: a wiki's template
            of the same name may be another one.
    """

    def __init__(self, language: str = "en", definitions: TemplateDefinitions | None = None) -> None:
        definitions = definitions or TemplateDefinitions()
        self._handlers: dict[str, Handler] = {}
        self._style = number_style(language)
        local = localized(language)
        for names in (TABLE, handlers_of(language)):
            for name, builtin in names.items():
                handler = local.get(builtin, builtin)
                if handler is not None:
                    self._handlers.update(dict.fromkeys(spellings(name), handler))
        bodies = {
            spelling: partial(show, body, expand=self.expand)
            for name, body in definitions.bodies.items()
            for spelling in spellings(name)
        }
        self._handlers.update(bodies)
        for name, target in definitions.aliases.items():
            resolved = self._handlers.get(target) or self._family(target)
            if resolved is not None:
                self._handlers.update(dict.fromkeys(spellings(name), resolved))

    @property
    def names(self) -> Iterator[str]:
        """The names of all templates that show something, in every spelling that is looked up."""
        return iter(self._handlers)

    def expand(self, name: str, arguments: Arguments) -> str | None:
        """The text that a template shows.

        Args:
            name: Its name, single spaces, A-Z in lower case.
            arguments: Its arguments by name; those without a name are "1", "2", …

        Returns:
            Text, possibly with wikitext for bold and italics and with entities; None if the template shows nothing.
        """
        handler = self._handlers.get(name) or self._family(name)
        if handler is not None:
            return handler(arguments)
        return parser_function(name, self._style) if ":" in name else None

    def _family(self, name: str) -> Handler | None:
        return TABLE["nowrap"] if name.startswith(SHOWN_FAMILY) else None


def ascii_lower(name: str) -> str:
    """``name`` with A-Z lowered: the form in which the compiled scanner looks names up."""
    return name.encode().lower().decode()


def canonical(name: str) -> str:
    """One form for all spellings of a name: single spaces, a capital first letter, A-Z lowered."""
    name = _SPACES.sub(" ", name).strip()
    return ascii_lower(name[:1].upper() + name[1:])


def spellings(name: str) -> set[str]:
    """The spellings in which a name is looked up; MediaWiki accepts the first letter in either case."""
    return {ascii_lower(first + name[1:]) for first in (name[:1], name[:1].lower(), name[:1].upper())}
