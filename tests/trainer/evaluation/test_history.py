"""The best of several evaluations, targets, and the human-readable table."""

import pytest

from berth.recipe import Target
from trainer.checkpoints import summary
from trainer.evaluation import history

LINES = [
    {"step": 0, "sequences": 0, "masked_lm_accuracy": 0.9, "masked_lm_loss": 9.0},
    {"step": 4, "sequences": 1024, "masked_lm_accuracy": 0.30, "masked_lm_loss": 3.0},
    {"step": 8, "sequences": 2048, "masked_lm_accuracy": 0.40, "masked_lm_loss": 2.5},
    {"step": 12, "sequences": 3072, "masked_lm_accuracy": 0.40, "masked_lm_loss": 2.0},
]


def best_step(metric, steps):
    line = history.best(LINES, metric, steps)
    return line["step"] if line is not None else None


def test_the_best_has_the_highest_accuracy_or_the_lowest_loss_the_first_of_equals():
    assert best_step("masked_lm_accuracy", [4, 8, 12]) == 8
    assert best_step("masked_lm_loss", [4, 8, 12]) == 12


def test_only_steps_with_a_checkpoint_count():
    assert best_step("masked_lm_accuracy", [4]) == 4
    assert best_step("masked_lm_accuracy", []) is None


def test_without_a_target_the_accuracy_decides():
    assert history.metric_of(None) == "masked_lm_accuracy"
    assert history.metric_of(Target(metric="masked_lm_loss", value=2.0)) == "masked_lm_loss"


@pytest.mark.parametrize(
    ("metric", "value", "reached"),
    [
        ("masked_lm_accuracy", 0.40, True),
        ("masked_lm_accuracy", 0.41, False),
        ("masked_lm_loss", 2.0, True),
        ("masked_lm_loss", 1.9, False),
    ],
)
def test_a_target_is_reached_by_what_equals_it_or_is_better(metric, value, reached):
    assert history.is_reached(Target(metric=metric, value=value), LINES[-1]) is reached


def test_the_table_shows_what_there_is_and_marks_the_best():
    assert history.table(LINES[1:]).splitlines() == [
        "step  sequences  masked accuracy  masked loss",
        "   4      1,024           30.00%       3.0000",
        "   8      2,048           40.00%       2.5000 ← best",
        "  12      3,072           40.00%       2.0000",
    ]


def test_the_log_line_has_all_figures_in_one_order():
    line = {"step": 4, "masked_lm_corrupted_accuracy": 0.25, **LINES[1], "next_sentence_accuracy": 0.5}
    assert history.as_text(line) == (
        "masked lm accuracy 30.00%, masked lm corrupted accuracy 25.00%, loss 3.0000, next sentence accuracy 50.00%"
    )


def test_phase_and_sequences_of_a_step():
    phases = [{"name": "a", "steps": 10, "batch_size": 4}, {"name": "b", "steps": 5, "batch_size": 8}]
    found = [summary.progress_at({"phases": phases}, step) for step in (0, 10, 11, 15)]
    assert found == [
        {"phase": "a", "sequences": 0},
        {"phase": "a", "sequences": 40},
        {"phase": "b", "sequences": 48},
        {"phase": "b", "sequences": 80},
    ]
