"""The training loop: phases of steps, evaluations and checkpoints. Killed at any moment, it ends with the same files.

Everything about an update follows from its number (`schedule.update`), its batch from its position in the data, its
dropout masks from seed and number. So a checkpoint needs no more than the variables, the optimizer's slots, the number
of the update, and the sums since the last line of the metrics log.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator, Mapping

from berth.errors import TemporaryError
from berth.progress import Progress
from berth.recipe import Recipe
from berth.stage.inputs import Inputs
from berth.stage.output import Output
from berth.stage.stopping import StoppedError, handled
from trainer.checkpoints import checkpoint
from trainer.data.records import prefetch
from trainer.engines import Engine
from trainer.loop.slice import Slice
from trainer.loop.training_run import TrainingRun
from trainer.schedules import cadence, schedule


class InterruptedTrainingError(StoppedError):
    """Training was stopped by SIGTERM or Ctrl-C and has saved a checkpoint; the same command continues it."""


class LostProcessError(TemporaryError):
    """Another process of the training run has ended. All must be started again."""


def run(
    recipe: Recipe,
    inputs: Mapping[str, Inputs],
    vocabulary: Inputs,
    evaluation: Inputs | None,
    training_slice: Slice,
    output: Output,
) -> None:
    """Train from the newest checkpoint in the output directory, or from the start of the slice.

    Every process of a training run calls this; only process 0 writes.

    Args:
        recipe: The recipe.
        inputs: TFRecord files by the name of the record set.
        vocabulary: vocab.txt.
        evaluation: Records that the model is evaluated on during training; None for no evaluations.
        training_slice: The last update, and the slice that this one continues.
        output: Where everything is written.

    Raises:
        InterruptedTrainingError: after SIGTERM or Ctrl-C, when the checkpoint is saved.
        LostProcessError: if another process of the training run has ended.
        BerthError: for damaged records, a checkpoint of another model, a loss that is not finite.
    """
    training = TrainingRun(recipe, inputs, vocabulary, evaluation, training_slice, output)
    phases, engine, end = training.phases, training.engine, training_slice.end
    numbers = range(training.done + 1, end + 1)
    signals: list[int] = []
    with (
        handled(signals.append),
        _lost_processes(engine),
        training.saving,
        contextlib.closing(training),
        Progress("train", total=end, unit="step", done=training.done) as progress,
    ):
        if training.has_reached_target():
            numbers = range(0)
        elif training.done == 0 and cadence.is_due(recipe.evaluation, phases, 0):
            training.evaluate(0)
        with contextlib.closing(prefetch(training.batch, numbers)) as batches:
            for number, features in zip(numbers, batches, strict=True):
                update = schedule.update(phases, number)
                training.step(update, features)
                is_logged = number % recipe.training.log_every_steps == 0 or update.is_last_of_phase
                is_evaluated = cadence.is_due(recipe.evaluation, phases, number)
                # All processes must stop after the same update. Agreeing on it costs time, so only logged ones ask.
                is_stopped = engine.total(bool(signals)) > 0 if is_logged or engine.processes == 1 else False
                if is_logged or is_evaluated or is_stopped or training.is_scheduled(number):
                    training.fetch_results(number)
                if is_logged:
                    progress.update(0, phase=update.phase.name, **training.log_metrics(update))
                is_reached = training.evaluate(number) if is_evaluated else False
                if training.is_scheduled(number) or is_stopped or is_reached or training.is_best(number):
                    training.save(number, is_last=is_reached)
                progress.update(1)
                if is_reached:
                    break
                if is_stopped and number < end:
                    training.saving.wait()
                    raise InterruptedTrainingError.by(
                        signals[0] if signals else signal.SIGTERM,  # another process may have received it
                        f"training was stopped by {{}} after step {number} of {end}",
                        where=output.path(checkpoint.name(number)),
                        fix="All is saved: the same command continues from here.",
                    )
        training.finish()


@contextlib.contextmanager
def _lost_processes(engine: Engine) -> Iterator[None]:
    """Turn the engine's own errors about an ended process into a `LostProcessError`."""
    try:
        yield
    except engine.lost as error:
        if engine.processes == 1:
            raise
        raise LostProcessError(
            "another process of this training run has ended",
            where=f"process {engine.process} of {engine.processes}",
            fix="Start all processes again: they continue from the newest checkpoint.",
        ) from error
