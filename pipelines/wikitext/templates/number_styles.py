"""How languages write large numbers and decimals."""

from __future__ import annotations

from typing import NamedTuple


class NumberStyle(NamedTuple):
    """Separators in a number.

    Attributes:
        group: Separator of thousands.
        decimal: Separator before decimals.
        least: Numbers of fewer digits are not grouped.
    """

    group: str
    decimal: str
    least: int = 4


ENGLISH = NumberStyle(",", ".")
AS_WRITTEN = NumberStyle("", ".")
_SPACED, _DOTTED = NumberStyle("\u00a0", ","), NumberStyle(".", ",")
# $separatorTransformTable and $minimumGroupingDigits of MediaWiki's message files.
_STYLES = {
    ENGLISH: "en simple ja zh ko he th",
    _SPACED: "no nb nn sv fi fr ru uk be cs sk et lv lt eo hy kk sq",
    _SPACED._replace(least=5): "es pl bg hu ka",
    _DOTTED: "de nl da it id tr el sl hr sr bs ro ca gl eu is mk vi",
    _DOTTED._replace(least=5): "pt",
}
_OF_LANGUAGE = {language: style for style, languages in _STYLES.items() for language in languages.split()}


def number_style(language: str) -> NumberStyle:
    """The style of a language; if it is not known, numbers stay as they are written."""
    return _OF_LANGUAGE.get(language.partition("-")[0], AS_WRITTEN)


def grouped(number: str, style: NumberStyle = ENGLISH) -> str:
    """A number ("-1234.5") as formatnum shows it; other text unchanged."""
    whole, point, decimals = number.partition(".")
    digits = whole.lstrip("+-−")
    if not digits.isdigit():
        return number
    sign = whole[: len(whole) - len(digits)]
    shown = style.group.join(_groups(digits)) if len(digits) >= style.least and digits.isdecimal() else digits
    return sign + shown + (style.decimal if decimals[:1].isdigit() else point) + decimals


def _groups(digits: str) -> list[str]:
    """Three digits each; the first group has the rest."""
    first = len(digits) % 3 or 3
    return [digits[:first], *(digits[at : at + 3] for at in range(first, len(digits), 3))]
