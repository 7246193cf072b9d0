"""Names of the built-in templates in other languages, for wikis whose template pages do not define them.

Most wikis build these templates with Lua modules, so nothing can be derived from the template's page. Only names whose
meaning is documented on that page are listed; redirects to them are found in the dump.
"""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.wikitext.templates import measures
from pipelines.wikitext.templates.builtin import TABLE, Arguments, Handler, argument, literal, positional, wrapped

# Languages that have templates of their own for "in this language", such as {{enS|text}} and {{k-en|text}}.
_CODES = """
    af ar az be bg bn bs ca cs cy da de el en eo es et eu fa fi fo fr ga gl grc he hi hr hu hy id is it ja ka kk ko la
    lb lt lv mk mn ms nl nn no oc pl pt rm ro ru sk sl sq sr sv sw ta th tr uk ur uz vi yi zh
"""


_first = argument(1, "text")


def _number(arguments: Arguments) -> str | None:
    """A number as it is written, with its unit: {{unité|5,2|km}}."""
    return " ".join(value for value in positional(arguments)[:2] if value) or None


def _date_with_month_name(months: str) -> Handler:
    """{{date|5|3|2010}} and {{date|5|mars|2010}}, with the names of the months."""
    names = dict(zip(map(str, range(1, 13)), months.split(), strict=True))

    def show(arguments: Arguments) -> str | None:
        day, month, year = [*positional(arguments), "", "", ""][:3]
        return " ".join(value for value in (day, names.get(month.lstrip("0"), month), year) if value) or None

    return show


def _century(after: str) -> Handler:
    """{{s|XIX}}: "XIXe siècle"; the ending may be the second argument."""

    def show(arguments: Arguments) -> str | None:
        number, ending = [*positional(arguments), "", ""][:2]
        return number + (ending or ("er" if number == "I" else "e")) + after if number else None

    return show


def _centuries() -> dict[str, Handler]:
    """{{XIXe siècle}}: the name is the text."""
    tens, ones = ("", "X", "XX"), ("", "I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX")
    numbers = [ten + one for ten in tens for one in ones][1:]
    names = [f"{number}{'er' if number == 'I' else 'e'} siècle" for number in numbers]
    return {name.lower(): literal(name) for name in names}


def _measured(arguments: Arguments) -> str | None:
    """{{M|5|u=km}} and {{M|5||km}}: "5 km"."""
    number, _, unit = [*positional(arguments), "", "", ""][:3]
    return f"{number} {arguments.get('u', '').strip() or unit}".strip() or None


def _old_style_date(arguments: Arguments) -> str | None:
    """{{OldStyleDate|6|июня|1799|26|мая}}: "26 мая (6 июня) 1799"; the old day, month and year are optional."""
    day, month, year, old_day, old_month, old_year = [*positional(arguments), *[""] * 6][:6]
    if not old_day:
        old, new = "", [day, month, year]
    elif old_year:
        old, new = f"{old_day} {old_month} {old_year} ", [f"({day}", month, f"{year})"]
    elif old_month:
        old, new = f"{old_day} {old_month} ", [f"({day}", f"{month})", year]
    else:
        old, new = f"{old_day} ", [f"({day})", month, year]
    return old + " ".join(part for part in new if part) or None


def _link_by_code(arguments: Arguments) -> str | None:
    """{{ill|en|中文|English}}: the title; the code of the language may come first or second."""
    values = positional(arguments)
    is_code = len(values) > 1 and len(values[0]) <= 3 and values[0].isascii() and values[0].islower()
    return _link({**arguments, "1": values[1]}) if is_code else _link(arguments)


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
        "formatnum": measures.number,
        **dict.fromkeys(("polytonisch", "kapitälchen", "abk."), _first),
    },
    "fr": {
        "langue": _language,
        "citation": wrapped("« ", " »"),
        "citation étrangère": argument(2, "texte"),
        "citation bloc": _quote,
        "citation bloc étrangère": argument(2, "texte"),
        "unité": _number,
        "nombre": _number,
        "nb": _number,
        **dict.fromkeys(
            ("date", "date-", "date de naissance", "date de naissance-", "date de décès", "date de décès-"),
            _date_with_month_name(
                "janvier février mars avril mai juin juillet août septembre octobre novembre décembre"
            ),
        ),
        "s": _century(" siècle"),
        "s-": _century(" siècle"),
        "-s": _century(" siècle av. J.-C."),
        "-s-": _century(" siècle av. J.-C."),
        "sap": _century(" siècle av. J.-C."),
        "sap-": _century(" siècle av. J.-C."),
        **_centuries(),
        "av jc": literal("av. J.-C."),
        "lien": argument(1, "texte", "fr"),
        "nobr romains": _nowrap,
        "petites capitales": _nowrap,
        "incise": wrapped("– ", " –"),
        "euro": wrapped("", " €"),
        **dict.fromkeys(
            ("référence nécessaire", "refnec", "refsou", "passage évasif", "pas clair", "non neutre"), _first
        ),
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
        "enlace interlenguaje": _link,
        "cita requerida": _first,
    },
    "pt": {
        "citação": _quote,
        "séc": wrapped("século "),
        "fmtn": _number,
        "carece de fontes": _first,
        "carece de fontes2": _first,
    },
    "it": {
        "m": _measured,
        "citazione": _quote,
        "citazione necessaria": _first,
        "senza fonte": _first,
        "chiarire": _first,
    },
    "ca": {"citació": _quote},
    "nl": {"citaat": _quote},
    "pl": {"cytat": _quote, "w języku": _language},
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
        "oldstyledate": _old_style_date,
        "флагификация": _first,
        "нет источника": _first,
    },
    "uk": {
        "цитата": _quote,
        "дріб": _fraction,
        "'": literal("\N{COMBINING ACUTE ACCENT}"),
        "нп": argument(2, "1"),
        "не перекладено": argument(2, "1"),
    },
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
    "he": {"ציטוט": argument(1, "תוכן"), "ציטוטון": wrapped('"', '"'), "קישור שפה": argument(3, "2")},
    "ja": {
        "読み仮名": _with_reading,
        "ルビ": _first,
        "ruby": _first,
        "仮リンク": lambda arguments: arguments.get("label", "").strip() or _first(arguments),
        "補助漢字フォント": _first,
        "拡張漢字": _first,
        **dict.fromkeys(("要出典範囲", "要検証範囲", "独自研究範囲"), _first),
    },
    "zh": {
        **_family("link-{}", argument(3, "1")),
        "ill": _link_by_code,
        "僻字": _first,
        "le": argument(3, "1"),
        "tsl": argument(4, "3"),
        **_family("internal link helper/{}", argument(3, "1")),
    },
    "ko": {"llang": argument(2), "인용문": _quote, "임시링크": _link},
}


def handlers_of(language: str) -> Mapping[str, Handler]:
    """The additional names in a language's wikis (``"nb"``, ``"zh-yue"``), with their handlers."""
    return _NAMES.get(language) or _NAMES.get(language.partition("-")[0], {})
