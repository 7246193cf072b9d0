"""A segment of a training: it goes on from another segment's files, and ends after a given update.

A training in segments is the same training: the last segment's newest checkpoint and logs are, byte for byte, those of
a training that was never divided. Between two segments, others can begin to use the model.
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
class Segment:
    """Where a segment ends and what it goes on from.

    Args:
        end: The number of its last update.
        before: Files of the segment before it; None for the first.
    """

    end: int
    before: Inputs | None = None

    @classmethod
    def of(cls, recipe: Recipe, until: int | None = None, before: Inputs | None = None) -> Segment:
        """The segment up to an update, or to the end of the recipe's phases.

        Raises:
            UsageError: if the phases have no such update.
        """
        total = schedule.total_updates(recipe.training.phases)
        if until is not None and not 0 < until <= total:
            raise UsageError(
                "a training cannot end here", where=f"update {until}", expected=f"1 to {total}, the recipe's steps"
            )
        return cls(until or total, before)

    def inputs(self) -> dict[str, Inputs]:
        """What it reads of the segment before it, as inputs of a stage."""
        return {"before": Inputs.of(*self._files())} if self.before is not None else {}

    def begin(self, output: Output) -> None:
        """Put the files that it goes on from into its own output, unless it has checkpoints already."""
        if self.before is None or checkpoint.list_steps(output.uri):
            return
        for uri in self._files():
            with storage.open_read(uri) as source, storage.atomic_write(output.path(storage.basename(uri))) as target:
                shutil.copyfileobj(source, target)

    def _files(self) -> list[str]:
        """What of the segment before it matters; the checkpoint last, since it shows that all are there."""
        if self.before is None:
            return []
        logs = [file.uri for file in self.before.files if storage.basename(file.uri) in LOGS]
        return [*logs, checkpoint.newest(self.before).uri]
