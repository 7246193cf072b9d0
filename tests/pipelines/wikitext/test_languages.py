"""Habits of wikis in other languages: names of namespaces, brackets and commas of other scripts, variants of a text."""

# ruff: noqa: E501  tables of samples

from __future__ import annotations

import pytest

from berth.recipe import ExtractOptions
from pipelines.wikitext.cleaner import Cleaner
from pipelines.wikitext.siteinfo import Wiki, namespace_names


def clean(language, source, **options):
    wiki = Wiki(language, namespaces=namespace_names({}, language))
    return Cleaner(wiki, options=ExtractOptions(**options)).clean(source.encode()).decode()


@pytest.mark.parametrize(
    ("language", "source", "text"),
    [
        ("no", "[[Fil:A.xyz|miniatyr|En katt]]Katten ({{lyd|x}}) er et «[[dyr]]».[[Kategori:Dyr]]", "Katten er et «dyr»."),
        ("no", "Ordet «{{x}}» og tallet 10<sup>6</sup>.", "Ordet og tallet 10^6."),
        ("ru", "[[Файл:A.xyz|мини]]'''Кошка''' ({{x|1}}, {{y}}) — [[животное]].[[Категория:К]]", "Кошка — животное."),
        ("ru", "Он («{{x}}») ушёл – {{y}} – домой.", "Он ушёл – домой."),
        ("fi", "[[Tiedosto:A.xyz|thumb]]Kissa ({{k-x|a}}; myös kotikissa) on eläin.", "Kissa (myös kotikissa) on eläin."),
        ("ar", "[[ملف:A.xyz|تصغير]]القط ({{x}}، حيوان) صغير، {{y}}، أليف.", "القط (حيوان) صغير، أليف."),
        ("ar", "قال {{x}}؟ نعم", "قال؟ نعم"),
        ("de", "[[Datei:A.xyz|mini]]Die Katze („{{x}}“, {{y}}) ist klein.[[Kategorie:K]]", "Die Katze ist klein."),
        ("da", "Han sagde {{x}} »nej« til „ja“.", "Han sagde »nej« til „ja“."),
        ("fr", "Le chat [{{x}}] dit « {{y}} » et part ; il revient.", "Le chat dit et part; il revient."),
        ("tr", "[[DOSYA:A.xyz|küçük]]Kedi bir [[hayvan]].[[KATEGORİ:Kedi]]", "Kedi bir hayvan."),
        ("ja", "[[ファイル:A.xyz]]猫（{{x}}、ねこ）は「{{y}}」動物。[[カテゴリ:N]]", "猫（ねこ）は動物。"),
        ("ja", "東京（{{x}}）は、{{y}}、首都。", "東京は、首都。"),
        ("zh", "[[文件:A.xyz|缩略图]]-{zh-hans:计算机;zh-hant:電腦}-（{{x}}）是-{机器}-。[[分类:J]]", "计算机是机器。"),
        ("zh", "-{H|zh-cn:甲;zh-tw:乙}-文-{A|zh-cn:丙;zh-tw:丁}-", "文丙"),
        ("sr", "-{Windows}- је систем", "Windows је систем"),
        ("en", "a -{b}- c", "a -{b}- c"),
    ],
)  # fmt: skip
def test_text_in_other_languages(language, source, text):
    assert clean(language, source) == text


@pytest.mark.parametrize(
    ("options", "source", "text"),
    [
        ({"captions": True}, "[[File:A.png|thumb|left|A [[big|large]] cat.]]The cat\nis here.\n\nMore.", "The cat is here.\nA large cat.\nMore."),
        ({"captions": True}, "[[File:A.png|thumb|alt=a cat]][[File:B.png|20px]] x [[Category:A b|c d]]", "x"),
        ({"captions": True}, "{|\n|+ The caption\n| a || b\n|}", "The caption"),
        ({"tables": True}, "{| class=x\n|+ Cats\n! Name !! Age\n|-\n| style=x | Tom || {{x}} || 5\n|-\n| Kitty\n| 3<ref>a</ref>\nyears\n|}\nText", "Name | Age\nTom | 5\nKitty | 3 years\nText"),
        ({"tables": True}, "{|\n| a\n{|\n| inner\n|}\n| b\n|}", "a | b"),
        ({"formulas": "marker"}, "If <math>x</math> and <ce>y</ce>, then.\n:<math>z</math>", "If [FORMULA] and [FORMULA], then."),
        ({"formulas": "drop_sentence"}, "We have <math>x</math> here. Prof. Smith likes it. Then (<math>y</math>) is so. End", "Prof. Smith likes it. End"),
        ({"formulas": "drop_sentence"}, "甲<math>x</math>。乙。", "乙。"),
    ],
)  # fmt: skip
def test_options(options, source, text):
    assert clean("en", source, **options) == text
