"""What BERT's basic tokenizer does with each code point, from this interpreter's own data.

The rules are those of ``BasicTokenizer`` in google-research/bert's tokenization.py: which characters are dropped, which
separate words, which are words of their own (CJK ideographs), and, for uncased models, lower-casing, canonical
decomposition (NFD) and removal of combining marks (category Mn). They are computed by `str.lower`, `str.isspace` and
`unicodedata`, as the reference computes them, so that both agree on the same interpreter.
"""

from __future__ import annotations

import unicodedata

CODE_POINTS = 0x110000

# Kind of a code point: the low bits of `traits`.
KIND_MASK = 0b111
DROPPED = 1
SEPARATOR = 2
LETTER = 3  # everything that can be part of a word, and punctuation
IDEOGRAPH = 4
CAPITAL_SIGMA = 5  # lower-cased by its context
# Further bits of `traits`.
WHITE_SPACE = 1 << 3  # str.isspace: a line of nothing else is blank
CASED = 1 << 4  # Unicode's Cased, for the final-sigma rule
CASE_IGNORABLE = 1 << 5  # Unicode's Case_Ignorable, for the final-sigma rule

# A unit of normalized text: the code point in the low 21 bits, then its canonical combining class, then flags.
UNIT_CODE_POINT = 0x1FFFFF
UNIT_CLASS_SHIFT = 21
UNIT_CLASS = 0xFF << UNIT_CLASS_SHIFT
UNIT_BARRIER = 1 << 30  # in place of a removed mark of combining class 0, across which marks are not reordered
UNIT_PUNCTUATION = 1 << 31

SIGMA, CAPITAL, FINAL = 0x3C3, 0x3A3, 0x3C2
_DROPPED_CATEGORIES = ("Cc", "Cf")


def is_dropped(character: str) -> bool:
    """Whether a character is removed from the text: controls and formats, NUL and the replacement character.

    Characters of private use (Co) and unassigned ones (Cn) are kept, as in the reference.
    """
    if character in "\x00\ufffd":
        return True
    return unicodedata.category(character) in _DROPPED_CATEGORIES and character not in "\t\n\r"


def is_punctuation(character: str) -> bool:
    """Whether a character is a word of its own because it is punctuation: all of P*, and all ASCII signs."""
    code = ord(character)
    # ASCII that is neither letter, digit, space nor control.
    if 33 <= code <= 47 or 58 <= code <= 64 or 91 <= code <= 96 or 123 <= code <= 126:
        return True
    return unicodedata.category(character)[0] == "P"


def is_ideograph(code: int) -> bool:
    """Whether a code point is in one of the blocks of CJK ideographs that the reference names."""
    return code >= 0x3400 and (
        code <= 0x4DBF
        or 0x4E00 <= code <= 0x9FFF
        or 0xF900 <= code <= 0xFAFF
        or 0x20000 <= code <= 0x2A6DF
        or 0x2A700 <= code <= 0x2CEAF
        or 0x2F800 <= code <= 0x2FA1F
    )


def describe(code_point: int, lower_case: bool) -> tuple[int, list[int]]:
    """Traits and units of one code point."""
    if 0xD800 <= code_point <= 0xDFFF:  # surrogates: valid UTF-8 has none
        return DROPPED, []
    character = chr(code_point)
    traits = WHITE_SPACE if character.isspace() else 0
    if is_dropped(character):
        return traits | DROPPED, []
    if traits or unicodedata.category(character) == "Zs":
        return traits | SEPARATOR, []
    normal = character
    if lower_case:
        traits = _casing(character)
        if code_point == CAPITAL:
            return traits | CAPITAL_SIGMA, [SIGMA]
        normal = unicodedata.normalize("NFD", character.lower())
    units = [unit for letter in normal if (unit := _unit(letter, lower_case)) is not None]
    return traits | (IDEOGRAPH if is_ideograph(code_point) else LETTER), units


def _unit(letter: str, strips_marks: bool) -> int | None:
    """One code point of normalized text as a unit; None for a mark that leaves no trace."""
    category = unicodedata.category(letter)
    unit = ord(letter)
    if strips_marks and (combining_class := unicodedata.combining(letter)):
        return None if category == "Mn" else unit | combining_class << UNIT_CLASS_SHIFT
    if strips_marks and category == "Mn":
        return UNIT_BARRIER
    return unit | UNIT_PUNCTUATION if is_punctuation(letter) else unit


def _casing(character: str) -> int:
    """The two properties that the final-sigma rule depends on, found by what `str.lower` does.

    A sigma after the character becomes final if a cased letter precedes it, case-ignorable characters being skipped.
    """
    if (character + chr(CAPITAL)).lower()[-1] == chr(FINAL):
        return CASED
    if ("A" + character + chr(CAPITAL)).lower()[-1] == chr(FINAL):
        return CASE_IGNORABLE
    return 0
