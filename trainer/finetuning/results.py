"""What a fine-tuning leaves: its figures, its predictions, and the model's files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np

from berth import storage
from berth.formats.results import FINETUNING, LABELS, METRICS
from berth.formats.vocabulary import VOCABULARY
from berth.stage.output import Output
from trainer.checkpoints import safetensors
from trainer.finetuning import CLASSIFIER, metrics
from trainer.finetuning.encoding import Encoded
from trainer.finetuning.task_examples import Dataset, Examples
from trainer.finetuning.tasks import Task
from trainer.finetuning.training import Outcome
from trainer.loop import json_lines
from trainer.models import CONFIG, Configuration


def write(
    output: Output, task: Task, dataset: Dataset, encoded: Sequence[Encoded], outcome: Outcome, step: int | None
) -> None:
    """Write the figures and the predictions.

    Args:
        output: Where they go.
        task: What was learnt.
        dataset: The examples.
        encoded: The same as inputs of the model: those learnt from, then the held-out sets.
        outcome: What the training told.
        step: Of the pre-training's checkpoint; None if it has none.
    """
    sets = [dataset.train, *dataset.held_out]
    last = outcome.epochs[-1]
    content = {
        "task": task.name,
        "step": step,
        "labels": list(dataset.labels),
        "examples": {each.name: len(each) for each in sets},
        "skipped": {each.name: each.skipped for each in sets},
        "truncated": {each.name: inputs.truncated for each, inputs in zip(sets, encoded, strict=True)},
        "updates": last["step"],
        "metrics": {each.name: last[each.name] for each in dataset.held_out},
        "baseline": {
            each.name: metrics.constant_guess(task, dataset.train.labels, each.labels) for each in dataset.held_out
        },
        "epochs": outcome.epochs,
    }
    _write(output, FINETUNING, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    json_lines.write(output.path(METRICS), outcome.steps)
    for each in dataset.held_out:
        _write(output, f"predictions-{each.name}.tsv", _predictions(task, dataset.labels, each, outcome))


def write_model(
    output: Output,
    arrays: Mapping[str, np.ndarray],
    config: Configuration,
    labels: Sequence[str],
    tokens: Sequence[str],
) -> None:
    """Write the model's variables and what is needed to use them."""
    safetensors.write(output.path(CLASSIFIER), arrays, {"labels": list(labels)})
    _write(output, CONFIG, config.to_json().decode())
    _write(output, VOCABULARY, "".join(f"{token}\n" for token in tokens))
    if labels:
        _write(output, LABELS, "".join(f"{label}\n" for label in labels))


def _predictions(task: Task, labels: Sequence[str], examples: Examples, outcome: Outcome) -> str:
    """A table: the file's line, what is right, what the model says."""
    predicted = metrics.predicted(task, outcome.logits[examples.name])

    def shown(value: np.generic) -> str:
        return labels[int(value)] if labels else str(value)

    rows = (
        f"{line}\t{shown(gold)}\t{shown(guess)}\n"
        for line, gold, guess in zip(examples.lines, examples.labels, predicted, strict=True)
    )
    return "line\tgold\tpredicted\n" + "".join(rows)


def _write(output: Output, name: str, text: str) -> None:
    with storage.atomic_write(output.path(name)) as file:
        file.write(text.encode())
