"""Result files in JSON."""

from __future__ import annotations

import pytest

from berth.errors import BerthError
from berth.formats import results


def test_what_was_written_is_read(tmp_path):
    (tmp_path / "evaluation.json").write_text('{"step": 8, "masked_lm_accuracy": 0.5}')
    (tmp_path / "finetuning.json").write_text('{"task": "mnli", "metrics": {"dev": {"accuracy": 0.5}}}')
    (tmp_path / "training.json").write_text('{"steps": 8}')
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n\n{"step": 2}\n')
    directory = str(tmp_path)
    assert results.read_evaluation(directory)["masked_lm_accuracy"] == 0.5
    assert results.read_finetuning(directory)["metrics"]["dev"] == {"accuracy": 0.5}
    assert results.read_training(directory)["steps"] == 8
    assert results.read_lines(f"{directory}/metrics.jsonl") == [{"step": 1}, {"step": 2}]


@pytest.mark.parametrize("content", ["{", "", '{"a": \x00}', '{"a": 1} b'])
def test_what_is_not_json_is_one_clear_error(tmp_path, content):
    (tmp_path / "evaluation.json").write_text(content)
    with pytest.raises(BerthError, match=r"evaluation\.json: this is not JSON\. Found .* run again"):
        results.read_evaluation(str(tmp_path))


def test_the_line_that_is_not_json_is_named(tmp_path):
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n{"step":\n')
    with pytest.raises(BerthError, match=r"metrics\.jsonl, line 2: this is not JSON"):
        results.read_lines(str(tmp_path / "metrics.jsonl"))
