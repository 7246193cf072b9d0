"""The registry of tasks: those of the recipe, no more and no fewer."""

from typing import get_args

import numpy as np
import pytest

from berth.recipe import FineTuning
from trainer.finetuning.metrics import METRICS
from trainer.finetuning.tasks import FAMILIES, task_of

NAMES = get_args(FineTuning.model_fields["task"].annotation)


def test_the_registry_has_the_tasks_of_the_recipe():
    assert set(FAMILIES) == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_task_is_found_by_its_name_and_has_metrics(name):
    task = task_of(FineTuning(task=name, data="glue"))
    assert task.name == name and set(task.metrics) <= set(METRICS) and task.metrics
    assert task.is_pair == (name not in ("sst2", "cola", "classification"))


@pytest.mark.parametrize("name", [name for name in NAMES if name != "classification"])
def test_a_constant_guess_is_no_division_by_zero(name):
    task = task_of(FineTuning(task=name, data="glue"))
    train = np.array([0, 0, 1], dtype=task.labels.dtype)
    guess = task.labels.head().constant_guess(train)
    found = task.measure(train[:2], np.full(2, guess))
    assert set(found) == set(task.metrics)
    assert all(value == (1.0 if metric == "accuracy" else 0.0) for metric, value in found.items())
