"""Templates with visible prose."""

from __future__ import annotations

import pytest

from pipelines.wikitext.cleaner import Cleaner
from pipelines.wikitext.siteinfo import Wiki
from pipelines.wikitext.templates.measures import convert
from pipelines.wikitext.templates.number_styles import grouped

CLEANER = Cleaner(Wiki())


# Figures and words where they are not the English ones.
LOCAL = [
    ("sv", "{{formatnum:12345.6}} och {{nts|1234}}", "12 345,6 och 1 234"),
    ("de", "{{formatnum:12345.6}}", "12.345,6"),
    ("es", "{{formatnum:1234}} y {{formatnum:12345}}", "1234 y 12 345"),
    ("he", "{{formatnum:12345.6}}", "12,345.6"),
    ("xx", "{{formatnum:12345.6}}", "12345.6"),
    ("de", "{{convert|5000|to|6000|km2|sqmi}}", "5.000–6.000 km²"),
    ("de", "{{zh|c=北京|p=Běijīng}}, {{circa|1500}}", "北京, Běijīng, ca. 1500"),
    ("fr", "{{circa|1500|1550}}", "1500 – 1550"),
    ("fr", "Au {{XIXe siècle}}, {{Ier siècle}}", "Au XIXe siècle, Ier siècle"),
    ("it", "{{M|5|u=km}}, {{M|5,2||kg}}", "5 km, 5,2 kg"),
    ("de", "Am {{birth date|1950|2|28}} geboren", "Am geboren"),
    ("ru", "{{OldStyleDate|6|июня|1799|26|мая}}", "26 мая (6 июня) 1799"),
    ("ru", "{{OldStyleDate|29|января|1860|17}}", "17 (29) января 1860"),
    ("ru", "{{OldStyleDate|4|января|1915|22|декабря|1914}}", "22 декабря 1914 (4 января 1915)"),
    (
        "fr",
        "Né le {{date de naissance|5|3|1950}} au {{s|XIX}}, {{s|I}}",
        "Né le 5 mars 1950 au XIXe siècle, Ier siècle",
    ),
    ("fr", "{{Lien|langue=en|trad=Foo|fr=Fou|texte=Foufou}}, {{refnec|on dit}}, {{euro|5}}", "Foufou, on dit, 5 €"),
    ("ja", "{{仮リンク|甲|en|A|label=乙}}{{要出典範囲|丙}}", "乙丙"),
    ("zh", "{{link-de|甲|A}}{{ill|en|中文|Chinese}}", "甲中文"),
]


@pytest.mark.parametrize(("language", "source", "text"), LOCAL)
def test_what_templates_show_in_other_languages(language, source, text):
    assert Cleaner(Wiki(language=language)).clean(source.encode()).decode() == text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{convert|5|km|mi}}", "5 kilometres"),
        ("{{convert|1|mi|abbr=on}}", "1 mi"),
        ("{{convert|1|ft|m}}", "1 foot"),
        ("{{convert|5|to|10|km|mi}}", "5 to 10 kilometres"),
        ("{{convert|5|-|10|km|mi|sp=us}}", "5–10 kilometers"),
        ("{{convert|6|ft|2|in|m}}", "6 feet 2 inches"),
        ("a {{convert|5|km|adj=on}} run", "a 5-kilometre run"),
        ("{{convert|12500|sqmi|km2}}", "12,500 square miles"),
        ("{{convert|20|C|F}}", "20 °C"),
        ("{{convert|3.5|e6acre|km2}}", "3.5 million acres"),
        ("{{convert|300|/sqmi|/km2|abbr=on}}", "300/sq mi"),
        ("{{convert|word|km}}", ""),
        ("{{lang|fr|Bonjour}}", "Bonjour"),
        ("{{lang-fr|Bonjour}}", "Bonjour"),
        ("{{transl|ar|ALA|kitāb}}", "kitāb"),
        ("{{nihongo|Tokyo|東京|Tōkyō}}", "Tokyo (東京, Tōkyō)"),
        ("{{As of|2010|5|3}}", "As of 3 May 2010"),
        ("{{as of|2010|lc=y}}", "as of 2010"),
        ("{{chem|H|2|O}}", "H2O"),
        ("{{frac|1|2}} and {{frac|3|1|2}}", "1/2 and 3 1/2"),
        ("{{val|1234.5|0.2|e=6|u=km}}", "1,234.5±0.2×10^6 km"),
        ("{{formatnum:1234567}}", "1,234,567"),
        ("{{circa|1500}}", "c. 1500"),
        ("{{birth date and age|1950|2|28}}", "February 28, 1950"),
        ("{{birth date|df=y|1950|2|28}}", "28 February 1950"),
        ("{{Age|1950|2|28}}", ""),
        ("in {{CURRENTYEAR}}", "in"),
        ("5{{nbsp}}km{{ndash}}6", "5 km–6"),
        ("{{nowrap|a {{small|b [[c|d]]}}}}", "a b d"),
        ("{{abbr|UN|United Nations}}", "UN"),
        ("Says:{{quote|''All'' is well.|Smith}}Next", "Says:\nAll is well.\nNext"),
        ("{{quote|So.}}, he said.", "So.\nhe said."),
        ("{{USS|Enterprise|CV-6}}", "USS Enterprise (CV-6)"),
        ("{{USS|Enterprise|CV-6|6}}", "USS Enterprise"),
        ("{{nowrap|1=a=b}}", "a=b"),
        ("{{Template:Nowrap|a}} {{no_wrap|b}} {{ nowrap\n|c}}", "a b c"),
        ("[[a{{!}}b]]", "b"),
        ("He{{'s}} here", "He's here"),
        ("{{ill|Anna|de|Anna Muster}}", "Anna"),
        ("{{zh|t=中文|p=zhōngwén}}", "traditional Chinese: 中文; pinyin: zhōngwén"),
        ("{{unknown|text}}", ""),
        ("1{{sfrac|1|4}} days, ({{frac|1|2}}), −{{frac|3}}", "1 1/4 days, (1/2), −1/3"),
        ("a{{angbr|{{x}}}} in ({{nowrap|1{{frac|1|2}}}})", "a in (1 1/2)"),
        ("One.{{-}}", "One."),
        ("{{OldStyleDate|February 2|1905|January 20}}", "February 2 [O.S. January 20] 1905"),
        ("{{OldStyleDateDY|2 February|1905|20 January}}", "2 February [O.S. 20 January] 1905"),
        ("{{script|Copt|Ⲁ ⲁ}}: {{angbr|a}}", "Ⲁ ⲁ: ⟨a⟩"),
        ("{{Carbon|6}}{{Hydrogen}} {{eqm}} X", "C6H ⇌ X"),
        (
            "{{bibleverse|1|John|3:16|KJV}}, {{bibleverse||John|3:16}}, {{bibleref|Mark|3:25|9}}",
            "1 John 3:16, John 3:16, Mark 3:25",
        ),
        ("Three:{{ordered list|One thing.|[[a|Two]].}}End", "Three:\nOne thing.\nTwo.\nEnd"),
        ("{{columns-list|2|\n* One\n* Two\n}}", "One\nTwo"),
        ("{{citation needed span|Some say so.|date=May 2010}}", "Some say so."),
    ],
)
def test_what_templates_show(source, text):
    assert CLEANER.clean(source.encode()).decode() == text


def test_a_number_of_many_digits_takes_no_more_time_than_it_is_long():
    digits = "1" * 300_000
    assert grouped(digits).count(",") == 99_999
    assert convert({"1": f"{digits}x", "2": "m"}) is None
