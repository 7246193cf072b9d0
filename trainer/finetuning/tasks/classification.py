"""Classification of the user's own texts or pairs of texts: columns from the recipe, labels from the training file."""

from __future__ import annotations

from berth.errors import UsageError
from berth.recipe import FineTuning
from berth.stage.inputs import Inputs
from trainer.finetuning.table_task import TableTask

FORMATS = ("tsv", "csv", "jsonl")


class Classification(TableTask):
    """A classification whose files have one of several formats."""

    def find_files(self, directory: str) -> Inputs:
        """The train and dev files in a directory.

        Raises:
            UsageError: if they do not exist, or exist in several formats.
        """
        complete = self.complete_sets(directory)
        if len(complete) > 1:
            raise UsageError(
                "the directory has training and dev files in several formats",
                where=directory,
                found=", ".join(name for names in complete for name in names),
                expected="train and dev in one format",
                fix="Delete those that are not meant.",
            )
        return super().find_files(directory)


def task(options: FineTuning) -> TableTask:
    """The classification with the columns of the options."""
    return Classification(
        name="classification",
        texts=tuple(options.fields),
        label=options.label_field,
        labels=None,
        metrics=("accuracy", "macro_f1"),
        files=tuple((f"train.{suffix}", f"dev.{suffix}") for suffix in FORMATS),
    )
