"""The built-in templates: the text that each shows. Other templates are dropped.

The names and results are those of English Wikipedia, whose inline templates most wikis share; nothing that depends on
the day of rendering (ages, current dates) is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pipelines.wikitext.parser.control_bytes import DROPPED, NUMBER
from pipelines.wikitext.templates import dates, measures
from pipelines.wikitext.templates.number_styles import ENGLISH, NumberStyle, grouped

_DROPPED, _NUMBER = chr(DROPPED), chr(NUMBER)
Arguments = Mapping[str, str]
Handler = Callable[[Arguments], str | None]


def positional(arguments: Arguments) -> list[str]:
    """The unnamed arguments in order, stripped, without empty ones at the end."""
    values: list[str] = []
    while (value := arguments.get(str(len(values) + 1))) is not None:
        values.append(value.strip())
    while values and not values[-1]:
        values.pop()
    return values


def argument(position: int, *names: str) -> Handler:
    """Shows one argument, by position (from 1) or by one of ``names``."""

    def show(arguments: Arguments) -> str | None:
        for key in (str(position), *names):
            if (value := arguments.get(key, "").strip(" ")).strip():
                return value
        return None

    return show


_first = argument(1, "text")


def _last(arguments: Arguments) -> str | None:
    values = positional(arguments)
    return values[-1] if values else None


def _joined(arguments: Arguments) -> str | None:
    return "".join(positional(arguments)) or None


def literal(text: str) -> Handler:
    """Shows a fixed text."""
    return lambda arguments: text


def wrapped(before: str, after: str = "") -> Handler:
    """Shows the first argument between two fixed texts."""

    def show(arguments: Arguments) -> str | None:
        shown = _first(arguments)
        return None if shown is None else before + shown.strip() + after

    return show


def _as_of(arguments: Arguments) -> str | None:
    """{{as of|2010|5|3|lc=y}}: "as of 3 May 2010"."""
    if alternative := arguments.get("alt", "").strip():
        return alternative
    date = dates.format_date(positional(arguments), american=arguments.get("df", "").lower() == "us")
    words = "Since" if arguments.get("since") else "As of"
    if not date:
        return None
    return f"{words.lower() if arguments.get('lc') else words} {date}"


def _date(arguments: Arguments) -> str | None:
    """{{birth date|1950|2|28|df=y}}: the date without the age, which would depend on the day of the extraction."""
    day_first = arguments.get("df", "").strip().lower() in ("y", "yes", "1", "true")
    return dates.format_date(positional(arguments)[:3], american=not day_first) or None


def _old_style_date(arguments: Arguments) -> str | None:
    """{{OldStyleDate|February 2|1905|January 20}}: "February 2 [O.S. January 20] 1905"."""
    day, year, old = [*positional(arguments), "", "", ""][:3]
    return " ".join(part for part in (day, f"[O.S. {old}]" if old else "", year) if part) or None


def _items(arguments: Arguments) -> str | None:
    """{{ordered list|a|b}}: items on lines of their own."""
    items = (value.strip() for value in positional(arguments))
    return "\n\n" + "\n\n".join(item for item in items if item) + "\n\n"


def _verse(arguments: Arguments) -> str | None:
    """{{bibleverse|1|John|3:16|KJV}}: "1 John 3:16"; {{bibleref|Mark|3:25|9}}: "Mark 3:25"."""
    values = positional(arguments)
    numbered = 3 if values and (not values[0] or values[0].isdigit()) else 2
    return " ".join(value for value in values[:numbered] if value) or None


def _nihongo(arguments: Arguments) -> str | None:
    """{{nihongo|English|kanji|romaji|extra}}: "English (kanji, romaji, extra)"."""
    english, *rest = [value.strip() for value in [*positional(arguments), "", ""]]
    inside = ", ".join(value for value in (*rest, arguments.get("extra", "").strip()) if value)
    if not english:
        return inside or None
    return f"{english} ({inside})" if inside else english


def _fraction(arguments: Arguments) -> str | None:
    """{{frac|1|2}}: "1/2"; {{frac|3|1|2}}: "3 1/2"; {{frac|2}}: "1/2"; and 3{{frac|1|2}}: "3 1/2"."""
    values = positional(arguments)
    if len(values) == 3:
        return f"{_NUMBER}{values[0]} {values[1]}/{values[2]}"
    if len(values) == 2:
        return f"{_NUMBER}{values[0]}/{values[1]}"
    return f"{_NUMBER}1/{values[0]}" if values else None


def _element(symbol: str) -> Handler:
    """{{carbon|6}}: "C6"."""
    return lambda arguments: symbol + (_first(arguments) or "")


def _ship(prefix: str = "") -> Handler:
    """{{USS|Enterprise|CV-6}} and {{ship|USS|Enterprise|CV-6|6}}: "USS Enterprise (CV-6)"; the 6 is a style."""

    def show(arguments: Arguments) -> str | None:
        values = positional(arguments) if not prefix else [prefix, *positional(arguments)]
        if len(values) < 2:
            return None
        name = " ".join(value for value in values[:2] if value)
        style = values[3] if len(values) > 3 else ""
        number = values[2] if len(values) > 2 and style not in ("2", "6") else ""
        return f"{name} ({number})" if number else name

    return show


def _circa(arguments: Arguments) -> str | None:
    """{{circa|1500|1550}}: "c. 1500 – c. 1550"."""
    return " – ".join(f"c. {year}" for year in positional(arguments)) or "c."


def _link(arguments: Arguments) -> str | None:
    """{{ill|Title|de|Titel|lt=shown}}: a link to a page that another language has."""
    return arguments.get("lt", "").strip() or _first(arguments)


def _music(arguments: Arguments) -> str | None:
    signs = {"flat": "♭", "b": "♭", "sharp": "♯", "#": "♯", "natural": "♮", "n": "♮"}
    return signs.get(arguments.get("1", "").strip().lower())


def _chinese(arguments: Arguments) -> str | None:
    """{{zh|t=…|s=…|p=…}}: "Chinese: …; pinyin: …"."""
    labels = {"c": "Chinese", "t": "traditional Chinese", "s": "simplified Chinese", "p": "pinyin", "w": "Wade–Giles"}
    shown = [f"{label}: {arguments[key].strip()}" for key, label in labels.items() if arguments.get(key, "").strip()]
    return "; ".join(shown) or None


def _quote(arguments: Arguments) -> str | None:
    """A block quotation, as a paragraph of its own; its author is dropped, and so is punctuation after it."""
    shown = argument(1, "text", "quote", "content")(arguments)
    return None if shown is None else f"\n\n{shown}\n\n{_DROPPED}"


def _sic(arguments: Arguments) -> str | None:
    return "".join(value for value in positional(arguments)[:2]) or None


def parser_function(name: str, style: NumberStyle = ENGLISH) -> str | None:
    """{{formatnum:1234}}; conditional functions do not occur in articles."""
    function, _, value = name.partition(":")
    return grouped(value.strip(), style) or None if function == "formatnum" else None


# Names, separated by "|", and the handler that gives the text of these templates.
_HANDLERS: list[tuple[str, Handler]] = [
    # Text shown as it is, in some style or script.
    ("nowrap|nobr|nobreak|no wrap|avoid wrap|small|smaller|big|bigger|larger|large|huge|resize|normal", _first),
    ("smallcaps|small caps|sc|sc2|aut|em|strong|bold|italic|italics|nobold|noitalic|underline|overline|u|b|i", _first),
    ("mvar|var|math|code|mono|monospace|kbd|samp|tt|pre2|key press|keypress|font|highlight|strike|s|del|ins", _first),
    ("unicode|serif|vanchor|visible anchor|anchored|not a typo|proper name|nq", _first),
    ("hebrew|script/hebrew|script/arabic|ivrit|semxlit|pie|asiantitle|lcfirst|mp|wikt|ipalink|ll", _first),
    ("abbr|abbreviation|tooltip|h:title|hover title|flag|flagcountry|flagu|flag+link|country|noflag", _first),
    ("section link|slink|cite quran|chem2|railgauge|track gauge|num|digits|vr|sup|sub", _first),
    ("color|colour|font color|fontcolor|text color|background color|bg|script", argument(2, "text")),
    ("lang|langx|wikt-lang|rtl-lang|rtl lang", argument(2, "text")),
    ("transl|transliteration|translit|nihongo2|sort|hs|su", _last),
    ("ill|illm|interlanguage link|link-interwiki", _link),
    # Signs and spaces.
    ("nbsp|nbs|space|spaces|thinsp|thin space|hair space|hairsp|ensp|emsp|figure space|nnbsp|pad|0", literal(" ")),
    ("br|break|-br|crlf", literal(" ")),
    ("zwj|zwnj|wbr|shy|zwsp|word joiner|wj", literal("")),
    ("p|paragraph break", literal("\n\n")),
    ("ndash|en dash|endash", literal("–")),
    ("mdash|mdashb|em dash|emdash", literal("—")),
    ("snd|snds|spnd|sndash|spaced ndash|spaced en dash|dash", literal(" – ")),
    ("smd|spaced mdash", literal(" — ")),
    ("nbhyph|nbh|hyphen", literal("-")),
    ("'|apostrophe|`", literal("'")),
    ("'s|`s", literal("'s")),
    ("' \"|'\"", literal("' \"")),
    ("\" '|\"'", literal("\" '")),
    ("-\"|-'", literal('"')),
    ("=", literal("=")),
    ("(", literal("{")),
    (")", literal("}")),
    ("·|dot|middot|•|bull|bullet|bold dot|*", literal(" · ")),
    ("okina|'okina|ʻokina", literal("ʻ")),
    ("hamza", literal("ʾ")),
    ("ayin", literal("ʿ")),
    ("pi", literal("π")),
    ("→", literal("→")),
    ("tm|trade", literal("™")),
    ("music|accidental", _music),
    ("angbr|angle bracket", wrapped("⟨", "⟩")),
    ("bracket", wrapped("[", "]")),
    ("braces", wrapped("{", "}")),
    ("usd|us$|us dollar", wrapped("$")),
    ("a$|aud", wrapped("A$")),
    ("gbp|£|pound sterling", wrapped("£")),
    ("euro|€|eur", wrapped("€")),
    ("inr|indian rupee|₹", wrapped("₹")),
    ("¥|jpy", wrapped("¥")),
    # Numbers, units, formulas.
    ("convert|cvt|conv", measures.convert),
    ("val", measures.value),
    ("frac|fraction|sfrac|fract|⁄", _fraction),
    ("formatnum|fmtn|nts|ntsh", measures.number),
    ("e|exp|esp", wrapped(" × 10^")),
    ("10^", wrapped("10^")),
    ("sqrt|radic", wrapped("√")),
    ("deg|degree|°", wrapped("", "°")),
    ("gaps|chem|chem/2|linktext", _joined),
    ("simplenuclide|nuclide", measures.nuclide),
    ("carbon", _element("C")),
    ("hydrogen", _element("H")),
    ("oxygen", _element("O")),
    ("eqm", literal(" ⇌ ")),
    # Dates; never an age.
    ("circa|c.|ca|ca.", _circa),
    ("floruit|fl.|fl", wrapped("fl. ")),
    ("reign|r.", lambda arguments: "r. " + "–".join(positional(arguments))),
    ("died-in|d.", wrapped("d. ")),
    ("born-in|b.", wrapped("b. ")),
    ("as of|asof|as-of", _as_of),
    ("birth date|birth date and age|birth-date|birth-date and age|dob|bda|birth year and age", _date),
    ("death date|death date and age|dda|start date|start date and age|start-date|end date|end-date", _date),
    ("film date|release date|opening date|date|dts|dtsh", _date),
    ("oldstyledate|oldstyledatedy", _old_style_date),
    # Other languages.
    ("nihongo|nihongo3|nihongo krt|nihongo foot", _nihongo),
    ("zh|zh-full|chinese", _chinese),
    ("lang-zh|zh-lang", lambda arguments: _chinese(arguments) or _first(arguments)),
    ("literal translation|lit|lit.", wrapped("lit. '", "'")),
    ("gloss|gl", wrapped("'", "'")),
    # Quotations.
    ("quote|quotation|blockquote|bquote|bq|cquote|pull quote|centered pull quote|fb quote", _quote),
    ("poemquote|poem quote|poem|verse translation|block indent|blockindent|center|centre", _quote),
    ("tq|tqi", wrapped('"', '"')),
    ("bibleverse|bibleref|bibleref2|bibleverse-lb|bibleverse-nb", _verse),
    # Lists in the text.
    ("ordered list|unordered list|unbulleted list|ubl|bulleted list|blist", _items),
    ("columns-list|column list|cmn", lambda arguments: f"\n\n{_last(arguments) or ''}\n\n"),
    # Passages with a remark.
    ("citation needed span|cnspan|cns|clarify span|disputed inline span|according to whom span", _first),
    ("sic", _sic),
    # Ships.
    ("ship", _ship()),
    ("sclass|sclass-|sclass2", lambda arguments: "-class ".join(positional(arguments)[:2]) or None),
    *(
        (name, _ship(name.upper()))
        for name in ("uss", "hms", "hmas", "hmcs", "hmnzs", "ss", "sms", "rms", "mv", "usns")
    ),
]
# Those with English words or the English order.
ENGLISH_DATES = (_as_of, _date, _old_style_date)
TABLE: dict[str, Handler] = {name: handler for names, handler in _HANDLERS for name in names.split("|")}
