"""The output of a fine-tuning: figures, predictions, and the model's files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import numpy as np

from berth import storage
from berth.formats.results import FINETUNING, LABELS, METRICS, write_lines
from berth.formats.vocabulary import VOCABULARY
from berth.stage.output import Output
from trainer.checkpoints import safetensors
from trainer.finetuning import CLASSIFIER
from trainer.finetuning.encoding import EncodedExamples
from trainer.finetuning.heads import Head
from trainer.finetuning.loop import Outcome
from trainer.finetuning.task import Task
from trainer.finetuning.task_examples import Dataset, Examples
from trainer.models import CONFIG, Configuration


def write(
    output: Output, task: Task, dataset: Dataset, encoded: Sequence[EncodedExamples], outcome: Outcome, step: int | None
) -> None:
    """Write the figures and the predictions.

    Args:
        output: The stage's output.
        task: The task.
        dataset: The examples.
        encoded: The same as inputs of the model: the training set, then the held-out sets.
        outcome: Logs and outputs of the loop.
        step: The step of the pre-training's checkpoint; None if unknown.
    """
    sets, head = [dataset.train, *dataset.held_out], dataset.head
    last = outcome.epochs[-1]
    content = {
        "task": task.name,
        "step": step,
        "labels": list(head.labels),
        "examples": {each.name: len(each) for each in sets},
        "skipped": {each.name: each.skipped for each in sets},
        "truncated": {each.name: inputs.truncated for each, inputs in zip(sets, encoded, strict=True)},
        "updates": last["step"],
        "metrics": {each.name: last[each.name] for each in dataset.held_out},
        "baseline": {
            each.name: task.measure(each.labels, np.full(len(each), head.constant_guess(dataset.train.labels)))
            for each in dataset.held_out
        },
        "epochs": outcome.epochs,
    }
    _write(output, FINETUNING, json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    write_lines(output.path(METRICS), outcome.steps)
    for each in dataset.held_out:
        _write(output, f"predictions-{each.name}.tsv", _predictions(head, each, outcome.logits[each.name]))


def write_model(
    output: Output,
    arrays: Mapping[str, np.ndarray],
    config: Configuration,
    labels: Sequence[str],
    tokens: Sequence[str],
) -> None:
    """Write the model's variables, its configuration, vocabulary and labels."""
    safetensors.write(output.path(CLASSIFIER), arrays, {"labels": list(labels)})
    _write(output, CONFIG, config.to_json().decode())
    _write(output, VOCABULARY, "".join(f"{token}\n" for token in tokens))
    if labels:
        _write(output, LABELS, "".join(f"{label}\n" for label in labels))


def _predictions(head: Head, examples: Examples, logits: np.ndarray) -> str:
    """A table: the line in the file, the correct label, the predicted one."""
    rows = (
        f"{line}\t{head.as_text(gold)}\t{head.as_text(predicted)}\n"
        for line, gold, predicted in zip(examples.lines, examples.labels, head.predict(logits), strict=True)
    )
    return "line\tgold\tpredicted\n" + "".join(rows)


def _write(output: Output, name: str, text: str) -> None:
    with storage.atomic_write(output.path(name)) as file:
        file.write(text.encode())
