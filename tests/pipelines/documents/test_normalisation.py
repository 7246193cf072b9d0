"""What a filter makes of one paragraph."""

from __future__ import annotations

import re
import time
import timeit
import unicodedata

import emoji
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from berth.recipe import Filter
from pipelines.documents.normalisation import Normaliser

TWEETS = Filter(user_names="twitteruser", urls="twitterurl", emoji="name")


def normalised(text: str, options: Filter = TWEETS) -> str:
    return Normaliser(options).normalise(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("@WHO said: wash hands!", "twitteruser said: wash hands!"),
        ("RT @a_b1: see (@c)", "RT twitteruser: see (twitteruser)"),
        ("by @me@mastodon.social today", "by twitteruser today"),
        ("＠東京 です", "twitteruser です"),
        ("mail me@example.org", "mail me@example.org"),
        ("look https://t.co/a1B2, and www.who.int.", "look twitterurl, and twitterurl."),
        ("(see http://x.org/a_(b)?c=1)", "(see twitterurl)"),
        ("خبرhttps://t.co/x؟", "خبر twitterurl؟"),
        ("pic.twitter.com/Ab1", "twitterurl"),
        ("see http://t.co/x👍", "see twitterurl :thumbs_up:"),
        ("https://medium.com/@me/post", "twitterurl"),
        ("HTTPS://X.ORG", "twitterurl"),
        ("http://", "http://"),
        ("I ❤️ this", "I :red_heart: this"),
        ("ok👍🏽👍", "ok :thumbs_up_medium_skin_tone: :thumbs_up:"),
        ("1️⃣ first, 2 second", ":keycap_1: first, 2 second"),
        ("👨‍👩‍👧 family", ":family_man_woman_girl: family"),
        ("two  spaces stay", "two  spaces stay"),
        (" \u00a0", ""),
        ("", ""),
    ],
)
def test_text_of_tweets(text, expected):
    assert normalised(text) == expected


@pytest.mark.parametrize(
    ("options", "text", "expected"),
    [
        ({"emoji": "remove"}, "good 👍🏽 work❤️", "good work"),
        ({"emoji": "remove"}, "👍", ""),
        ({"emoji": "name"}, "👍\u200d👍\u200d!", ":thumbs_up: :thumbs_up: !"),
        ({"unicode": "NFKC"}, "Ｆｕｌｌ width ﬁsh… ﷺ", "Full width fish... صلى الله عليه وسلم"),
        ({"unicode": "NFC"}, "e\u0301", "é"),
        ({"symbols": "remove"}, "☎ call ★now★ \ue000 €5 + 3", "call now €5 + 3"),
        ({"urls": "رابط"}, "خبر http://t.co/a", "خبر رابط"),
        ({}, "@a http://b.c 👍 Ａ", "@a http://b.c 👍 Ａ"),
    ],
)
def test_options_one_by_one(options, text, expected):
    assert normalised(text, Filter(**options)) == expected


EMOJI = [*list(emoji.EMOJI_DATA)[::7], "a", " ", "1", "#", "\u200d", "\ufe0f", "👍", "🏽", "🇳", "🇴"]


@given(st.lists(st.sampled_from(EMOJI), max_size=12).map("".join))
def test_emoji_are_those_of_the_package(text):
    expected = emoji.replace_emoji(text, lambda _, properties: f" {properties['en']} ")
    expected = expected.replace("\ufe0f", "").replace("\ufe0e", "")
    assert normalised(text, Filter(emoji="name")).split() == expected.split()


def test_replacements_are_counted():
    normaliser = Normaliser(TWEETS)
    normaliser.normalise("@a @b http://c.d 👍👍")
    assert normaliser.counters == {"user_names": 2, "urls": 1, "emoji": 2}


PIECES = [
    "@",
    "＠",
    "a",
    "é",
    " ",
    ".",
    "/",
    "www.x.org",
    "http://",
    "https://a.b/c",
    "👍",
    "\ufe0f",
    "☎",
    "e\u0301",
    "ﬁ",
]


@given(st.one_of(st.text(), st.lists(st.sampled_from(PIECES)).map("".join)))
@example("👍\ufe0f@a http://b.c/☎ ﬁ")
def test_any_text_gives_one_form_without_what_is_replaced(text):
    options = Filter(urls="URL", user_names="USER", emoji="remove", unicode="NFKC", symbols="remove")
    once = normalised(text.replace("\n", " "), options)
    assert unicodedata.is_normalized("NFKC", once)
    assert not any(unicodedata.category(character) in ("So", "Co") for character in once)
    assert not re.search(r"(?<![\w@＠/.])[@＠]\w", once)
    assert not re.search(r"https?://\w", once)


@pytest.mark.parametrize(
    ("opener", "repeated", "expected"),
    [
        ("", "www.", lambda text: f"twitterurl{'.' if text else ''}"),
        ("", "@", lambda text: text),
        ("http://", ".", lambda text: text),
        ("", "@a", lambda text: "twitteruser" + text[2:]),
    ],
)
def test_repeated_openers_are_replaced_once_in_linear_time(opener, repeated, expected):
    text = opener + repeated * 1000
    assert normalised(text) == expected(text)

    def seconds(count: int) -> float:
        text = opener + repeated * count
        return min(timeit.repeat(lambda: normalised(text), time.process_time, number=1, repeat=5))

    # Sixteen times the text: about sixteen times the work, where quadratic work would be 256 times.
    assert seconds(640_000) < 128 * seconds(40_000)
