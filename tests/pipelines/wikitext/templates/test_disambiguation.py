"""Disambiguation pages are recognised by their templates and magic words."""

from __future__ import annotations

import pytest

from pipelines.wikitext.templates.disambiguation import Disambiguations


@pytest.mark.parametrize(
    ("language", "source", "is_one"),
    [
        ("en", "'''Berth''' may be:\n{{disambig}}", True),
        ("en", "{{Disambiguation|geo|surname}}", True),
        ("en", "{{Human name_disambiguation\n}}", True),
        ("en", "__DISAMBIG__", True),
        ("de", "{{Begriffsklärung}}", True),
        ("fr", "{{homonymie}}", True),
        ("no", "{{Peker}}", True),
        ("ru", "{{Неоднозначность}}", True),
        ("ru", "{{неоднозначность}}", True),
        ("ar", "{{توضيح}}", True),
        ("ja", "{{aimai}} __曖昧さ回避__", True),
        ("nl", "{{dp}}", True),
        ("en", "{{dp}}", False),
        ("en", "{{disambiguation needed}} {{other uses|Berth (disambiguation)}}", False),
        ("en", "{{x|{{y|{{disambig}}}}}}", True),
        ("en", "{{disambig", False),
        ("en", "{{{disambig}}}", False),
        ("en", "{{{{disambig}}}}", True),
        ("en", "{disambig} { {disambig}}", False),
        ("en", "{{" * 1000 + "__TOC__", False),
        ("en", "", False),
        ("en", "{{mine}} {{ my  own }}", False),
    ],
)
def test_pages(language, source, is_one):
    assert Disambiguations(language).is_one(source.encode()) is is_one


@pytest.mark.parametrize("before", ["", "a", "ab", "{{x}}", "{{x|", "{{x}}a", "{", "{{x{", "{{" + "x" * 200, "é"])
def test_a_template_is_found_at_any_place(before):
    assert Disambiguations("en").is_one(f"{before} {{{{disambig}}}}".encode())
    assert not Disambiguations("en").is_one(f"{before} {{{{disambiguated}}}}".encode())


def test_the_wikis_own_templates_count():
    own = Disambiguations("en", ["Mine", "örtlich"])
    assert [own.is_one(f"{{{{{name}}}}}".encode()) for name in ("mine", "Örtlich", "örtlich|x", "other")] == [
        True,
        True,
        True,
        False,
    ]
