"""The built-in templates in wikis of other languages: they show numbers and arguments, no English words."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from pipelines.wikitext.templates import builtin, measures
from pipelines.wikitext.templates.builtin import TABLE, Arguments, Handler, positional
from pipelines.wikitext.templates.number_styles import ENGLISH, number_style

# The abbreviation before an uncertain year, in languages that write it in nearly always the same way.
_ABOUT = {**dict.fromkeys(("no", "nb", "nn", "da", "sv", "de", "nl", "cs"), "ca. "), "pl": "ok. ", "fi": "n. "}
ENGLISH_WIKIS = ("en", "simple", "sco")


def _values(arguments: Arguments) -> str | None:
    """The unnamed arguments: {{reign|1500|1550}}: "1500 – 1550"."""
    return " – ".join(value for value in positional(arguments) if value) or None


def _circa(about: str) -> Handler:
    """{{circa|1500|1550}}: "ca. 1500 – ca. 1550"."""
    return lambda arguments: " – ".join(about + value for value in positional(arguments) if value) or None


def _scripts(arguments: Arguments) -> str | None:
    """{{zh|t=…|p=…}} without the names of scripts."""
    shown = (arguments.get(key, "").strip() for key in ("c", "t", "s", "p", "w"))
    return ", ".join(value for value in shown if value) or None


def localized(language: str) -> Mapping[Handler, Handler | None]:
    """Handlers that replace those of the built-in table in the wikis of a language; None for ones that show nothing."""
    style = number_style(language)
    handlers: dict[Handler, Handler | None] = {}
    if style != ENGLISH:
        handlers = {one: partial(one, style=style) for one in (measures.number, measures.value)}
    if language.partition("-")[0] not in ENGLISH_WIKIS:
        handlers[measures.convert] = partial(measures.convert, style=style, has_names=False)
        handlers.update(dict.fromkeys(builtin.ENGLISH_DATES))
        handlers.update({TABLE[name]: _values for name in ("floruit", "reign", "died-in", "born-in")})
        handlers[TABLE["circa"]] = _circa(_ABOUT.get(language.partition("-")[0], ""))
        handlers[TABLE["zh"]] = _scripts
        handlers[TABLE["literal translation"]] = TABLE["gloss"]
    return handlers
