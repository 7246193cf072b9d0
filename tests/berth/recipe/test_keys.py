"""The recipe's keys: sections by path, and what a wrong value should have been."""

import pytest
from pydantic import ValidationError

from berth.recipe import Corpus, Filter, Recipe, RecordSet, Source, TaskResources, Vocabulary
from berth.recipe.keys import expectation, not_null, section_at


@pytest.mark.parametrize(
    ("path", "section"),
    [
        ("", Recipe),
        ("corpus", Corpus),
        ("corpus.filter", Filter),
        ("corpus.sources", Source),
        ("corpus.sources.0", Source),
        ("records", RecordSet),
        ("records.long", RecordSet),
        ("cluster.stages.train", TaskResources),
        ("vocabulary.size", None),
        ("seed", None),
    ],
)
def test_a_path_leads_to_a_section_or_to_a_plain_value(path, section):
    assert section_at(path.split(".") if path else []) is section


def problem(section, **values):
    with pytest.raises(ValidationError) as caught:
        section(**values)
    return caught.value.errors()[0]


@pytest.mark.parametrize(
    ("section", "values", "expected"),
    [
        (Vocabulary, {"size": 5}, "greater than or equal to 100"),
        (Vocabulary, {"kind": "bpe"}, "'wordpiece' or 'sentencepiece'"),
        (Filter, {"urls": "two words"}, "text without white space"),
        (Filter, {"languages": []}, "at least 1 item, not 0"),
    ],
)
def test_an_expectation_is_plain_text(section, values, expected):
    assert expectation(problem(section, **values)) == expected


def test_an_unknown_pattern_is_shown():
    assert expectation({"type": "string_pattern_mismatch", "ctx": {"pattern": "^x$"}, "msg": ""}) == (
        "text of the pattern ^x$"
    )


def test_the_schema_of_a_value_that_may_be_null():
    schema = Vocabulary.model_json_schema()["properties"]
    assert not_null(schema["sample_sentences"]) == {"exclusiveMinimum": 0, "type": "integer"}
    assert not_null(schema["size"]) is schema["size"]
