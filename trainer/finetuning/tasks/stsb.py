"""STS-B of GLUE: how similar two sentences are, as a score from 0 to 5; a regression.

Files, columns and metrics are those of GLUE (https://openreview.net/pdf?id=rJ4km2R5t7).
"""

from __future__ import annotations

from berth.recipe import FineTuning
from trainer.finetuning.labels import Scores
from trainer.finetuning.table_task import TableTask

STSB = TableTask(
    name="stsb",
    texts=("sentence1", "sentence2"),
    label="score",
    labels=Scores(0.0, 5.0),
    metrics=("pearson", "spearman"),
)


def task(options: FineTuning) -> TableTask:
    """The task."""
    return STSB
