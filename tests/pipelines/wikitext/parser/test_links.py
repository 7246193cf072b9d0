"""Which links are hidden, by namespace, language and extension."""

from __future__ import annotations

import numpy as np
import pytest

from pipelines.wikitext.parser.links import hidden_kind
from pipelines.wikitext.parser.name_tables import HIDDEN, OF_FILES, SHOWN, scanner_names
from pipelines.wikitext.siteinfo import Wiki, namespace_names

NAMES = scanner_names(Wiki("de", namespaces=namespace_names({}, "de")), ())


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("Katze", SHOWN),
        ("Datei:A", OF_FILES),
        (" file : A", OF_FILES),
        ("Kategorie:B", HIDDEN),
        ("CATEGORY:B", HIDDEN),
        ("fr:Chat", HIDDEN),
        ("zh-min-nan:X", HIDDEN),
        ("simple:X", HIDDEN),
        ("abcd:X", SHOWN),
        ("a:X", SHOWN),
        ("zh-:X", SHOWN),
        (":X", SHOWN),
        ("Unknown:A.JPG ", OF_FILES),
        ("Unknown:A.jpgx", SHOWN),
        ("Hilfe:A", SHOWN),
    ],
)
def test_kinds_of_links(target, kind):
    text = np.frombuffer(f"[[{target}]]".encode(), np.uint8)
    assert hidden_kind(text, 2, len(text) - 2, NAMES) == kind
