"""Fine-tune the checkpoints of a training run while it continues, from another process or host."""

from __future__ import annotations

import logging
import time

from berth import storage
from berth.errors import BerthError
from berth.recipe import Recipe
from berth.stage import Destination
from berth.stage.manifest import NAME as MANIFEST
from trainer.checkpoints import checkpoint
from trainer.finetuning.finetune import finetune
from trainer.schedules import schedule

log = logging.getLogger("berth.finetune")

SECONDS_BETWEEN_LISTINGS = 30.0


def follow(
    *, recipe: Recipe, name: str, directory: str, destination: Destination, seconds: float = SECONDS_BETWEEN_LISTINGS
) -> list[str]:
    """Fine-tune on one task of a recipe: each checkpoint that its `every_steps` asks for, and the last one.

    Stopped at any moment and started again, it continues with the checkpoints that it has not fine-tuned.

    Args:
        recipe: The recipe.
        name: The task's name in its `fine_tuning`.
        directory: The training run's output directory.
        destination: Where the outputs go.
        seconds: Time between two listings of the directory.

    Returns:
        URIs of the directories with finetuning.json, in order of the updates.
    """
    options, done = recipe.fine_tuning[name], []
    *middles, _ = options.steps(schedule.total_updates(recipe.training.phases))
    for step in [*middles, None]:  # the last checkpoint may be an earlier one: a target ends training
        uri = _wait(directory, step, seconds)
        if uri is None:
            log.warning(
                "there is no checkpoint of step %s to fine-tune: it was never saved (every_steps must be a multiple of "
                "training.checkpoint_every_steps) or was deleted (raise training.keep_checkpoints)",
                step,
            )
            continue
        try:
            done.append(finetune(options=options, model=uri, seed=recipe.seed, destination=destination).uri)
        except (BerthError, FileNotFoundError):
            if storage.exists(uri):
                raise
            log.warning("the training run has deleted %s: raise training.keep_checkpoints", uri)
    return done


def _wait(directory: str, step: int | None, seconds: float) -> str | None:
    """Wait for the checkpoint of a step, or for the last one (step None); None if that step can no longer appear."""
    while True:
        is_finished = storage.exists(storage.join(directory, MANIFEST))  # checked first: then the listing is complete
        steps = checkpoint.list_steps(directory)
        if step is None and is_finished:
            return storage.join(directory, checkpoint.name(steps[-1]))
        if step is not None and step in steps:
            return storage.join(directory, checkpoint.name(step))
        if step is not None and (is_finished or (steps and steps[0] > step)):
            return None
        time.sleep(seconds)
