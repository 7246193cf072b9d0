"""Records: read as TensorFlow reads them, in any order, and refused with file and number when something is wrong."""

import gzip
import itertools

import numpy as np
import pytest

from berth.errors import BerthError
from berth.formats.records import FEATURES, MASKED_WEIGHTS
from berth.formats.tfrecord import frame, read_records
from berth.recipe import Phase
from berth.stage.inputs import Inputs
from support.trainer_files import RECORDS
from trainer.data.order import GlobalOrder
from trainer.data.records import (
    Limits,
    RecordSet,
    Share,
    evaluation_batches,
    prefetch,
    training_batch,
)
from trainer.schedules import schedule

LIMITS = Limits(vocab_size=2373, type_vocab_size=2, max_position_embeddings=64)


def example(**changes):
    """A record of 6 tokens with 2 masked positions, as TensorFlow writes it."""
    import tensorflow as tf

    values = {
        "input_ids": [2, 7, 4, 9, 3, 0],
        "input_mask": [1, 1, 1, 1, 1, 0],
        "segment_ids": [0, 0, 0, 1, 1, 0],
        "masked_lm_positions": [2, 0],
        "masked_lm_ids": [300, 0],
        "masked_lm_weights": [1.0, 0.0],
        "next_sentence_labels": [1],
        **changes,
    }
    features = {
        name: tf.train.Feature(float_list=tf.train.FloatList(value=given_values))
        if given_values and isinstance(given_values[0], float)
        else tf.train.Feature(int64_list=tf.train.Int64List(value=given_values))
        for name, given_values in values.items()
        if given_values is not None
    }
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def record_set(directory, *contents, limits=LIMITS):
    for index, content in enumerate(contents):
        (directory / f"part-{index:05d}.tfrecord").write_bytes(content)
    return RecordSet(Inputs.of(str(directory / "*.tfrecord")), limits)


@pytest.fixture(scope="module")
def parsed(records):
    """All golden records as TensorFlow parses them."""
    import tensorflow as tf

    spec = {
        feature.name: tf.io.FixedLenFeature([], tf.float32 if feature.type == "float32" else tf.int64)
        for feature in FEATURES
    }
    sizes = {"input_ids": 64, "input_mask": 64, "segment_ids": 64, "next_sentence_labels": 1}
    spec = {name: tf.io.FixedLenFeature([sizes.get(name, 20)], kind.dtype) for name, kind in spec.items()}
    dataset = tf.data.TFRecordDataset(records.uris, compression_type="GZIP")
    features = tf.io.parse_example(list(dataset.as_numpy_iterator()), spec)
    return {name: values.numpy() for name, values in features.items()}


def test_records_are_what_tensorflow_reads(records, parsed):
    opened = RecordSet(records, LIMITS)
    assert (opened.max_seq_length, opened.max_predictions) == (64, 20)
    assert opened.count == len(parsed["input_ids"])
    order = np.random.default_rng(1).permutation(opened.count)
    features = opened.read(order)
    assert set(features) == {feature.name for feature in FEATURES}
    for name, values in features.items():
        assert values.dtype == (np.float32 if name == MASKED_WEIGHTS.name else np.int32)
        np.testing.assert_array_equal(values, parsed[name][order])


def test_files_are_numbered_through_in_the_order_of_their_names(tmp_path, records):
    whole = gzip.decompress(RECORDS.read_bytes())
    opened = RecordSet(records, LIMITS)
    cut = sum(len(frame(record)) for record in itertools.islice(read_records(str(RECORDS)), 10))
    parts = record_set(tmp_path, whole[:cut], b"", whole[cut:])
    assert parts.count == opened.count
    order = np.arange(parts.count)[::-1]
    np.testing.assert_array_equal(parts.read(order)["input_ids"], opened.read(order)["input_ids"])
    assert parts.location(9).endswith("part-00000.tfrecord, record 9")
    assert parts.location(10).endswith("part-00002.tfrecord, record 0")


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (frame(example())[:-1], r"record 1 at byte \d+: the file ends in the middle of a record"),
        (b"\0" + frame(example())[1:], "record 1 at byte .*not a TFRecord file, or it is damaged"),
        (frame(example(input_ids=None)), "record 1: a record lacks a feature. Expected the feature input_ids"),
        (frame(example(segment_ids=[0, 1])), "wrong number of values. Expected 6 values of segment_ids"),
        (frame(example(masked_lm_weights=[1, 0])), "wrong type. Expected floats in masked_lm_weights"),
        (frame(example(input_ids=[2, 7, 4, 9, 3, 2373])), "input_ids is out of range. Found 2373. Expected 0 to 2372"),
        (frame(example(input_ids=[2, 7, 4, 9, 3, -1])), "input_ids is out of range. Found -1"),
        (frame(example(input_ids=[2, 7, 4, 9, 3, 2**40])), "a feature has a value beyond 32 bits"),
        (frame(example(masked_lm_positions=[6, 0])), "masked_lm_positions is out of range"),
        (frame(example(segment_ids=[0, 0, 0, 2, 1, 0])), "segment_ids is out of range"),
        (frame(example(next_sentence_labels=[2])), "next_sentence_labels is out of range"),
        (frame(example(input_mask=[1, 1, 1, 1, 2, 0])), "input_mask is out of range"),
        (
            frame(example(input_mask=[1, 1, 0, 1, 1, 0])),
            "padding before a token. Expected input_mask of ones, then zeros",
        ),
        (
            frame(example(masked_lm_weights=[1.0, -1.0])),
            "impossible weight in masked_lm_weights. Found -1. Expected 1.0",
        ),
        (frame(example(masked_lm_weights=[1.0, float("nan")])), "impossible weight in masked_lm_weights. Found nan"),
        (frame(example(masked_lm_weights=[float("inf"), 0.0])), "impossible weight in masked_lm_weights. Found inf"),
        (frame(b"\xff\xff"), "record 1: a record is not a tf.train.Example"),
    ],
)
def test_a_bad_record_is_named_with_its_file_and_number(tmp_path, second, message):
    with pytest.raises(BerthError, match=message) as error:
        record_set(tmp_path, frame(example()) + second).read(np.arange(2))
    assert "part-00000.tfrecord, record 1" in str(error.value)


def test_a_damaged_record_is_noticed_when_its_block_arrives(tmp_path):
    damaged = bytearray(frame(example()))
    damaged[40] ^= 1
    opened = record_set(tmp_path, frame(example()) + bytes(damaged), frame(example()))
    opened.read(np.array([2]))
    message = r"part-00000.tfrecord, block 0 at byte 0, record 1: a record is damaged: its data fails its checksum"
    for record in (0, 1):
        with pytest.raises(BerthError, match=message):
            opened.read(np.array([record]))


def test_sets_that_cannot_be_used(tmp_path):
    with pytest.raises(BerthError, match="no records"):
        record_set(tmp_path, b"")
    with pytest.raises(BerthError, match=r"longer than the model's positions.*6 tokens.*at most .* = 5"):
        record_set(tmp_path, frame(example()), limits=Limits(2373, 2, 5))
    (tmp_path / "part-00000.tfrecord").write_bytes(gzip.compress(frame(example()))[:-9])
    with pytest.raises(BerthError, match="compressed file is damaged"):
        RecordSet(Inputs.of(str(tmp_path / "*.tfrecord")), LIMITS)


def test_shares_of_all_processes_make_up_the_global_batch(records):
    """Any number of hosts sees the same global batches, micro-batch by micro-batch."""
    opened = RecordSet(records, LIMITS)
    phase = Phase(name="a", records="r", steps=9, batch_size=12, accumulation=2, learning_rate=1.0)
    update = schedule.update([phase], 9)
    assert update.position == 96
    whole, indices = training_batch(opened, GlobalOrder(opened.count, 1), update, Share())
    assert indices.tolist() == [[0, 1, 2, 3, 4, 5], [6, 7, 8, 9, 10, 11]]
    parts = [training_batch(opened, GlobalOrder(opened.count, 1), update, Share(process, 3)) for process in range(3)]
    for name, values in whole.items():
        np.testing.assert_array_equal(np.concatenate([part[name] for part, _ in parts], axis=1), values)
    halved = phase.model_copy(update={"batch_size": 6, "accumulation": 1, "steps": 18})
    following, _ = training_batch(opened, GlobalOrder(opened.count, 1), schedule.update([halved], 18), Share())
    np.testing.assert_array_equal(following["input_ids"][0], whole["input_ids"][1])


def test_there_may_be_more_hosts_than_records(tmp_path):
    """A batch then has records more than once, in the order of the epochs, and every host has its share."""
    opened = record_set(tmp_path, frame(example()) + frame(example(next_sentence_labels=[0])))
    update = schedule.update([Phase(name="a", records="r", steps=3, batch_size=8, learning_rate=1.0)], 2)
    parts = [training_batch(opened, GlobalOrder(opened.count, 1), update, Share(process, 8)) for process in range(8)]
    assert [indices.tolist() for _, indices in parts] == [[[process]] for process in range(8)]
    labels = np.concatenate([features["next_sentence_labels"][0, :, 0] for features, _ in parts])
    assert (labels.reshape(4, 2).sum(axis=1) == 1).all()


def test_evaluation_counts_every_record_once(records):
    opened = RecordSet(records, LIMITS)
    batches = list(evaluation_batches(opened, 50))
    assert [real for _, real in batches[:-1]] == [50] * (len(batches) - 1)
    assert sum(real for _, real in batches) == opened.count
    weights = sum(features[MASKED_WEIGHTS.name].sum() for features, _ in batches)
    assert weights == opened.read(np.arange(opened.count))[MASKED_WEIGHTS.name].sum()


@pytest.mark.parametrize("processes", [2, 5, 25])
def test_processes_share_every_batch_of_an_evaluation(records, processes):
    """With 25 processes some have nothing of the last batch; all have as many batches, so that none waits."""
    opened = RecordSet(records, LIMITS)
    parts = [list(evaluation_batches(opened, 50, Share(process, processes))) for process in range(processes)]
    assert {len(part) for part in parts} == {-(-opened.count // 50)}
    ids = [
        features["input_ids"][:real]
        for batch in zip(*parts, strict=True)
        for features, real in batch  # in order of the processes
    ]
    np.testing.assert_array_equal(np.concatenate(ids), opened.read(np.arange(opened.count))["input_ids"])


def test_prefetching_keeps_the_order_and_passes_errors_on():
    def make(number):
        if number == 3:
            raise ValueError("three")
        return number * 10

    assert list(prefetch(make, range(3))) == [0, 10, 20]
    results = prefetch(make, range(5))
    assert [next(results) for _ in range(3)] == [0, 10, 20]
    with pytest.raises(ValueError, match="three"):
        next(results)
