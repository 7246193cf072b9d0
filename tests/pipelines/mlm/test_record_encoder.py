"""Records as bytes: what TensorFlow itself writes and reads."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from berth.formats import tfrecord
from berth.formats.records import MAX_SEQ_LENGTH
from berth.formats.vocabulary import Vocabulary
from berth.recipe import RecordSet
from pipelines.mlm import keyed
from pipelines.mlm import record_encoder as examples
from pipelines.mlm.instances import GAP_BITS, SHOW_TOKEN
from pipelines.mlm.record_encoder import layout_of
from support.records_samples import GOLDEN, SPECIAL, documents, features, golden_options, records_file, records_in


@pytest.fixture(scope="module")
def tensorflow():
    import tensorflow

    return tensorflow


@pytest.fixture(scope="module")
def golden_vocabulary():
    return Vocabulary.read(str(GOLDEN / "vocab.txt"))


LARGE = Vocabulary((*SPECIAL, *(f"w{number}" for number in range(70000))))


@pytest.mark.parametrize(
    "options",
    [
        RecordSet(max_seq_length=128, max_predictions=20, dupe_factor=1),
        RecordSet(max_seq_length=1024, max_predictions=200, dupe_factor=1, rng="keyed", objective="mlm"),
    ],
)
def test_bytes_are_those_of_a_deterministic_serialization(options, tensorflow, golden_vocabulary, tmp_path):
    made = records_file((GOLDEN / "input.txt").read_bytes(), golden_vocabulary, options)
    for record in records_in(made, tmp_path / "made.tfrecord"):
        assert tensorflow.train.Example.FromString(record).SerializeToString(deterministic=True) == record


def test_ids_of_three_bytes(tensorflow, tmp_path):
    text = "\n\n".join(" ".join(f"w{number + k}" for k in range(40)) for number in range(0, 70000, 3000)).encode()
    made = records_file(text, LARGE, RecordSet(max_seq_length=64, max_predictions=9, dupe_factor=2))
    records = records_in(made, tmp_path / "made.tfrecord")
    assert max(max(record["input_ids"]) for record in features(records)) > 1 << 16
    for record in records:
        assert tensorflow.train.Example.FromString(record).SerializeToString(deterministic=True) == record


@pytest.mark.parametrize("compression", ["", "GZIP"])
def test_tensorflow_reads_the_file(compression, tensorflow, golden_vocabulary, tmp_path):
    options = golden_options("qarib-64-cased")
    made = records_file((GOLDEN / "input.txt").read_bytes(), golden_vocabulary, options, False, 34)
    path = tmp_path / "made.tfrecord"
    with open(path, "wb") as file:
        if compression:
            with tfrecord.gzipped(file) as stream:
                stream.write(made)
        else:
            file.write(made)
    read = [record.numpy() for record in tensorflow.data.TFRecordDataset(str(path), compression_type=compression)]
    assert read == list(tfrecord.read_records(str(path)))
    assert len(read) == 805


def test_a_record_without_pair_has_one_segment_and_label_0(tmp_path):
    vocabulary = Vocabulary((*SPECIAL, "a", "b"))
    options = RecordSet(max_seq_length=8, max_predictions=2, dupe_factor=1, rng="keyed", objective="mlm")
    (record,) = features(records_in(records_file(b"a b a\n", vocabulary, options), tmp_path / "made.tfrecord"))
    assert record["input_mask"] == [1, 1, 1, 1, 1, 0, 0, 0]
    assert record["segment_ids"] == [0] * 8
    assert record["next_sentence_labels"] == [0]
    assert (record["input_ids"][0], record["input_ids"][4]) == (vocabulary.ids["[CLS]"], vocabulary.ids["[SEP]"])
    assert record["masked_lm_weights"] == [1.0, 0.0]


def test_a_small_buffer_gives_the_same_file(monkeypatch, golden_vocabulary):
    text = (GOLDEN / "input.txt").read_bytes()
    whole = records_file(text, golden_vocabulary, RecordSet(dupe_factor=1))
    monkeypatch.setattr(examples, "BLOCK_BYTES", 1)
    assert records_file(text, golden_vocabulary, RecordSet(dupe_factor=1)) == whole


@settings(deadline=None)
@given(st.integers(5, 600), st.integers(1, 80))
def test_no_header_is_longer_than_its_room(max_seq_length, max_predictions):
    layout = layout_of(LARGE, max_seq_length, max_predictions, True)
    assert layout.header_lengths.max() <= examples.FEATURE_HEADER_BYTES


def test_the_longest_possible_header_fits():
    size = examples.MAX_VARINT * MAX_SEQ_LENGTH
    assert max(len(examples.feature_header(feature, size)) for feature in range(7)) <= examples.FEATURE_HEADER_BYTES


@settings(deadline=None)
@given(st.integers(0, (1 << 21) - 1))
def test_compiled_varints_are_varints(value):
    out = np.zeros(8, np.uint8)
    end = examples._write_varint(out, 2, value)
    assert out[2:end].tobytes() == examples.varint(value)
    assert examples._varint_bytes(np.array([value], np.uint32), 1) == end - 2


def test_kept_tokens_are_shown_as_they_are(tmp_path):
    """In vocabularies of either width."""
    for vocabulary in (Vocabulary((*SPECIAL, *(f"w{number}" for number in range(100)))), LARGE):
        text = "\n\n".join(" ".join(f"w{(start + k) % 100}" for k in range(30)) for start in range(50)).encode()
        options = RecordSet(max_seq_length=64, max_predictions=20, masked_lm_prob=0.3, rng="keyed", dupe_factor=3)
        generated = keyed.create_instances(documents(text, vocabulary), vocabulary, options, 12345)
        records = features(records_in(records_file(text, vocabulary, options), tmp_path / "made.tfrecord"))
        kept = sum(
            record["input_ids"][int(position)] == label
            for record in records
            for position, label, weight in zip(
                record["masked_lm_positions"], record["masked_lm_ids"], record["masked_lm_weights"], strict=True
            )
            if weight
        )
        assert max(max(record["input_ids"]) for record in records) < len(vocabulary)
        assert kept >= np.count_nonzero(generated.instances.masks >> GAP_BITS == SHOW_TOKEN) > 0
