"""Templates with visible prose."""

from __future__ import annotations

import pytest

from pipelines.wikitext.cleaner import Cleaner
from pipelines.wikitext.siteinfo import Wiki

CLEANER = Cleaner(Wiki())


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
        ("{{USS|Enterprise|CV-6}}", "USS Enterprise (CV-6)"),
        ("{{USS|Enterprise|CV-6|6}}", "USS Enterprise"),
        ("{{nowrap|1=a=b}}", "a=b"),
        ("{{Template:Nowrap|a}} {{no_wrap|b}} {{ nowrap\n|c}}", "a b c"),
        ("[[a{{!}}b]]", "b"),
        ("He{{'s}} here", "He's here"),
        ("{{ill|Anna|de|Anna Muster}}", "Anna"),
        ("{{zh|t=中文|p=zhōngwén}}", "traditional Chinese: 中文; pinyin: zhōngwén"),
        ("{{unknown|text}}", ""),
    ],
)
def test_what_templates_show(source, text):
    assert CLEANER.clean(source.encode()).decode() == text
