"""A wiki's names are found, each among those of its kind."""

from __future__ import annotations

import numpy as np

from berth.kernels.name_table import NOT_FOUND, hash_name, look_up
from pipelines.wikitext.names import FORMULA_TAGS, SCHEMES
from pipelines.wikitext.parser.name_tables import (
    FORMULAS,
    NAMESPACE,
    NOWIKI,
    OF_FILES,
    OPAQUE,
    SCHEME,
    TAG,
    TEMPLATE,
    scanner_names,
)
from pipelines.wikitext.siteinfo import Wiki, namespace_names


def number(kind, name):
    table = scanner_names(Wiki("de", namespaces=namespace_names({}, "de")), ["lang", "ö x"])
    text = np.frombuffer(name.encode(), np.uint8)
    return look_up(table, np.uint64(hash_name(kind, text, 0, len(text))))


def test_names_of_each_kind():
    assert number(TAG, "nowiki") == NOWIKI
    assert [number(TAG, name) for name in FORMULA_TAGS] == list(range(FORMULAS, OPAQUE))
    assert number(NAMESPACE, "datei") == number(NAMESPACE, "file") == OF_FILES
    assert number(TEMPLATE, "lang") == number(TEMPLATE, "ö x") == 1
    assert all(number(SCHEME, scheme) == 1 for scheme in SCHEMES)


def test_a_name_of_another_kind_is_not_found():
    assert number(TEMPLATE, "nowiki") == number(TAG, "lang") == number(NAMESPACE, "") == NOT_FOUND
