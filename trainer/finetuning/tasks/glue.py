"""The classification tasks of GLUE, of single sentences and of pairs.

Files and columns are those of GLUE (https://openreview.net/pdf?id=rJ4km2R5t7) as gluebenchmark.com distributes them,
the metrics those of its leaderboard, the ids of the labels those of google-research/bert's `run_classifier.py`.
"""

from __future__ import annotations

from berth.recipe import FineTuning
from trainer.finetuning.labels import ClassLabels
from trainer.finetuning.table_task import TSV, TableTask

BINARY = ClassLabels(("0", "1"))
ENTAILMENT = ClassLabels(("entailment", "not_entailment"))

MNLI = TableTask(
    name="mnli",
    texts=("sentence1", "sentence2"),
    label="gold_label",
    labels=ClassLabels(("contradiction", "entailment", "neutral")),
    metrics=("accuracy",),
    files=(("train.tsv", "dev_matched.tsv", "dev_mismatched.tsv"),),
    no_label="-",
)
QQP = TableTask(
    name="qqp",
    texts=("question1", "question2"),
    label="is_duplicate",
    labels=BINARY,
    metrics=("f1", "accuracy"),
    has_broken_rows=True,  # questions with line breaks in them
)
QNLI = TableTask(name="qnli", texts=("question", "sentence"), label="label", labels=ENTAILMENT, metrics=("accuracy",))
SST2 = TableTask(name="sst2", texts=("sentence",), label="label", labels=BINARY, metrics=("accuracy",))
COLA = TableTask(
    name="cola",
    texts=("sentence",),
    label="label",
    labels=BINARY,
    metrics=("matthews_correlation",),
    header=("source", "label", "star", "sentence"),
)
MRPC = TableTask(
    name="mrpc",
    texts=("#1 String", "#2 String"),
    label="Quality",
    labels=BINARY,
    metrics=("f1", "accuracy"),
    # GLUE cuts a dev.tsv from the training file; Microsoft's own files have a labelled test file.
    files=(*TSV, ("msr_paraphrase_train.txt", "msr_paraphrase_test.txt")),
)
RTE = TableTask(name="rte", texts=("sentence1", "sentence2"), label="label", labels=ENTAILMENT, metrics=("accuracy",))

TASKS = {task.name: task for task in (MNLI, QQP, QNLI, SST2, COLA, MRPC, RTE)}


def task(options: FineTuning) -> TableTask:
    """The task of this name."""
    return TASKS[options.task]
