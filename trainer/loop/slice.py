"""A slice of a training run: it continues the files of the slice before it, and ends after a given update.

Slices do not change the result: the last slice's newest checkpoint and logs are, byte for byte, those of a training
run in one piece. Between two slices, other tasks can use the model.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass

from berth import storage
from berth.errors import UsageError
from berth.formats.results import EVALUATIONS, METRICS
from berth.recipe import Recipe
from berth.stage.inputs import Inputs
from berth.stage.output import Output
from trainer.checkpoints import checkpoint
from trainer.schedules import schedule

LOGS = (METRICS, EVALUATIONS)


@dataclass(frozen=True)
class Slice:
    """Where a slice ends and what it continues.

    Args:
        end: The number of its last update.
        before: Files of the slice before it; None for the first.
    """

    end: int
    before: Inputs | None = None

    @classmethod
    def of(cls, recipe: Recipe, until: int | None = None, before: Inputs | None = None) -> Slice:
        """The slice up to an update, or to the end of the recipe's phases.

        Raises:
            UsageError: if the phases have no such update.
        """
        total = schedule.total_updates(recipe.training.phases)
        if until is not None and not 0 < until <= total:
            raise UsageError(
                "a slice of the training run must end at one of its steps",
                where="until",
                found=str(until),
                expected=f"1 to {total}, the steps of the recipe's phases",
            )
        return cls(until or total, before)

    def inputs(self) -> dict[str, Inputs]:
        """The files that it reads of the slice before it, as inputs of a stage."""
        return {"before": Inputs.at(*self._files())} if self.before is not None else {}

    def begin(self, output: Output) -> None:
        """Copy the files that it continues into its own output, unless there are checkpoints already."""
        if self.before is None or checkpoint.list_steps(output.uri):
            return
        for uri in self._files():
            with storage.open_read(uri) as source, storage.atomic_write(output.path(storage.basename(uri))) as target:
                shutil.copyfileobj(source, target)

    def _files(self) -> list[str]:
        """Logs and newest checkpoint of the slice before it; the checkpoint last: once it is copied, all are."""
        if self.before is None:
            return []
        logs = [file.uri for file in self.before.files if storage.basename(file.uri) in LOGS]
        return [*logs, checkpoint.newest(self.before).uri]
