"""What the templates of the built-in table are called in other languages, where their own pages do not tell.

Most wikis build these with modules, so that nothing can be derived from the template's page. Only names whose meaning
is documented on the template's own page in that wiki stand here; redirects to them are found in the dump.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.wikitext import units
from pipelines.wikitext.templates import TABLE, Arguments, Handler, argument, literal, positional, wrapped

# Languages that have templates of their own for "in this language", such as {{enS|text}} and {{k-en|text}}.
_CODES = """
    af ar az be bg bn bs ca cs cy da de el en eo es et eu fa fi fo fr ga gl grc he hi hr hu hy id is it ja ka kk ko la
    lb lt lv mk mn ms nl nn no oc pl pt rm ro ru sk sl sq sr sv sw ta th tr uk ur uz vi yi zh
"""


_first = argument(1, "text")


def _number(arguments: Arguments) -> str | None:
    """A number as it is written, with its unit: {{unité|5,2|km}}."""
    return " ".join(value for value in positional(arguments)[:2] if value) or None


def _joined_date(arguments: Arguments) -> str | None:
    """{{date|5|mars|2010}}; a fourth argument is the subject."""
    return " ".join(value for value in positional(arguments)[:3] if value) or None


def _century(before: str, after: str) -> Handler:
    """{{s|XIX|e}}: a number with its ending."""

    def show(arguments: Arguments) -> str | None:
        values = positional(arguments)[:2]
        return before + "".join(values) + after if values else None

    return show


def _titled(title: str) -> Handler:
    """{{M.|Dupont}}: a title and what follows it, without a line break between them."""
    return lambda arguments: f"{title} {_first(arguments) or ''}".strip()


def _siglo(arguments: Arguments) -> str | None:
    """{{siglo|V|a|s}}: "siglo V a. C."."""
    values = [*positional(arguments), "", "", ""]
    if not values[0]:
        return None
    word = {"s": "siglo ", "S": "Siglo "}.get(values[2], "")
    era = {"a": " a. C.", "d": " d. C."}.get(values[1], "")
    return word + values[0] + era


def _with_reading(arguments: Arguments) -> str | None:
    """{{読み仮名|漢字|かな}}: the word, and how it is read in parentheses."""
    values = positional(arguments)
    return f"{values[0]}（{values[1]}）" if len(values) > 1 else "".join(values) or None


def _family(pattern: str, handler: Handler) -> dict[str, Handler]:
    return {pattern.format(code): handler for code in _CODES.split()}


_convert, _language, _quote, _link = TABLE["convert"], TABLE["lang"], TABLE["quote"], TABLE["ill"]
_nowrap, _fraction, _tooltip = TABLE["nowrap"], TABLE["frac"], TABLE["abbr"]

_NORWEGIAN: dict[str, Handler] = {"konverter": _convert, "språk": _language, "sitat": _quote, "brøk": _fraction}

_NAMES: dict[str, dict[str, Handler]] = {
    "no": _NORWEGIAN,
    "nb": _NORWEGIAN,
    "nn": _NORWEGIAN,
    "sv": {"citat": _quote, "språk": _language},
    "da": {"citat": _quote, "sprog": _language, "brøk": _fraction},
    "de": {
        **_family("{}s", _first),  # {{enS|text}}: "englisch text"
        '"': wrapped("„", "“"),
        "zitat": argument(1, "text"),
        "bruch": _fraction,
        "formatnum": units.number,
    },
    "fr": {
        "langue": _language,
        "citation": wrapped("« ", " »"),
        "citation étrangère": argument(2, "texte"),
        "citation bloc": _quote,
        "citation bloc étrangère": argument(2, "texte"),
        "unité": _number,
        "nombre": _number,
        "date": _joined_date,
        "date-": _joined_date,
        "s": _century("", " siècle"),
        "s-": _century("", " siècle"),
        "sap": _century("", " siècle av. J.-C."),
        "er": literal("er"),
        "1er": literal("1er"),
        "1re": literal("1re"),
        "e": literal("e"),
        "n°": _titled("n°"),
        "m.": _titled("M."),
        "mme": _titled("Mme"),
        "mlle": _titled("Mlle"),
        "abréviation": _tooltip,
        "abrév": _tooltip,
        "japonais": TABLE["nihongo"],
        "fraction": _fraction,
        "exp": _first,
        "ind": _first,
    },
    "es": {
        "unidad": _number,
        "cita": _quote,
        "siglo": _siglo,
        "esd": _nowrap,
        "convertir": _convert,
    },
    "pt": {"citação": _quote, "séc": wrapped("século "), "fmtn": _number},
    "it": {"citazione": _quote},
    "ca": {"citació": _quote},
    "nl": {"citaat": _quote},
    "pl": {"cytat": _quote},
    "fi": {**_family("k-{}", _first), "lainaus": _quote, "sitaatti": _quote},
    "ru": {
        "s": _nowrap,
        "num": _number,
        "число": _number,
        "цитата": _quote,
        "дробь": _fraction,
        "comment": _tooltip,
        "подсказка": _tooltip,
        "'": literal("\N{COMBINING ACUTE ACCENT}"),
        "ударение": literal("\N{COMBINING ACUTE ACCENT}"),
        "не переведено": argument(2, "1"),
        "не переведено 2": argument(2, "1"),
        "не переведено 3": argument(2, "1"),
        "не переведено 5": argument(2, "1"),
        "нп5": argument(2, "1"),
        "нп3": argument(2, "1"),
        "нп2": argument(2, "1"),
    },
    "uk": {"цитата": _quote, "дріб": _fraction, "'": literal("\N{COMBINING ACUTE ACCENT}"), "нп": argument(2, "1")},
    "ar": {
        "لغة": _language,
        "اقتباس": _quote,
        "وصلة إنترويكي": argument(1, "نص", "عر"),
        "وإو": argument(1, "نص", "عر"),
        "إنج": _first,
        "فرن": _first,
        "بالإنجليزية": _first,
    },
    "fa": {"نقل قول": _quote, "به انگلیسی": _first, "به فرانسوی": _first},
    "he": {"ציטוט": argument(1, "תוכן"), "ציטוטון": wrapped('"', '"')},
    "ja": {
        "読み仮名": _with_reading,
        "ルビ": _first,
        "ruby": _first,
        "仮リンク": _link,
        "補助漢字フォント": _first,
    },
    "zh": {
        "link-en": argument(3, "1"),
        "le": argument(3, "1"),
        "tsl": argument(4, "3"),
        "internal link helper/en": argument(3, "1"),
    },
    "ko": {"llang": argument(2), "인용문": _quote, "임시링크": _link},
}


def handlers_of(language: str) -> Mapping[str, Handler]:
    """The names of a language's wikis (``"nb"``, ``"zh-yue"``) beside those of the built-in table."""
    return _NAMES.get(language) or _NAMES.get(language.partition("-")[0], {})
