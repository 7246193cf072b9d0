"""Files of fine-tuning tasks: GLUE's TSV, and the user's TSV, CSV and JSONL."""

from __future__ import annotations

import shutil

from berth.errors import BerthError
from berth.recipe import FineTuning
from fuzz.target import choice, parts, place, write
from trainer.finetuning.tasks import FAMILIES, task_of

REFUSALS = (BerthError,)

SUFFIXES = ("tsv", "csv", "jsonl")
TASKS = tuple(FAMILIES)


def fuzz(data: bytes) -> None:
    """The task and the format; then, separated by lines `%%`, the file to train on and the two to measure on."""
    number, content = choice(data)
    name = TASKS[number % len(TASKS)]
    suffix = SUFFIXES[number // len(TASKS) % 3] if name == "classification" else "tsv"
    fields = ["text"] if number % 2 else ["first", "second"]
    options = {"task": name, "data": place("task"), **({"fields": fields} if name == "classification" else {})}
    task = task_of(FineTuning.model_validate(options))
    shutil.rmtree(place("task"), ignore_errors=True)
    train, first, second = parts(content, 3)
    heldout = ("dev_matched", "dev_mismatched") if name == "mnli" else ("dev",)
    for stem, table in zip(("train", *heldout), (train, first, second), strict=False):
        write(f"task/{stem}.{suffix}", table)
    dataset = task.read(task.find_files(place("task")))
    for examples in (dataset.train, *dataset.held_out):
        assert len(examples.first) == len(examples.labels) == len(examples.lines) > 0
        for text in examples.first + (examples.second or []):
            text.encode()
