"""Normalises text of social networks: user names, web addresses, emoji, Unicode forms, symbols."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter, defaultdict

import emoji

from berth.recipe import Filter

# An address ends before the punctuation that belongs to the sentence around it.
_URL = re.compile(
    r"(?:https?://|www\.|pic\.twitter\.com/)[^\s<>\"]*[^\s<>\".,;:!?'(){}\[\]»”’…،؛؟۔。、]", re.IGNORECASE
)
# A name, possibly with its server (Mastodon); after a letter or digit it is part of a mail address.
_USER_NAME = re.compile(r"(?<![\w@＠/.])[@＠]\w+(?:@\w[\w-]*(?:\.\w[\w-]*)+)?")
# Characters that may begin an emoji. Beyond the basic plane one range is searched much faster than the exact set.
# Digits, "#" and "*" begin one only before the keycap character.
_KEY = "\u20e3"
_EMOJI_BEGINNINGS = "".join(sorted({key[0] for key in emoji.EMOJI_DATA if "\x7f" < key[0] <= "\uffff"}))
_EMOJI_BEGINS = re.compile(f"[{re.escape(_EMOJI_BEGINNINGS)}\U00010000-\U0010ffff]")
_EMOJI_OR_KEY_BEGINS = re.compile(f"{_EMOJI_BEGINS.pattern}|[0-9#*](?=\ufe0f?{_KEY})")
# They select how the character before them is drawn; alone they mean nothing.
_VARIATION_SELECTORS = re.compile("[\ufe0e\ufe0f]")
_JOINER = "\u200d"
_SYMBOLS = ("So", "Co")  # general categories: other symbols, private use


class Normaliser:
    """Normalises paragraphs as a filter's options say.

    Emoji are removed or become their CLDR names in English (``:red_heart:``). Unicode is brought to one form. Addresses
    and user names become tokens, with a space between them and an adjacent letter or digit. Symbols (categories So
    and Co) are removed. In a paragraph that was changed, runs of white space become one space.

    Attributes:
        counters: Replacements made, by kind.
    """

    def __init__(self, options: Filter) -> None:
        self.counters: Counter[str] = Counter()
        self._options = options

    def normalise(self, paragraph: str) -> str:
        """The normalised paragraph; "" if nothing is left."""
        options, text = self._options, paragraph
        if options.emoji != "keep" and not text.isascii():
            text = self._without_emoji(text)
        if options.unicode != "keep" and not unicodedata.is_normalized(options.unicode, text):
            text = unicodedata.normalize(options.unicode, text)
        if options.urls is not None and (":" in text or "." in text):
            text = self._replace(_URL, options.urls, text, "urls")
        if options.user_names is not None and ("@" in text or "＠" in text):
            text = self._replace(_USER_NAME, options.user_names, text, "user_names")
        if options.symbols == "remove" and not text.isascii():
            text = self._without_symbols(text)
        if text is paragraph or text == paragraph:
            return "" if paragraph.isspace() else paragraph
        return " ".join(text.split())

    def _replace(self, pattern: re.Pattern[str], token: str, text: str, kind: str) -> str:
        def spaced(match: re.Match[str]) -> str:
            start, stop = match.span()
            before = " " if start and text[start - 1].isalnum() else ""
            after = " " if stop < len(text) and text[stop].isalnum() else ""
            return f"{before}{token}{after}"

        replaced, count = pattern.subn(spaced, text)
        self.counters[kind] += count
        return replaced

    def _without_emoji(self, text: str) -> str:
        pieces, done = [], 0
        begins = _EMOJI_OR_KEY_BEGINS if _KEY in text else _EMOJI_BEGINS
        for match in begins.finditer(text):
            start = match.start()
            found = _longest_emoji(text, start) if start >= done else ""
            if found:
                self.counters["emoji"] += 1
                name = emoji.EMOJI_DATA[found]["en"] if self._options.emoji == "name" else ""
                pieces += [text[done:start], f" {name} "]
                done = start + len(found)
                done += text.startswith(_JOINER, done)  # the joiner has nothing left to join
        if not pieces:
            return text
        return _VARIATION_SELECTORS.sub("", "".join([*pieces, text[done:]]))

    def _without_symbols(self, text: str) -> str:
        def replace(match: re.Match[str]) -> str:
            if unicodedata.category(match[0]) not in _SYMBOLS:
                return match[0]
            self.counters["symbols"] += 1
            return " "

        return _may_be_symbol().sub(replace, text)


@functools.cache
def _may_be_symbol() -> re.Pattern[str]:
    """The symbols of the basic plane, and all characters beyond it: one range there is searched much faster."""
    symbols = "".join(chr(code) for code in range(0x80, 0x10000) if unicodedata.category(chr(code)) in _SYMBOLS)
    return re.compile(f"[{re.escape(symbols)}\U00010000-\U0010ffff]")


def _emoji_lengths() -> dict[str, list[int]]:
    """First character → lengths of the emoji that begin with it, longest first."""
    lengths: dict[str, set[int]] = defaultdict(set)
    for key in emoji.EMOJI_DATA:
        lengths[key[0]].add(len(key))
    return {first: sorted(found, reverse=True) for first, found in lengths.items()}


_EMOJI_LENGTHS = _emoji_lengths()


def _longest_emoji(text: str, start: int) -> str:
    """The longest emoji that begins there, "" if none does."""
    for length in _EMOJI_LENGTHS.get(text[start], ()):
        if (found := text[start : start + length]) in emoji.EMOJI_DATA:
            return found
    return ""
