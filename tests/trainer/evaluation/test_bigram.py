"""The bigram baseline, and what it is made of: labels, corrupted positions, the text before masking."""

from dataclasses import replace

import numpy as np
import pytest

from berth.errors import BerthError
from berth.formats.tfrecord import frame
from berth.stage.inputs import Inputs
from support.plain_example import serialize_example
from trainer.data.records import Limits, RecordSet
from trainer.evaluation import bigram
from trainer.evaluation.positions import corrupted_weights, count_labels, original_ids, shown

TOKENS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "b", "c", "d", "##e"]
IDS = {token: number for number, token in enumerate(TOKENS)}
LENGTH, PREDICTIONS = 8, 3
LIMITS = Limits(len(TOKENS), 2, LENGTH)


def record(text, masked=None):
    """A record of a text; ``masked`` is what the model sees at masked positions: ``{2: "[MASK]"}``."""
    tokens, masked = ["[CLS]", *text.split(), "[SEP]"], masked or {}
    ids = [IDS[masked.get(position, token)] for position, token in enumerate(tokens)]
    rest, unused = [0] * (LENGTH - len(tokens)), [0] * (PREDICTIONS - len(masked))
    return serialize_example(
        {
            "input_ids": ids + rest,
            "input_mask": [1] * len(ids) + rest,
            "segment_ids": [0] * LENGTH,
            "masked_lm_positions": [*masked, *unused],
            "masked_lm_ids": [*(IDS[tokens[position]] for position in masked), *unused],
            "masked_lm_weights": [*([1.0] * len(masked)), *map(float, unused)],
            "next_sentence_labels": [0],
        }
    )


@pytest.fixture
def write(tmp_path):
    """Writes records into files, and gives them as inputs."""

    def write(*files):
        paths = []
        for records in files:
            paths.append(tmp_path / f"{len(list(tmp_path.iterdir())):02}.tfrecord")
            paths[-1].write_bytes(b"".join(map(frame, records)))
        return Inputs.of(*map(str, paths))

    return write


HELD_OUT = [
    record("a b c", {2: "[MASK]", 3: "d"}),  # b after a; c after [MASK]
    record("a d c", {1: "a", 3: "[MASK]"}),  # a kept after [CLS]; c after d
    record("c c", {1: "[MASK]"}),  # c after [CLS]
]


@pytest.fixture
def held_out(write):
    return RecordSet(write(HELD_OUT), LIMITS)


def counted(training, held_out):
    return bigram.count(training, held_out, count_labels(held_out, len(TOKENS)), TOKENS)


def test_a_kept_token_is_masked_but_not_corrupted(held_out):
    features = held_out.read(np.arange(held_out.count))
    assert [[TOKENS[token] for token in row] for row in shown(features)] == [
        ["[MASK]", "d", "[CLS]"],
        ["a", "[MASK]", "[CLS]"],
        ["[MASK]", "[CLS]", "[CLS]"],
    ]
    assert corrupted_weights(features).tolist() == [[1, 1, 0], [0, 1, 0], [1, 0, 0]]
    labels = count_labels(held_out, len(TOKENS))
    assert {TOKENS[token]: int(labels.masked[token]) for token in np.flatnonzero(labels.masked)} == {
        "a": 1,
        "b": 1,
        "c": 3,
    }
    assert {TOKENS[token]: int(labels.corrupted[token]) for token in np.flatnonzero(labels.corrupted)} == {
        "b": 1,
        "c": 3,
    }
    assert labels.next_sentence.tolist() == [3, 0]


def test_the_text_before_masking_is_restored(held_out):
    features = held_out.read(np.arange(held_out.count))
    before = features["input_ids"].copy()
    assert [TOKENS[token] for token in original_ids(features)[0]] == ["[CLS]", "a", "b", "c", "[SEP]", *["[PAD]"] * 3]
    assert (features["input_ids"] == before).all()


def test_the_guess_is_what_follows_the_left_neighbour_most_often(write, held_out):
    table = counted(write([record("a b a b", {2: "[MASK]"}), record("a d d b")]), held_out)
    guesses = {left: TOKENS[table.following[IDS[left]]] for left in ("[CLS]", "a", "b", "d")}
    # [SEP] follows b as often as a does, but is never masked; after d come d and b.
    assert guesses == {"[CLS]": "a", "a": "b", "b": "a", "d": "b"}
    assert table.pairs == 8  # without those that end with [SEP], and without padding


def test_where_the_neighbour_was_never_seen_it_is_the_best_constant_guess(write, held_out):
    table = counted(write([record("a b")]), held_out)
    assert {TOKENS[table.following[IDS[left]]] for left in ("[MASK]", "c", "d", "[SEP]", "b")} == {"c"}


def test_it_is_scored_with_the_neighbours_that_the_model_sees(write, held_out):
    """Of five masked positions b after a, a after [CLS] and c after [MASK] are right; a was kept."""
    table = counted(write([record("a b"), record("d d")]), held_out)
    features = held_out.read(np.arange(held_out.count))
    real = features["masked_lm_weights"] > 0
    assert (table.is_right(features) & real).tolist() == [
        [True, True, False],
        [True, False, False],
        [False, False, False],
    ]
    assert table.scores(held_out) == {
        "pairs": 4,
        "masked_lm_accuracy": pytest.approx(3 / 5),
        "masked_lm_corrupted_accuracy": pytest.approx(2 / 4),
    }


def test_only_the_first_records_are_counted(write, held_out, monkeypatch):
    """Later files are not even opened if the files before, by their manifest, hold enough."""
    monkeypatch.setattr(bigram, "MAX_RECORDS", 2)
    found = write([record("a b")], [], [record("a b"), record("a c")], [record("a c")] * 3)
    assert counted(found, held_out).pairs == 2 * 2
    *files, last = (replace(file, records=known) for file, known in zip(found.files, (1, 0, 2, 3), strict=True))
    files.append(replace(last, uri=f"{last.uri}-missing"))
    assert counted(replace(found, files=tuple(files)), held_out).pairs == 2 * 2


def test_only_so_many_pairs_are_counted(write, held_out, monkeypatch):
    monkeypatch.setattr(bigram, "MAX_PAIRS", 3)
    assert counted(write([record("a b"), record("c d")]), held_out).pairs == 3


def test_records_that_do_not_fit_the_model_are_refused(write, held_out, monkeypatch):
    monkeypatch.setitem(IDS, "a", 77)
    with pytest.raises(BerthError, match=r"input_ids is out of range"):
        counted(write([record("a b")]), held_out)
