"""Names of templates and the words in their arguments, against plain twins."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.wikitext.parser.control_bytes import ARGUMENT, EQUALS
from pipelines.wikitext.parser.invocations import LONGEST_NAME, count_words, is_shown, normalise_name
from pipelines.wikitext.parser.name_tables import scanner_names
from pipelines.wikitext.siteinfo import Wiki
from pipelines.wikitext.templates.expansion import normal_name

NAMES = scanner_names(Wiki(), ["nowrap"])


def normalised(source):
    name = np.empty(LONGEST_NAME, np.uint8)
    first, stop, is_long = normalise_name(np.frombuffer(source, np.uint8), 0, len(source), name, NAMES)
    return name, first, stop, bool(is_long)


@settings(deadline=None)
@given(st.lists(st.sampled_from([b"A", b"b", b" ", b"_", b"\0", b":", b"template", b"\n"]), max_size=12).map(b"".join))
def test_normalised_names(source):
    name, first, stop, is_long = normalised(source)
    if not is_long:
        assert name[first:stop].tobytes() == normal_name(source, {b"template"})
    else:
        assert len(normal_name(source, frozenset())) > LONGEST_NAME - 2


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nowrap", True),
        ("Template:Nowrap", True),
        ("lang-fr", True),
        ("formatnum:5", True),
        ("box", False),
        ("langs", False),
    ],
)
def test_templates_that_show_something(name, expected):
    assert is_shown(*normalised(name.encode()), NAMES) == expected


@settings(deadline=None)
@given(st.lists(st.tuples(st.none() | st.text("ab1_ é", max_size=6), st.text("ab1_ é", max_size=8)), max_size=6))
def test_words_of_values_are_counted_and_those_of_names_are_not(arguments):
    text = "".join(chr(ARGUMENT) + ("" if key is None else key + chr(EQUALS)) + value for key, value in arguments)
    words = sum(len(re.findall(r"(?<![\w])[^\W\d_]", value)) for _, value in arguments)
    data = np.frombuffer(text.encode(), np.uint8)
    assert count_words(data, 0, len(data)) == words
