"""The language converter's mark-up, -{zh-hans:…;zh-hant:…}-: one variant of the text is kept."""

from __future__ import annotations

import re

# Languages whose wikis convert between scripts or regional words.
# https://www.mediawiki.org/wiki/Writing_systems/LanguageConverter
LANGUAGES = frozenset(
    ("ban", "crh", "gan", "iu", "kk", "ku", "mni", "sh", "shi", "sr", "tg", "tly", "uz", "wuu", "zgh", "zh")
)

_MARKED = re.compile(rb"-\{(?!\{)((?:[^{}]|\{\{[^{}]*\}\})*)\}-")
# Possessive: white space that no bar follows is not tried again.
_FLAGS = re.compile(rb"\s*+([A-Za-z;-]*+)\s*+\|")
_VARIANT = re.compile(rb"\s*+([a-z]{2,3}(?:-[a-z]+)*)\s*+:")
# Flags of rules for the whole page, which show nothing: -{H|…}-, -{T|…}-, -{-|…}-.
_SHOWS_NOTHING = frozenset((b"H", b"T", b"-"))


def keep_one_variant(source: bytes) -> bytes:
    """Replace each piece of mark-up by the text of its first variant, or by its content if it names none."""
    return _MARKED.sub(_shown, source) if b"-{" in source else source


def _shown(found: re.Match[bytes]) -> bytes:
    content: bytes = found.group(1)
    if flags := _FLAGS.match(content):
        if flags.group(1) in _SHOWS_NOTHING:
            return b""
        content = content[flags.end() :]
    variant = _VARIANT.match(content)
    if variant is None:
        return content
    return content[variant.end() :].partition(b";")[0].strip()
