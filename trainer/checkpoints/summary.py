"""The small files next to the checkpoints: training.json, the model configuration, the vocabulary."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from berth import storage
from berth.formats.results import TRAINING, read_json
from berth.formats.vocabulary import VOCABULARY
from berth.recipe import Recipe
from berth.stage.inputs import Inputs
from berth.stage.output import Output
from trainer.data.records import RecordSet
from trainer.models import CONFIG, Configuration
from trainer.schedules import schedule

Summary = dict[str, Any]


def plan(recipe: Recipe, shapes: Mapping[str, tuple[int, ...]], records: Mapping[str, RecordSet]) -> Summary:
    """The first part of training.json, known before training begins: parameters, steps, sequences, phases."""
    phases = recipe.training.phases
    return {
        "parameters": sum(math.prod(shape) for shape in shapes.values()),
        "steps": schedule.total_updates(phases),
        "sequences": schedule.sequences(phases, schedule.total_updates(phases)),
        "lower_case": recipe.vocabulary.lower_case,
        "checkpoint_every_steps": recipe.training.checkpoint_every_steps,
        "phases": [
            {
                "name": phase.name,
                "records": phase.records,
                "steps": phase.steps,
                "batch_size": phase.batch_size,
                "max_seq_length": records[phase.records].max_seq_length,
                "epochs": phase.steps * phase.batch_size / records[phase.records].count,
            }
            for phase in phases
        ],
    }


def write(output: Output, summary: Summary) -> None:
    """Write training.json."""
    _write(output, TRAINING, (json.dumps(summary, indent=2) + "\n").encode())


def describe(output: Output, summary: Summary, config: Configuration, vocabulary: Inputs) -> None:
    """Write the files that are needed to load the checkpoints that follow."""
    write(output, summary)
    _write(output, CONFIG, config.to_json())
    _write(output, VOCABULARY, storage.read_bytes(vocabulary.one().uri))


def read(directory: str) -> Summary | None:
    """The content of training.json in a training run's directory; None if there is none."""
    uri = storage.join(directory, TRAINING)
    return read_json(uri) if storage.exists(uri) else None


def progress_at(summary: Summary, step: int) -> dict[str, Any]:
    """The number of sequences up to a step, and its phase, as in the lines of evaluations.jsonl."""
    sequences = 0
    for phase in summary["phases"]:
        if step <= phase["steps"]:
            return {"phase": phase["name"], "sequences": sequences + step * phase["batch_size"]}
        sequences += phase["steps"] * phase["batch_size"]
        step -= phase["steps"]
    return {}


def _write(output: Output, name: str, content: bytes) -> None:
    with storage.atomic_write(output.path(name)) as file:
        file.write(content)
