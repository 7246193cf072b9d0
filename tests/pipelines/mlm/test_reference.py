"""The reference generator makes the records of the published algorithm, on any text and with any options."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from berth.formats.vocabulary import Vocabulary
from berth.recipe import RecordSet
from pipelines.mlm import reference
from pipelines.mlm.masks import prediction_budgets
from support import records_oracle as oracle
from support.records_samples import (
    GOLDEN,
    SPECIAL,
    documents,
    documents_text,
    features,
    records_file,
    records_in,
    vocabularies,
)

VOCABULARY = Vocabulary((*SPECIAL, *"abcd", "##a", "##b", "ab", "abc", "##cd", "."))


def oracle_features(text, vocabulary, options, lower_case, seed):
    settings = oracle.Settings(
        options.max_seq_length,
        options.max_predictions,
        options.masked_lm_prob,
        options.short_seq_prob,
        options.dupe_factor,
        options.whole_word_mask,
    )
    rng = random.Random(seed)
    read = oracle.read_documents(text, vocabulary.ids, lower_case)
    instances = oracle.create_instances(read, list(vocabulary.tokens), settings, rng)
    return [oracle.features(instance, vocabulary.ids, settings) for instance in instances]


@st.composite
def record_sets(draw):
    max_seq_length = draw(st.integers(5, 40) | st.sampled_from([128, 512]))
    return RecordSet(
        max_seq_length=max_seq_length,
        max_predictions=draw(st.integers(1, max_seq_length - 3)),
        masked_lm_prob=draw(st.sampled_from([0.01, 0.15, 0.5, 0.99])),
        short_seq_prob=draw(st.sampled_from([0.0, 0.1, 1.0])),
        dupe_factor=draw(st.integers(1, 4)),
        whole_word_mask=draw(st.booleans()),
    )


@settings(max_examples=80, deadline=None)
@given(documents_text(), vocabularies(), record_sets(), st.booleans(), st.integers(0, 2**62))
@example(b"a", VOCABULARY, RecordSet(max_seq_length=5, max_predictions=1), True, 0).via("one sentence of one token")
@example(b"a\nb\nab", VOCABULARY, RecordSet(max_seq_length=8, max_predictions=4), True, 1).via("one document")
def test_records_are_those_of_the_published_algorithm(tmp_path_factory, text, vocabulary, options, lower_case, seed):
    path = tmp_path_factory.getbasetemp() / "reference.tfrecord"
    made = features(records_in(records_file(text, vocabulary, options, lower_case, seed), path))
    assert made == oracle_features(text, vocabulary, options, lower_case, seed)


@pytest.mark.parametrize("whole_word_mask", [True, False])
def test_long_records_of_the_golden_text(whole_word_mask, tmp_path):
    """Other seeds and probabilities than the golden files have."""
    vocabulary = Vocabulary.read(str(GOLDEN / "vocab.txt"))
    text = (GOLDEN / "input.txt").read_bytes()
    options = RecordSet(
        max_seq_length=256,
        max_predictions=60,
        masked_lm_prob=0.2,
        short_seq_prob=0.4,
        dupe_factor=2,
        whole_word_mask=whole_word_mask,
    )
    made = features(records_in(records_file(text, vocabulary, options, True, 99), tmp_path / "made.tfrecord"))
    assert made == oracle_features(text, vocabulary, options, True, 99)


def test_the_number_of_predictions_is_rounded_as_python_does():
    budgets = prediction_budgets(512, 76, 0.5)
    assert [int(budgets[length]) for length in (0, 1, 3, 5, 7, 9, 152, 512)] == [1, 1, 2, 2, 4, 4, 76, 76]


def test_instances_that_need_more_room_than_expected_are_all_there(monkeypatch):
    """The arrays grow while a document is being worked on; the random numbers go on where they stood."""
    text = b"\n".join([b"a b ab abc a b ab"] * 60) + b"\n\nab\n"
    options = RecordSet(max_seq_length=16, max_predictions=3, dupe_factor=3)
    read = documents(text, VOCABULARY)
    whole = reference.create_instances(read, VOCABULARY, options, 7)
    monkeypatch.setattr(reference, "expected_instances", lambda documents, options: 0)
    grown = reference.create_instances(read, VOCABULARY, options, 7)
    assert [array.tolist() for array in whole.instances] == [array.tolist() for array in grown.instances]
    assert whole.counters == grown.counters


def test_without_documents_there_are_no_instances():
    generated = reference.create_instances(documents(b"\n\n \n", VOCABULARY), VOCABULARY, RecordSet(), 1)
    assert (len(generated.order), len(generated.instances.rows)) == (0, 0)


def test_random_next_sentences_from_the_same_document_are_counted():
    """A single document draws "random" text from itself, as the reference does."""
    generated = reference.create_instances(documents(b"a b\nab abc\n", VOCABULARY), VOCABULARY, RecordSet(), 1)
    random_next = int(generated.instances.rows["random_next"].sum())
    assert generated.counters["next_from_same_document"] == random_next > 0
