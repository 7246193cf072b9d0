"""The registry of corpus formats, and the flags that apply to each."""

from __future__ import annotations

from typing import get_args

import pytest

from berth.errors import UsageError
from berth.recipe import Source
from pipelines.corpora.formats import MODULES, corpus_format
from pipelines.corpora.sources import DUMPS, given


def test_recipes_accept_the_registered_formats_and_dumps():
    assert {*MODULES, DUMPS} == set(get_args(Source.model_fields["format"].annotation))


@pytest.mark.parametrize("name", MODULES)
def test_options_of_a_format_are_keys_of_a_source(name):
    assert set(corpus_format(name).options) <= Source.model_fields.keys() - {"format", "path", "expected"}


def test_flags_reach_the_formats_that_they_apply_to():
    sources = given(["d.xml"], ["jsonl=*.jsonl", "documents=*.txt"], wrapped=True, text_field="body", id_field=None)
    assert [source.format for source in sources] == ["wikipedia", "jsonl", "documents"]
    assert [source.text_field for source in sources] == ["text", "body", "text"]
    assert [source.wrapped for source in sources] == [False, False, True]


@pytest.mark.parametrize(
    ("fields", "wrapped", "message"),
    [
        ({"title_field": "head"}, False, "--title-field is given, .* Expected --source jsonl=GLOB or --source parquet"),
        ({"text_field": "body"}, False, "--text-field is given, but it applies to no source"),
        ({"text_field": "text"}, True, "--wrapped is given, .*Expected --source documents=GLOB"),
        ({"id_field": ""}, False, "--id-field: the name of a field is empty"),
    ],
)
def test_flags_that_apply_to_no_source_are_refused(fields, wrapped, message):
    with pytest.raises(UsageError, match=message):
        given([], ["sentences=*.txt"], wrapped=wrapped, **fields)


@pytest.mark.parametrize("text", ["jsonl", "jsonl=", "xml=*.xml"])
def test_a_source_that_cannot_be_understood_is_refused(text):
    with pytest.raises(UsageError, match=r"a source cannot be understood.*FORMAT=GLOB"):
        given([], [text], wrapped=False)
