"""Redirects by their text, in many languages."""

from __future__ import annotations

import pytest

from pipelines.wikitext.dump.redirects import redirect_target


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("#REDIRECT [[Ship]]", "Ship"),
        ("  #redirect: [[ Ship#Parts|x]] {{R from move}}", "Ship"),
        ("# REDIRECT[[Ship]]", "Ship"),
        ("#OMDIRIGERING [[Skip]]", "Skip"),
        ("#omdiriger [[Skip]]", "Skip"),
        ("#WEITERLEITUNG [[Schiff]]", "Schiff"),
        ("#OHJAUS [[Laiva]]", "Laiva"),
        ("#UUDELLEENOHJAUS [[Laiva]]", "Laiva"),
        ("#перенаправление [[Корабль]]", "Корабль"),
        ("#ПЕРЕНАПРАВЛЕННЯ [[Корабель]]", "Корабель"),
        ("#تحويل [[سفينة]]", "سفينة"),
        ("#تغییر_مسیر [[کشتی]]", "کشتی"),
        ("#הפניה [[ספינה]]", "ספינה"),
        ("#転送 [[船]]", "船"),
        ("#重定向[[船]]", "船"),
        ("#REDIRECT [[Ship]]\n" + "{{x}} " * 1000, "Ship"),
        ("#unbekanntesWort [[Ship]]", "Ship"),  # hardly anything else on the page
        ("#First [[item]] of a list\n" + "# More items\n" * 50, None),
        ("# [[Ship]]", None),
        ("#1 [[Ship]]", None),
        ("Text #REDIRECT [[Ship]]", None),
        ("", None),
        ("#", None),
    ],
)
def test_targets(source, target):
    assert redirect_target(source.encode()) == target
