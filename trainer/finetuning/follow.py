"""Fine-tune the models of a training that still goes on, from another process or host."""

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

SECONDS_BETWEEN_LOOKS = 30.0


def follow(
    *, recipe: Recipe, name: str, directory: str, destination: Destination, seconds: float = SECONDS_BETWEEN_LOOKS
) -> list[str]:
    """Fine-tune on one task of a recipe after every so many updates of its training, as it asks, and at its end.

    Stopped at any moment and started again, it goes on with what has not been done.

    Args:
        recipe: The recipe.
        name: The task's name in its `fine_tuning`.
        directory: The training's output directory.
        destination: Where the outputs go.
        seconds: Between two looks at the directory.

    Returns:
        URIs of the directories with finetuning.json, in order of the updates.
    """
    options, done = recipe.fine_tuning[name], []
    *middles, _ = options.steps(schedule.total_updates(recipe.training.phases))
    for step in [*middles, None]:  # at its end is where it ended: perhaps early, at its target
        uri = _wait(directory, step, seconds)
        if uri is None:
            log.warning("the checkpoint of step %s was deleted or never there: keep it longer, or save it", step)
            continue
        try:
            done.append(finetune(options=options, model=uri, seed=recipe.seed, destination=destination).uri)
        except (BerthError, FileNotFoundError):
            if storage.exists(uri):
                raise
            log.warning("the training has deleted %s: raise training.keep_checkpoints", uri)
    return done


def _wait(directory: str, step: int | None, seconds: float) -> str | None:
    """The checkpoint of a step, or of the training's end, when it is there; None if it will not come any more."""
    while True:
        is_finished = storage.exists(storage.join(directory, MANIFEST))  # asked first: what is listed then is all
        steps = checkpoint.list_steps(directory)
        if step is None and is_finished:
            return storage.join(directory, checkpoint.name(steps[-1]))
        if step is not None and step in steps:
            return storage.join(directory, checkpoint.name(step))
        if step is not None and (is_finished or (steps and steps[0] > step)):
            return None
        time.sleep(seconds)
