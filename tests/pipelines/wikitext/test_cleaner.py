"""The cleaner: what it keeps of wikitext, what it drops, and how long hostile input takes."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from berth.recipe import ExtractOptions
from pipelines.wikitext.cleaner import Cleaner
from pipelines.wikitext.dump.escapes import unescape
from pipelines.wikitext.siteinfo import Wiki, namespace_names

ENGLISH = Cleaner(Wiki())
KEEPS_HEADINGS = Cleaner(Wiki(), options=ExtractOptions(keep_headings=True))


def clean(source: str) -> str:
    return ENGLISH.clean(source.encode()).decode()


@pytest.mark.parametrize(
    ("source", "text"),
    [
        # Links
        ("A [[cat]] and [[dog|two dogs]].", "A cat and two dogs."),
        ("[[Foo bar#History|its history]] and [[bus]]es", "its history and buses"),
        ("[[:Category:Cats]] and [[:File:A.png|the file]]", "Cats and the file"),
        ("[[File:A.png|thumb|A [[cat]] in a {{box}}.]]Text", "Text"),
        ("[[Bilde:A.JPG|thumb|caption]]Text", "Text"),  # an unknown namespace, but a picture by its extension
        ("Text\n[[Category:Cats]]\n[[de:Katze]]\n[[zh-min-nan:X]]", "Text"),
        ("See [http://x.org/a=b the site] or [https://x.org].", "See the site or."),
        ("See https://x.org/a_b?c=d, it says.", "See, it says."),
        (
            "See http://x.org/a_(b), (HTTP://x.org) or 网址http://x.org it [HTTPS://x.org says].",
            "See, or 网址 it says.",
        ),
        ("An array a[0] and [sic] stay.", "An array a[0] and [sic] stay."),
        # Templates and what they leave behind
        ("The cat ({{IPA|kat}}) purrs.", "The cat purrs."),
        ("The cat ({{IPA|kat}}; Latin: ''felis'') purrs.", "The cat (Latin: felis) purrs."),
        ("The cat (felis, {{IPA|kat}}) purrs.", "The cat (felis) purrs."),
        ("A, {{x}}, B and C {{x}} D {{x}}.", "A, B and C D."),
        ("The (cat ({{x}})) purrs", "The (cat) purrs"),
        ("A ({{x}} or {{y}}) and b ({{x}} or {{y}}; born 1950) and (or {{x}})", "A and b (born 1950) and (or)"),
        ('A "{{x}}", “{{x}}” or ‘{{x}}’ b "c" {{x}} "d"', 'A, or b "c" "d"'),
        ("«Cat {{x}}» and « {{x}} » and “dog, {{x}}”…{{x}}…", "«Cat» and and “dog”…"),
        ("Text. {{x}}. More.", "Text. More."),
        ("A '{{x}}', ‚{{x}}‘, „{{x}}”, ”{{x}}” or »{{x}}« b", "A, or b"),
        ("Les « a »<ref>x</ref> « b » et 'c' {{x}} 'd'", "Les « a » « b » et 'c' 'd'"),
        ("﴿{{x}}﴾ A 〖{{x}}〗 〔{{x}}〕 b", "A b"),
        ("A ({{x}} / {{y}}) b (* {{x}}; † {{y}}) c (*) d ({{x}} / e)", "A b c (*) d (/ e)"),
        ("A (\u200e{{x}}\u200f) b (&lrm;{{x}}, {{y}}&#8203;) c", "A b c"),
        ("Text .,{{x}}", "Text."),
        ("One{{x}} two{{x|a=[[b]]|{{y}}}}, three.", "One two, three."),
        ("{{Infobox\n| a = b\n| c = {{d|e}}\n}}\nText.", "Text."),
        ("f() and g(x) stay", "f() and g(x) stay"),
        ("{{{1|parameter}}}Text {{{{x}}}}.", "Text."),
        # References
        ('One.<ref>Smith {{cite}} [http://x]</ref> Two.<ref name="a" /> Three.', "One. Two. Three."),
        ("One.<REF name=x>Smith\n\nJones</REF > Two.", "One. Two."),
        ("One.<ref>never closed\nTwo.", "One. Two."),
        # Tags, comments, nowiki, magic words
        ("H<sub>2</sub>O at 10<sup>−7</sup> <small>bar</small>", "H2O at 10^−7 bar"),
        ("10<sup>7</sup> km<sup>2</sup>, the 1<sup>st</sup>, 2<sup>[[x]]</sup>", "10^7 km2, the 1st, 2x"),
        ("a<br />b<br>c", "a b c"),
        ("a <!-- no --> b<!-- two\nlines --> c", "a b c"),
        ("a <nowiki>[[b]] ''c'' {{d}}</nowiki> e", "a [[b]] ''c'' {{d}} e"),
        ("__NOTOC__\n__БЕЗ_ОГЛ__\nText of __init__", "Text of __init__"),
        ("<gallery>\nA.png|x\n</gallery>\nText <math>x</math>.", "Text [FORMULA]."),
        (r"Of <math>a_n.</math> So <math>b,\,</math> c", "Of [FORMULA]. So [FORMULA], c"),
        (
            r"If <math>\mathrm{d,}</math> then <math>c\,</math> <math>x.</math>th",
            "If [FORMULA], then [FORMULA] [FORMULA]th",
        ),
        ("<div class='a'>One</div><p>Two</p>", "One\nTwo"),
        # Quotes
        ("'''Bold''', ''italic'' and '''''both'''''.", "Bold, italic and both."),
        ("L'''amour'' est ''bon''", "L'amour est bon"),
        ("''''quoted''''", "'quoted'"),
        ("''θ''<sub>''i''</sub> and '''''a'''''<small>''b''</small>", "θi and ab"),
        # Entities and spaces
        ("5&nbsp;km &ndash; &#8364;5 &amp;lt; &unknown; R&D", "5 km – €5 &lt; &unknown; R&D"),
        ("Do&shy;nau, a&#x200B;b, but as it stands: a\u00adb\u200e", "Donau, ab, but as it stands: a\u00adb\u200e"),
        ("a\u00a0b\u2003c   d\u3000e", "a b c d e"),
        ("a , b ; c . d", "a, b; c. d"),
        # Lines
        ("One\ntwo.\n\nThree.", "One two.\nThree."),
        ("* one\n** two\n#three\n:; four", "one\ntwo\nthree\nfour"),
        ("* {{cite}}, ISBN 1 and more\n* {{x}} – a list", "ISBN 1 and more\na list"),
        ("''* A note''\n'''#1''' song", "A note\n#1 song"),
        (";Term:is this\n; Term : is ''that''\n;Term:\n:is 1:2", "Term: is this\nTerm: is that\nTerm\nis 1:2"),
        ("一行目の\n二行目。\n''三''\nfour\n五", "一行目の二行目。三 four 五"),
        ("== Head ==\nText\n===Sub===", "Text"),
        ("Text\n----\nText", "Text\nText"),
        ("* [http://x.org Official site]\n* [[Inner]]", "Inner"),
        # Tables
        ('{| class="x"\n! h\n|-\n| [[a]] || {{b}}\n|}\nText', "Text"),
        ("{|\n|\n{|\n| inner\n|}\n|}Text\n|}More", "Text More"),
        ("{{box|\n{|\n| a\n|}}}\nText", "Text"),
        # Never closed
        ("Text [[never\n\nMore text", "Text never\nMore text"),
        ("[[File:A.png|thumb|never\n\nMore text", "More text"),
        ("{{Infobox\n| a = b\nText stays", "Text stays"),
        ("{|\n! h\n| b\nText stays", "Text stays"),
        ("stray ]] and }} and |}", "stray and and |}"),
        ("", ""),
    ],
)
def test_text_of_wikitext(source, text):
    assert clean(source) == text


def test_headings_are_kept_on_request():
    assert KEEPS_HEADINGS.clean(b"One.\n== ''Head'' ==\nTwo.") == b"One.\nHead\nTwo."


def test_names_of_namespaces_come_from_the_dump():
    finnish = Cleaner(Wiki("fi", namespaces=namespace_names({6: "Tiedosto", 14: "Luokka", 10: "Malline"}, "fi")))
    source = "[[Tiedosto:Kissa.xyz|kuva]][[Kuva:Kissa.xyz|x]]Kissa {{malline:nowrap|on}} eläin. [[Luokka:Eläimet]]"
    assert finnish.clean(source.encode()).decode() == "Kissa on eläin."


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_any_bytes_are_cleaned_without_control_bytes_left(source):
    text = ENGLISH.clean(unescape(source.decode("utf-8", "replace").encode())).decode()
    assert not any(ord(character) < 32 and character != "\n" for character in text)
    assert all(line == line.strip() and line for line in text.split("\n") if text)


@pytest.mark.parametrize(
    "unit",
    [
        "{{", "}}", "{{nowrap|", "[[", "[[a|", "]]", "[http://a b ", "<ref>", "<ref ", "<!--", "<a", "'''", "''a'' ",
        "\n{|\n|", "\n|}", "(", "( ,", "((({{a}}", "{{a}},", "&", "&#", "__A", "=", "\n=", "\n*", "a|", "<nowiki>",
        "<math>", "{{{", "\n\n", " ,", "http://", "\n ", "{{a}} ", "{{a|[[b", "[[a\n", "\n{|{{nowrap|",
    ],
)  # fmt: skip
def test_time_is_linear_in_hostile_input(unit):
    """No byte is looked at again and again: four times as much input takes at most eight times as long.

    The least CPU time of several runs, measured in turn; again while other processes disturb them.
    """
    few, many = (unit.encode() * (size // len(unit)) for size in (500_000, 2_000_000))
    least_few, least_many = seconds(few), seconds(many)
    for _ in range(20):
        if least_many <= 8 * least_few:
            break
        least_few, least_many = min(least_few, seconds(few)), min(least_many, seconds(many))
    assert least_many <= 8 * least_few


def seconds(text: bytes) -> float:
    """CPU time of one cleaning."""
    before = time.process_time()
    ENGLISH.clean(text)
    return time.process_time() - before


def test_ten_thousand_nested_templates():
    assert clean("One " + "{{nowrap|" * 10_000 + "x" + "}}" * 10_000 + "\n\nTwo").endswith("Two")


@pytest.mark.parametrize(
    ("source", "losses"),
    [
        ("Text {{nowrap|shown words}}.", []),
        ("{{Unknown_Name|two words|key=three more words}} {{x}} {{y|1}}", [("unknown name", 1, 5)]),
        ("{{Template:A|one {{foo|inner words}} two {{nowrap|shown}}}}", [("foo", 1, 2), ("a", 1, 3)]),
        ("{{a|one}} {{c|two}} {{ A |three four}} {{a|5}}", [("a", 2, 3), ("c", 1, 1)]),
        ("{|\n|{{a|within a table}}\n|}", []),
        ("{{Шаблон|одно слово}}", [("Шаблон", 1, 2)]),
        ("<ref>{{cite|in a reference}}</ref>", []),
    ],
)
def test_words_that_templates_drop_are_counted(source, losses):
    cleaner = Cleaner(Wiki())
    cleaner.clean(source.encode())
    assert cleaner.losses == losses
    cleaner.clean(b"Text")
    assert cleaner.losses == []
