"""The fine-tuning tasks: one file a family, found by the task's name in the recipe.

To add a task, write its file, add its line to `FAMILIES` and its name to `FineTuning.task` of the recipe
(docs/extending.md).
"""

from __future__ import annotations

import importlib

from berth.recipe import FineTuning
from trainer.finetuning.task import Task

# The module of each task. It has a function `task(options)`, and is imported when the task is used.
FAMILIES = {
    "mnli": "glue",
    "qqp": "glue",
    "qnli": "glue",
    "sst2": "glue",
    "cola": "glue",
    "stsb": "stsb",
    "mrpc": "glue",
    "rte": "glue",
    "classification": "classification",
}


def task_of(options: FineTuning) -> Task:
    """The task that a recipe's section names."""
    task: Task = importlib.import_module(f"{__name__}.{FAMILIES[options.task]}").task(options)
    return task
