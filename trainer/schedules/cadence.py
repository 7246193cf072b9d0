"""When a model is evaluated during training: every N sequences or updates, and at the end of each phase."""

from __future__ import annotations

from collections.abc import Sequence

from berth.recipe import Evaluation, Phase
from trainer.schedules import schedule


def is_due(evaluation: Evaluation, phases: Sequence[Phase], number: int) -> bool:
    """Whether the model is evaluated after the update with this number.

    Sequences are counted from the beginning of each phase: an evaluation is due after the update that completes
    another `every_samples` of them. Updates are counted through all phases, as for checkpoints. 0 is before the first
    update: the initial weights.
    """
    if not evaluation.is_during_training:
        return False
    if number == 0:
        return True
    update = schedule.update(phases, number)
    if update.is_last_of_phase:
        return True
    if evaluation.every_steps is not None:
        return number % evaluation.every_steps == 0
    batch_size = update.phase.batch_size
    interval = evaluation.sequences_between(batch_size)
    before = update.step * batch_size
    return (before + batch_size) // interval > before // interval
