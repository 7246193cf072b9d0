"""When a model is evaluated during its training."""

import pytest

from berth.errors import UsageError
from berth.recipe import Evaluation, Phase
from berth.recipe import file as recipe_file
from support.trainer_files import changed
from trainer.schedules import cadence, schedule

PHASES = [
    Phase(name="first", records="r", steps=10, batch_size=4, learning_rate=0.1),
    Phase(name="second", records="r", steps=7, batch_size=8, learning_rate=0.1),
]


MLPERF = Evaluation(records="r", every_samples="mlperf")


def due(**keys):
    """The steps of these phases after which the model is evaluated."""
    evaluation = Evaluation(records="r", **keys)
    return [number for number in range(18) if cadence.is_due(evaluation, PHASES, number)]


@pytest.mark.parametrize(
    ("batch_size", "sequences"),
    [(256, 150_000), (1024, 150_000), (1536, 150_000), (2048, 150_000), (3072, 175_000), (4096, 175_000)],
)
def test_the_interval_of_mlperf_is_that_of_its_table(batch_size, sequences):
    """From https://github.com/mlcommons/training, language_model/tensorflow/bert/README.md, "Stopping criteria"."""
    assert MLPERF.sequences_between(batch_size) == sequences


def test_for_the_batch_of_8192_the_formula_counts():
    """0.05 · 4,886,044 = 244,302, so 225,000; an earlier version of the table said 175,000."""
    assert MLPERF.sequences_between(8192) == 225_000


def test_nothing_is_due_unless_the_recipe_asks_for_it():
    assert due() == []


def test_sequences_count_from_the_start_of_each_phase_and_its_end_is_always_due():
    assert due(every_samples=12) == [0, 3, 6, 9, 10, 12, 13, 15, 16, 17]
    assert due(every_samples=10**6) == [0, 10, 17]


def test_an_interval_smaller_than_the_batch_is_due_after_every_step():
    assert due(every_samples=1) == list(range(18))


def test_steps_count_through_all_phases():
    assert due(every_steps=4) == [0, 4, 8, 10, 12, 16, 17]


def test_mlperfs_interval_follows_from_the_batch_of_the_phase():
    phases = [Phase(name="a", records="r", steps=200, batch_size=size, learning_rate=0.1) for size in (2048, 4096)]
    evaluation = Evaluation(records="r", every_samples="mlperf")
    steps = [number for number in range(1, 401) if cadence.is_due(evaluation, phases, number)]
    # 150,000 / 2048 = 73.2, 175,000 / 4096 = 42.7
    assert steps == [74, 147, 200, 243, 286, 329, 371, 400]


def test_sequences_up_to_a_step():
    assert [schedule.sequences(PHASES, number) for number in (0, 1, 10, 11, 17)] == [0, 4, 40, 48, 96]


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["every_samples=often"], r"every_samples: found 'often', expected a number of sequences above 0, or mlperf"),
        (["every_samples=0"], r"every_samples: found 0, expected a number of sequences above 0"),
        (["every_samples=5", "every_steps=5"], r"evaluation: give only one of every_samples and every_steps"),
        (["target.value=0.72"], r"a target needs evaluations during training"),
        (["every_steps=5", "target.metric=bleu", "target.value=0.7"], r"target\.metric: found 'bleu'"),
    ],
)
def test_what_cannot_be_meant_is_refused(overrides, message):
    with pytest.raises(UsageError, match=message):
        recipe_file.load("quickstart", [f"evaluation.{override}" for override in overrides])


def test_a_next_sentence_target_needs_next_sentences(tiny_recipe):
    records = {"short": {"max_seq_length": 64, "max_predictions": 20, "objective": "mlm", "rng": "keyed"}}
    target = {"metric": "next_sentence_accuracy", "value": 0.9}
    with pytest.raises(ValueError, match="no phase has objective: mlm"):
        changed(tiny_recipe, records=records, evaluation={"every_steps": 2, "target": target})
