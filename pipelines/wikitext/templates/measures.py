"""Numbers with units, as the templates convert, val and formatnum show them, without the converted value."""

from __future__ import annotations

import re
from collections.abc import Mapping

from pipelines.wikitext.templates.number_styles import ENGLISH, NumberStyle, grouped

# Code, singular, plural and symbol of the units that make up nearly all uses of {{convert}} in English Wikipedia.
# https://en.wikipedia.org/wiki/Template:Convert#Units
_UNITS = """
mm|millimetre|millimetres|mm
cm|centimetre|centimetres|cm
m|metre|metres|m
km|kilometre|kilometres|km
in|inch|inches|in
ft|foot|feet|ft
foot|foot|foot|ft
yd|yard|yards|yd
mi|mile|miles|mi
mile|mile|mile|mi
nmi|nautical mile|nautical miles|nmi
au|astronomical unit|astronomical units|AU
ly|light-year|light-years|ly
pc|parsec|parsecs|pc
ha|hectare|hectares|ha
acre|acre|acres|acre
acres|acre|acres|acres
sqmi|square mile|square miles|sq mi
sqkm|square kilometre|square kilometres|km²
km2|square kilometre|square kilometres|km²
m2|square metre|square metres|m²
sqm|square metre|square metres|m²
sqft|square foot|square feet|sq ft
sqin|square inch|square inches|sq in
cm2|square centimetre|square centimetres|cm²
sqyd|square yard|square yards|sq yd
m3|cubic metre|cubic metres|m³
km3|cubic kilometre|cubic kilometres|km³
cuft|cubic foot|cubic feet|cu ft
cuin|cubic inch|cubic inches|cu in
cumi|cubic mile|cubic miles|cu mi
cm3|cubic centimetre|cubic centimetres|cm³
cc|cubic centimetre|cubic centimetres|cc
l|litre|litres|L
ml|millilitre|millilitres|mL
usgal|US gallon|US gallons|US gal
impgal|imperial gallon|imperial gallons|imp gal
oilbbl|barrel|barrels|bbl
usoz|US fluid ounce|US fluid ounces|US fl oz
cuyd|cubic yard|cubic yards|cu yd
g|gram|grams|g
kg|kilogram|kilograms|kg
mg|milligram|milligrams|mg
t|tonne|tonnes|t
tonne|tonne|tonnes|t
mt|metric ton|metric tons|t
lb|pound|pounds|lb
lbs|pound|pounds|lb
oz|ounce|ounces|oz
st|stone|stone|st
lt|long ton|long tons|long tons
long ton|long ton|long tons|long tons
st ton|short ton|short tons|short tons
short ton|short ton|short tons|short tons
ton|ton|tons|tons
ozt|troy ounce|troy ounces|ozt
km/h|kilometre per hour|kilometres per hour|km/h
kph|kilometre per hour|kilometres per hour|km/h
mph|mile per hour|miles per hour|mph
m/s|metre per second|metres per second|m/s
ft/s|foot per second|feet per second|ft/s
km/s|kilometre per second|kilometres per second|km/s
kn|knot|knots|kn
knot|knot|knots|kn
hp|horsepower|horsepower|hp
bhp|brake horsepower|brake horsepower|bhp
shp|shaft horsepower|shaft horsepower|shp
ihp|indicated horsepower|indicated horsepower|ihp
ps|metric horsepower|metric horsepower|PS
kw|kilowatt|kilowatts|kW
mw|megawatt|megawatts|MW
w|watt|watts|W
gw|gigawatt|gigawatts|GW
lbf|pound-force|pounds-force|lbf
n|newton|newtons|N
knn|kilonewton|kilonewtons|kN
nm|newton-metre|newton-metres|N⋅m
lbft|pound-foot|pound-feet|lb⋅ft
psi|pound per square inch|pounds per square inch|psi
kpa|kilopascal|kilopascals|kPa
mpa|megapascal|megapascals|MPa
bar|bar|bars|bar
atm|standard atmosphere|standard atmospheres|atm
mbar|millibar|millibars|mbar
hpa|hectopascal|hectopascals|hPa
inhg|inch of mercury|inches of mercury|inHg
mmhg|millimetre of mercury|millimetres of mercury|mmHg
j|joule|joules|J
kj|kilojoule|kilojoules|kJ
cal|calorie|calories|cal
kcal|kilocalorie|kilocalories|kcal
kwh|kilowatt-hour|kilowatt-hours|kWh
kt(tnt)|kiloton of TNT|kilotons of TNT|kt
k|kelvin|kelvins|K
/km2|inhabitant per square kilometre|inhabitants per square kilometre|/km²
pd/sqmi|inhabitant per square mile|inhabitants per square mile|/sq mi
pd/km2|inhabitant per square kilometre|inhabitants per square kilometre|/km²
/sqmi|inhabitant per square mile|inhabitants per square mile|/sq mi
mpgus|mile per US gallon|miles per US gallon|mpg
mpgimp|mile per imperial gallon|miles per imperial gallon|mpg
furlong|furlong|furlongs|furlongs
fathom|fathom|fathoms|fathoms
chain|chain|chains|chains
mya|million years ago|million years ago|Mya
"""
UNITS: dict[str, tuple[str, str, str]] = {
    code: (singular, plural, symbol)
    for code, singular, plural, symbol in (row.split("|") for row in _UNITS.split("\n") if row)
}
# Always shown by their symbol.
SYMBOLS = {
    "c": "°C",
    "f": "°F",
    "°c": "°C",
    "°f": "°F",
    "c-change": "°C",
    "f-change": "°F",
    "µm": "µm",
    "um": "µm",
    "nmm": "nm",
}
# Words and symbols between two values: as written → as shown.
RANGES = {
    "-": "–",
    "–": "–",
    "&ndash;": "–",
    "to": " to ",
    "to(-)": " to ",
    "to-": " to ",
    "and": " and ",
    "and(-)": " and ",
    "or": " or ",
    "x": " by ",
    "by": " by ",
    "×": " × ",
    "xx": " × ",
    "*": " × ",
    "+/-": " ± ",
    "±": " ± ",
    "&": " & ",
    "+": " + ",
    "/": "/",
    ",": ", ",
    "to about": " to about ",
    "- ": "–",
}
SCALES = {"e3": "thousand", "e6": "million", "e9": "billion", "e12": "trillion"}

# Possessive: what was read is not tried again, which would take the cube of the length where a letter follows.
_NUMBER = re.compile(r"[+−-]?(?=[,.]*+\d)[\d,.]++(?:[eE][+-]?\d++)?(?:\s*+\d*+[/⁄]\d++)?")


def number(arguments: Mapping[str, str], style: NumberStyle = ENGLISH) -> str | None:
    """{{formatnum|1234}}, {{nts|1234}}."""
    return grouped(arguments.get("1", "").strip(), style) or None


def convert(arguments: Mapping[str, str], style: NumberStyle = ENGLISH, has_names: bool = True) -> str | None:
    """{{convert|5|to|10|km|mi}}: "5 to 10 kilometres", with abbr=on "5 to 10 km"; {{convert|6|ft|2|in}}: "6 feet …".

    The converted value is dropped.

    Args:
        arguments: Its arguments.
        style: How numbers are written.
        has_names: Whether units are shown by name by default; the argument abbr overrides it.
    """
    values: list[str] = []
    while (given := arguments.get(str(len(values) + 1))) is not None:
        values.append(given.strip())
    symbols = not has_names or arguments.get("abbr", "").strip() in ("on", "in", "values", "y", "yes")
    adjective = arguments.get("adj", "").strip() in ("on", "mid")
    american = arguments.get("sp", "").strip() == "us"
    shown, index = "", 0
    while index < len(values) and _NUMBER.fullmatch(values[index].replace("+", " ").strip() or "?"):
        figure = values[index].replace("+", " ") if "/" in values[index] else values[index]
        following = values[index + 1] if index + 1 < len(values) else ""
        if following.lower() in RANGES:
            shown += grouped(figure, style) + RANGES[following.lower() if has_names else "-"]
            index += 2
            continue
        unit = unit_name(
            following, symbols=symbols, plural=figure not in ("1", "-1"), adjective=adjective, american=american
        )
        if not unit:
            return None
        joint = "" if unit.startswith("/") else "-" if adjective and not symbols and unit[0].isalpha() else " "
        shown += grouped(figure, style) + joint + unit
        index += 2
        # A second value in a smaller unit (6 ft 2 in); otherwise the next argument is the unit to convert to.
        if (
            index + 1 < len(values)
            and _NUMBER.fullmatch(values[index] or "?")
            and values[index + 1].lower() in (*UNITS, *SYMBOLS)
        ):
            shown += " "
            continue
        return shown
    return None


def unit_name(code: str, *, symbols: bool, plural: bool, adjective: bool, american: bool) -> str:
    """The name or symbol of a unit of {{convert}}; an unknown code is its own symbol."""
    scale = ""
    for prefix, word in SCALES.items():
        if code.lower().startswith(prefix) and len(code) > len(prefix):
            scale, code = word + " ", code[len(prefix) :]
            break
    if code.lower() in SYMBOLS:
        return scale + SYMBOLS[code.lower()]
    names = UNITS.get(code.lower())
    if names is None:
        return scale + code
    name = names[2] if symbols else names[1] if plural and not adjective else names[0]
    if american and not symbols:
        name = name.replace("metre", "meter").replace("litre", "liter")
    return scale + (name.replace(" ", "-") if adjective and not symbols else name)


def value(arguments: Mapping[str, str], style: NumberStyle = ENGLISH) -> str | None:
    """{{val|1234.5|0.2|e=6|u=km}}: "1,234.5±0.2×10^6 km"."""
    figure = grouped(arguments.get("1", "").strip(), style)
    if not figure:
        return None
    error = arguments.get("2", "").strip()
    power = arguments.get("e", "").strip()
    unit = arguments.get("u", "").strip() or arguments.get("ul", "").strip()
    per = arguments.get("up", "").strip() or arguments.get("upl", "").strip()
    shown = arguments.get("p", "").strip() + figure + (f"±{error}" if error else "") + (f"×10^{power}" if power else "")
    if unit or per:
        shown += " " + unit + (f"/{per}" if per else "")
    return shown + arguments.get("s", "").strip()


def nuclide(arguments: Mapping[str, str]) -> str | None:
    """{{simplenuclide|uranium|235}}: "uranium-235"."""
    parts = [arguments.get(key, "").strip() for key in ("1", "2")]
    return "-".join(part for part in parts if part) or None
