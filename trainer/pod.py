"""The command of a pod: `python -m trainer.pod train|evaluate|finetune RECIPE --workspace URI`.

The directories of the data come from the workspace, the names of the other hosts from the JobSet's environment. By the
exit status the JobSet decides whether to restart its pods: 1 and 2 are failures that would repeat themselves.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from berth import log as logs
from berth.errors import BerthError, TemporaryError, UsageError
from berth.formats.records import PATTERN as TFRECORDS
from berth.formats.vocabulary import VOCABULARY
from berth.recipe import Recipe
from berth.recipe import file as recipe_file
from berth.stage import Stage, Workspace, run_index
from berth.stage.inputs import Inputs
from berth.storage.local_errors import of_system
from trainer.loop.hosts import Pod, process_number

log = logging.getLogger("berth.pod")

# After an unexpected error (sysexits.h: EX_SOFTWARE). The machine may be the cause, so another attempt is right.
UNEXPECTED = 70
SECONDS_BETWEEN_LISTINGS = 30.0


@dataclass(frozen=True)
class TrainingWorkspace(Workspace):
    """A workspace that records the directory of a recipe's training run, for the pods that follow it."""

    recipe: Recipe

    def directory(self, stage: Stage) -> str:
        """The directory of the stage's output."""
        uri = super().directory(stage)
        if process_number() == 0:
            run_index.record_training(self.uri, self.recipe, uri)
        return uri


def train(recipe: Recipe, workspace: str) -> str:
    """Train a recipe's model on its data in the workspace, with the other pods of the JobSet.

    Returns:
        URI of the directory with the checkpoints.
    """
    from trainer.loop.train import train

    data = run_index.data(workspace, recipe)
    names = {phase.records for phase in recipe.training.phases}
    evaluation = Inputs.of_stage(data[run_index.EVALUATION_SET], TFRECORDS)
    return train(
        recipe=recipe,
        records={name: Inputs.of_stage(data[run_index.RECORDS + name], TFRECORDS) for name in names},
        vocabulary=Inputs.of_stage(data[run_index.VOCABULARY], VOCABULARY),
        evaluation=evaluation if recipe.evaluation.is_during_training else None,
        destination=TrainingWorkspace(workspace, recipe),
    ).uri


def evaluate(recipe: Recipe, workspace: str, seconds: float = SECONDS_BETWEEN_LISTINGS) -> str:
    """Evaluate each checkpoint of a recipe's training run as it appears, until the run is finished.

    Returns:
        URI of the directory with evaluations.jsonl.
    """
    from trainer.evaluation.follow import follow

    data = run_index.data(workspace, recipe)
    directory = _training(recipe, workspace, seconds)
    output = f"{directory}-followed"
    follow(
        directory=directory,
        records=Inputs.of_stage(data[run_index.EVALUATION_SET], TFRECORDS),
        training_records=Inputs.of_stage(data[run_index.RECORDS + recipe.evaluation.records], TFRECORDS),
        batch_size=recipe.evaluation.batch_size,
        engine=recipe.training.engine,
        output=output,
        seconds=seconds,
    )
    return output


def finetune(recipe: Recipe, name: str, workspace: str, seconds: float = SECONDS_BETWEEN_LISTINGS) -> str:
    """Fine-tune the checkpoints of a recipe's training run on one of its tasks, while it continues and at its end.

    Returns:
        URI of the directory of the last fine-tuning.

    Raises:
        UsageError: if the recipe has no such task.
    """
    from trainer.finetuning.follow import follow

    if name not in recipe.fine_tuning:
        raise UsageError(
            "the recipe has no such task",
            where=f"--name {name}",
            expected=", ".join(recipe.fine_tuning) or "a recipe with a section fine_tuning",
        )
    directory = _training(recipe, workspace, seconds)
    return follow(recipe=recipe, name=name, directory=directory, destination=Workspace(workspace), seconds=seconds)[-1]


def _training(recipe: Recipe, workspace: str, seconds: float) -> str:
    """Wait until the recipe's training run has started; returns the URI of its directory."""
    directory = run_index.training(workspace, recipe)
    if directory is None:
        log.info("waiting for the training run to start")
    while directory is None:
        time.sleep(seconds)
        directory = run_index.training(workspace, recipe)
    return directory


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command of a pod; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m trainer.pod", description=__doc__)
    parser.add_argument("work", choices=["train", "evaluate", "finetune"])
    parser.add_argument("recipe", help="YAML file, or the name of an installed recipe")
    parser.add_argument("--workspace", required=True, help="URI of the workspace")
    parser.add_argument("--name", default="", help="finetune: the task's name in the recipe")
    parser.add_argument("--set", action="append", default=[], metavar="KEY.PATH=VALUE", help="override one value")
    options = parser.parse_args(arguments)
    logs.setup()
    try:
        recipe = recipe_file.load(options.recipe, options.set)
        if options.work == "train":
            pod = Pod.of(os.environ)
            if pod is not None:
                log.info("pod %d of %d: %s", pod.number, pod.count, pod.host(pod.number))
                os.environ.update(pod.settings(recipe.training.engine))
            result = train(recipe, options.workspace)
        elif options.work == "evaluate":
            result = evaluate(recipe, options.workspace)
        else:
            result = finetune(recipe, options.name, options.workspace)
    except BerthError as error:
        log.error("%s", error)
        return error.exit_status
    except OSError as error:
        explained = of_system(error)
        log.exception("%s", explained or "unexpected error")
        return explained.exit_status if isinstance(explained, TemporaryError) else UNEXPECTED
    except Exception:
        log.exception("unexpected error")
        return UNEXPECTED
    log.info("done: %s", result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
