"""Masked records as tokens."""

from __future__ import annotations

import pytest

from berth.errors import BerthError
from berth.formats.record_tokens import MaskedToken, Record, read_record
from berth.formats.vocabulary import SPECIAL_TOKENS, Vocabulary
from support.plain_example import serialize_example

VOCABULARY = Vocabulary((*SPECIAL_TOKENS, "the", "ship", "##s", "lie"))
FEATURES = {
    "input_ids": [2, 4, 6, 7, 3, 8, 3, 0],
    "input_mask": [1, 1, 1, 1, 1, 1, 1, 0],
    "segment_ids": [0, 0, 0, 0, 0, 1, 1, 0],
    "masked_lm_positions": [1, 3, 5, 0],
    "masked_lm_ids": [5, 7, 5, 0],
    "masked_lm_weights": [1.0, 1.0, 1.0, 0.0],
    "next_sentence_labels": [1],
}


def read(**changes) -> Record:
    return read_record(serialize_example({**FEATURES, **changes}), VOCABULARY, "it")


def test_a_record_as_tokens():
    record = read()
    assert record.tokens == ("[CLS]", "[MASK]", "ship", "##s", "[SEP]", "lie", "[SEP]")
    assert record.originals == ("[CLS]", "the", "ship", "##s", "[SEP]", "the", "[SEP]")
    assert record.segments == (0, 0, 0, 0, 0, 1, 1)
    assert record.masks == (
        MaskedToken(1, "the", "[MASK]"),
        MaskedToken(3, "##s", "##s"),
        MaskedToken(5, "the", "lie"),
    )
    assert [mask.kind for mask in record.masks] == ["masked", "kept", "replaced"]
    assert (record.has_pair, record.is_random_next, record.padding) == (True, True, 1)


def test_a_record_of_one_segment_has_no_next_sentence():
    record = read(segment_ids=[0] * 8)
    assert (record.has_pair, record.is_random_next) == (False, None)


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        ({"input_ids": [2, 4, 9, 7, 3, 8, 3, 0]}, "the id 9"),
        ({"input_ids": [2, 4, -1, 7, 3, 8, 3, 0]}, "the id -1"),
        ({"masked_lm_ids": [5, 77, 5, 0]}, "the id 77"),
        ({"masked_lm_positions": [1, 7, 5, 0]}, "the masked position 7"),
        ({"masked_lm_positions": [-1, 3, 5, 0]}, "the masked position -1"),
    ],
)
def test_a_record_of_another_vocabulary_is_an_error(changes, found):
    with pytest.raises(BerthError, match=f"it: this record cannot be read with this vocabulary. Found {found}. "):
        read(**changes)
