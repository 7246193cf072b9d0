"""Pages that only list the meanings of a title: recognised by a template or a magic word in their text."""

# ruff: noqa: SIM109  numba compiles comparisons of bytes far better than `in` with a tuple

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from berth.kernels import borrowing_jit
from berth.kernels.hashing import add_byte
from berth.kernels.name_table import NOT_FOUND, begin_hash, look_up, name_table
from pipelines.wikitext.parser.delimiters import BLANK, CLOSE_BRACE, NEWLINE, OPEN_BRACE, PIPE, TAB, UNDERSCORE, lower
from pipelines.wikitext.templates.table import spellings

# Names of such templates in large wikis; templates that redirect to them, or hold the magic word, are found in the
# dump.
_NAMES = """
    disambiguation, disambig, disamb, dab, disambiguation page, disambig-cleanup, disambiguation cleanup, hndis,
    hndis-cleanup, human name disambiguation, geodis, geo-dis, place name disambiguation, schooldis,
    school disambiguation, hospitaldis, hospital disambiguation, numberdis, number disambiguation, roaddis,
    road disambiguation, airport disambiguation, biology disambiguation, call sign disambiguation,
    caselaw disambiguation, chinese title disambiguation, church disambiguation, genus disambiguation,
    letter disambiguation, letter-number combination disambiguation, letter–number combination disambiguation,
    mathdab, mathematical disambiguation, military unit disambiguation, music disambiguation,
    political party disambiguation, species latin name disambiguation,
    species latin name abbreviation disambiguation, station disambiguation, taxonomic authority disambiguation,
    taxonomy disambiguation, tla disambiguation, wp disambig, begriffsklärung, homonymie, homonyme,
    desambiguación, desambiguacion, desambiguação, desambig, desambiguació, disambigua, dezambiguizare,
    ujednoznacznienie, rozcestník, rozlišovacia stránka, egyért, razdvojba, razločitev, täpsustuslehekülg,
    täpsustus, nuorodinis straipsnis, nozīmju atdalīšana, täsmennyssivu, förgrening, peker, flertydig,
    fleirtyding, aðgreining, anlam ayrımı, argipen, apartigilo, homónimos, định hướng, trang định hướng,
    gwahaniaethu, неоднозначность, многозначность, неоднозначність, неадназначнасць, пояснение,
    вишезначна одредница, појаснување, айрық, αποσαφήνιση, բազմիմաստություն, მრავალმნიშვნელოვანი, توضيح,
    ابهام‌زدایی, ضد ابہام, פירושונים, बहुविकल्पी शब्द, দ্ব্যর্থতা নিরসন, பக்கவழி நெறிப்படுத்தல், แก้ความกำกวม,
    aimai, 曖昧さ回避, 人名の曖昧さ回避, 地名の曖昧さ回避, 同名の作品, 消歧义, 消歧義, 消歧义页, 消歧義頁,
    동음이의, 동명이인
"""
# Names too short to mean the same everywhere.
_OF_LANGUAGE = {"nl": ("dp", "dpintro"), "bs": ("čvor",), "ca": ("des",), "es": ("des",)}
TEMPLATES = tuple(name.strip() for name in _NAMES.replace("\n", " ").split(",") if name.strip())

_WORDS = """
    DISAMBIG توضيح BEGRIFFSKLÄRUNG DISAMBIGUACIÓN DISAMBIGUACION TÄPSUSTUS ابهامزدایی ابهام‌زدایی HOMONYMIE HOMÓNIMOS
    HOMONIMOS דף_פירושונים פירושונים बहुवि 曖昧さ回避 동음이의 ПОЈАСНУВАЊЕ 消歧义 消歧義
"""
# https://www.mediawiki.org/wiki/Extension:Disambiguator
MAGIC_WORDS = tuple(f"__{word}__" for word in _WORDS.split())

_LONGEST_NAME = np.uint64(128)
_PADDING = 4
_TEMPLATE = 0


def known_templates(language: str) -> tuple[str, ...]:
    """Names of templates that mark disambiguation pages in a wiki of this language."""
    return TEMPLATES + _OF_LANGUAGE.get(language, ())


class Disambiguations:
    """Distinguishes disambiguation pages from articles.

    Args:
        language: Code of the wiki's language.
        templates: Names of further templates that mark such pages.
    """

    def __init__(self, language: str, templates: Iterable[str] = ()) -> None:
        names = {spelling for name in (*known_templates(language), *templates) for spelling in spellings(name)}
        self._names = name_table({(_TEMPLATE, name.encode()): 1 for name in names})
        self._words = [word.encode() for word in MAGIC_WORDS]

    def is_one(self, source: bytes) -> bool:
        """Whether the page with this wikitext is a disambiguation page."""
        text = np.frombuffer(source + bytes(_PADDING), np.uint8)
        if _invokes_one(text, len(source), self._names):
            return True
        return b"__" in source and any(word in source for word in self._words)


@borrowing_jit
def _invokes_one(text, size, names):
    """Whether a template of the table is invoked: its name is between two braces and a pipe or brace.

    Unsigned indices save a test for each byte.
    """
    one, two, stop = np.uint64(1), np.uint64(2), np.uint64(size)
    at = np.uint64(0)
    while at + one < stop:
        if text[at] != OPEN_BRACE or text[at + one] != OPEN_BRACE:
            at += one
            continue
        at += two
        value = begin_hash(_TEMPLATE)
        length = 0
        pending = False
        end = at
        while end < stop and end - at < _LONGEST_NAME:
            byte = text[end]
            if byte == PIPE or byte == CLOSE_BRACE or byte == OPEN_BRACE:
                break
            if byte == BLANK or byte == UNDERSCORE or byte == NEWLINE or byte == TAB:
                pending = length > 0
            else:
                if pending:
                    value = add_byte(value, BLANK)
                    pending = False
                value = add_byte(value, lower(byte))
                length += 1
            end += one
        if text[end] == PIPE or text[end] == CLOSE_BRACE:
            if look_up(names, value) != NOT_FOUND:
                return True
            at = end
    return False
