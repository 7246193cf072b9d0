"""The tasks: where their texts and labels stand in their files, and what they are measured by.

Files and columns are those of GLUE (https://openreview.net/pdf?id=rJ4km2R5t7) as gluebenchmark.com distributes them,
the metrics those of its leaderboard.
"""

from __future__ import annotations

from dataclasses import dataclass

from berth import storage
from berth.errors import UsageError
from berth.recipe import FineTuning
from berth.stage.inputs import Inputs

CLASSIFICATION = "classification"
TSV = (("train.tsv", "dev.tsv"),)
BINARY = ("0", "1")
ENTAILMENT = ("entailment", "not_entailment")


@dataclass(frozen=True)
class Task:
    """A task.

    Args:
        name: As in the recipe.
        texts: The column of the text, or the two of a pair of texts.
        label: The column of the label.
        labels: The labels, by their ids; None for those that the training file has. Empty where the label is a score.
        metrics: Names of its metrics (`metrics.py`), the main one first.
        files: What may stand in its directory: the training file and those the model is measured on. The first set that
            is complete counts.
        header: The columns of files whose first line does not name them.
        no_label: What stands in the place of a label that nobody could agree on; such rows are left out.
        has_broken_rows: Whether the published file has rows of too few columns; they are left out.
        scores: The lowest and the highest score, where the label is one.
    """

    name: str
    texts: tuple[str, ...]
    label: str
    labels: tuple[str, ...] | None
    metrics: tuple[str, ...]
    files: tuple[tuple[str, ...], ...] = TSV
    header: tuple[str, ...] | None = None
    no_label: str | None = None
    has_broken_rows: bool = False
    scores: tuple[float, float] | None = None

    @property
    def is_pair(self) -> bool:
        """Whether an example is a pair of texts."""
        return len(self.texts) == 2


GLUE = {
    task.name: task
    for task in (
        Task(
            "mnli",
            ("sentence1", "sentence2"),
            "gold_label",
            ("contradiction", "entailment", "neutral"),
            ("accuracy",),
            files=(("train.tsv", "dev_matched.tsv", "dev_mismatched.tsv"),),
            no_label="-",
        ),
        Task(
            "qqp",
            ("question1", "question2"),
            "is_duplicate",
            BINARY,
            ("f1", "accuracy"),
            has_broken_rows=True,  # questions with line breaks in them
        ),
        Task("qnli", ("question", "sentence"), "label", ENTAILMENT, ("accuracy",)),
        Task("sst2", ("sentence",), "label", BINARY, ("accuracy",)),
        Task(
            "cola",
            ("sentence",),
            "label",
            BINARY,
            ("matthews_correlation",),
            header=("source", "label", "star", "sentence"),
        ),
        Task("stsb", ("sentence1", "sentence2"), "score", (), ("pearson", "spearman"), scores=(0.0, 5.0)),
        Task(
            "mrpc",
            ("#1 String", "#2 String"),
            "Quality",
            BINARY,
            ("f1", "accuracy"),
            # GLUE cuts a dev.tsv from the training file; Microsoft's own files have a labelled test file.
            files=(*TSV, ("msr_paraphrase_train.txt", "msr_paraphrase_test.txt")),
        ),
        Task("rte", ("sentence1", "sentence2"), "label", ENTAILMENT, ("accuracy",)),
    )
}


def task_of(options: FineTuning) -> Task:
    """The task that a section of a recipe names."""
    if options.task != CLASSIFICATION:
        return GLUE[options.task]
    files = tuple((f"train.{suffix}", f"dev.{suffix}") for suffix in ("tsv", "csv", "jsonl"))
    return Task(CLASSIFICATION, tuple(options.fields), options.label_field, None, ("accuracy", "macro_f1"), files)


def files_of(task: Task, directory: str) -> Inputs:
    """The task's files in a directory.

    Raises:
        UsageError: if they are not there, or several sets for a classification.
    """
    complete = [names for names in task.files if all(storage.exists(storage.join(directory, name)) for name in names)]
    if not complete:
        raise UsageError(
            f"the files of the task {task.name} are not here",
            where=directory,
            expected=" or ".join(", ".join(names) for names in task.files),
        )
    if len(complete) > 1 and task.name == CLASSIFICATION:
        raise UsageError(
            "which files are meant is not clear",
            where=directory,
            found=", ".join(name for names in complete for name in names),
            expected="train and dev in one format",
        )
    return Inputs.of(*(storage.join(directory, name) for name in complete[0]))
