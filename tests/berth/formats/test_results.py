"""Result files in JSON."""

from __future__ import annotations

import json

import pytest

from berth.errors import BerthError
from berth.formats import results

BASELINE = {"token": "the", "masked_lm_loss": 6.5, "masked_lm_accuracy": 0.04, "masked_lm_corrupted_accuracy": 0.04}
EVALUATION = {
    "step": 8,
    "examples": 10,
    "masked_positions": 80,
    "corrupted_positions": 72,
    "masked_lm_loss": 2,
    "masked_lm_accuracy": 0.5,
    "masked_lm_corrupted_accuracy": 0.4,
    "baseline": BASELINE,
    "of_a_later_version": [1],
}
TRAINING = {"parameters": 5, "steps": 8, "sequences": 64, "lower_case": True, "phases": []}
FINETUNING = {"task": "mnli", "step": None, "metrics": {"dev": {"accuracy": 0.5}}}


def written(directory, name, content):
    (directory / name).write_text(json.dumps(content))
    return str(directory)


def test_what_was_written_is_read(tmp_path):
    assert results.read_evaluation(written(tmp_path, "evaluation.json", EVALUATION)) == EVALUATION
    assert results.read_finetuning(written(tmp_path, "finetuning.json", FINETUNING)) == FINETUNING
    assert results.read_training(written(tmp_path, "training.json", TRAINING)) == TRAINING
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n\n{"step": 2}\n')
    assert results.read_lines(f"{tmp_path}/metrics.jsonl") == [{"step": 1}, {"step": 2}]


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (EVALUATION | {"examples": "many"}, "examples: Input should be a valid integer"),
        (EVALUATION | {"baseline": [BASELINE]}, "baseline: Input should be a valid dictionary"),
        ({"step": 8}, "examples: Field required"),
        ([EVALUATION], "Input should be a valid dictionary"),
        (None, "Input should be a valid dictionary"),
    ],
)
def test_what_no_stage_wrote_is_one_clear_error(tmp_path, content, found):
    with pytest.raises(BerthError, match=rf"evaluation\.json: this is not what the stage wrote\. Found {found}"):
        results.read_evaluation(written(tmp_path, "evaluation.json", content))


@pytest.mark.parametrize("line", ["[1]", '{"loss": 1.5}', '{"step": "8"}', "null"])
def test_a_line_that_no_stage_wrote_is_named(tmp_path, line):
    (tmp_path / "metrics.jsonl").write_text(f'{{"step": 1}}\n{line}\n')
    with pytest.raises(BerthError, match=r"metrics\.jsonl, line 2: this is not what the stage wrote"):
        results.read_lines(str(tmp_path / "metrics.jsonl"))


@pytest.mark.parametrize("content", ["{", "", '{"a": \x00}', '{"a": 1} b'])
def test_what_is_not_json_is_one_clear_error(tmp_path, content):
    (tmp_path / "evaluation.json").write_text(content)
    with pytest.raises(BerthError, match=r"evaluation\.json: this is not JSON\. Found .* run again"):
        results.read_evaluation(str(tmp_path))


def test_the_line_that_is_not_json_is_named(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n{"step":\n')
    with pytest.raises(BerthError, match=r"metrics\.jsonl, line 2: this is not JSON"):
        results.read_lines(str(tmp_path / "metrics.jsonl"))
