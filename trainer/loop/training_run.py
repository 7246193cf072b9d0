"""A training run in this process: the model on its devices, its batches, checkpoints, evaluations and logs."""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from berth import machines
from berth.errors import BerthError, UsageError
from berth.formats.vocabulary import MASK, read_tokens
from berth.recipe import Phase, Recipe
from berth.stage.inputs import Inputs
from berth.stage.output import Output
from trainer import models
from trainer.checkpoints import checkpoint, safetensors, summary
from trainer.checkpoints import initial_weights as weights
from trainer.data.batches import Batches
from trainer.data.records import Features, Limits, RecordSet, Share
from trainer.engines import Engine, Scalars, Settings, create
from trainer.evaluation import history
from trainer.evaluation.model import measure
from trainer.loop import initial_accuracy, speed
from trainer.loop.background import Background
from trainer.loop.metrics_log import MetricsLog
from trainer.loop.slice import Slice
from trainer.loop.window import Window
from trainer.models.dropout import example_keys
from trainer.schedules import schedule

log = logging.getLogger("berth.train")


class TrainingRun:
    """A training run: the model on its devices, the records, the logs and the number of the newest update.

    It begins with the newest whole checkpoint in the output directory, or with the recipe's first weights.

    Args:
        recipe: The recipe.
        inputs: TFRecord files by the name of the record set.
        vocabulary: vocab.txt.
        evaluation: Records that the model is evaluated on; None for no evaluations.
        training_slice: The last update, and the slice that this one continues.
        output: Where everything is written.

    Raises:
        UsageError: if a phase's batch cannot be divided among the devices.
        BerthError: for records or a checkpoint that do not fit the model.
    """

    def __init__(
        self,
        recipe: Recipe,
        inputs: Mapping[str, Inputs],
        vocabulary: Inputs,
        evaluation: Inputs | None,
        training_slice: Slice,
        output: Output,
    ) -> None:
        self._recipe, self._slice, self._output = recipe, training_slice, output
        self.saving = Background()
        self._newest_save: int | None = None
        self._saved_arrays: dict[str, np.ndarray] | None = None
        self.phases = recipe.training.phases
        tokens = read_tokens(vocabulary.one().uri, [MASK])
        self._config = models.configuration_of(recipe.model, vocab_size=len(tokens))
        limits = Limits(len(tokens), self._config.type_vocab_size, self._config.max_position_embeddings)
        names = sorted({phase.records for phase in self.phases})
        self._batches = Batches(recipe, {name: inputs[name] for name in names}, limits)
        self._records = self._batches.sets
        self._held_out = (
            RecordSet(evaluation, limits, self._batches.buffer, recipe.training.read_cache)
            if evaluation is not None
            else None
        )
        self._next_sentence = any("nsp" in recipe.records[name].objective for name in names)
        how = recipe.training
        self.engine = create(
            how.engine, Settings(self._config, self._next_sentence, how.precision, recipe.optimizer, how.attention)
        )
        self._is_writer = self.engine.process == 0
        _check_batches(self.phases, self.engine.replicas)
        if self._is_writer:
            training_slice.begin(output)
        self.done, self._window = _resume(self.engine, output, self._config)
        if self.done == 0:
            self.engine.assign(weights.of_recipe(recipe, self.engine.shapes, self._config, tokens))
        self._summary = summary.plan(recipe, self.engine.shapes, self._records)
        if self._is_writer:
            summary.describe(output, self._summary, self._config, vocabulary)
        self.metrics_log = MetricsLog(output, self.done, self._is_writer, self._next_sentence)
        peak = machines.peak_flops(self.engine.device, recipe.training.precision)
        self._speed = speed.Speed(self._operations(), self.engine.replicas, peak)

    def _operations(self) -> dict[str, int]:
        """Floating-point operations of a sequence, by phase."""
        return {
            phase.name: models.get(self._config.architecture).figures.flops_per_sequence(
                self._recipe.model,
                vocab_size=self._config.vocab_size,
                length=self._records[phase.records].max_seq_length,
                predictions=self._records[phase.records].max_predictions,
                next_sentence=self._next_sentence,
            )
            for phase in self.phases
        }

    def close(self) -> None:
        """Read no more records, and close the metrics log."""
        self._batches.buffer.close()
        self.metrics_log.close()

    def batch(self, number: int) -> Features:
        """Features of this process's share of an update's batch, of shape [accumulation, local batch, …]."""
        features, places = self._batches.read(number, Share(self.engine.process, self.engine.processes))
        features["dropout_keys"] = example_keys(self._recipe.seed, number, places.ravel()).reshape(*places.shape, 2)
        features["example_weights"] = np.ones(places.shape, dtype=np.float32)
        return features

    def step(self, update: schedule.Update, features: Features) -> None:
        """Start an update; :meth:`fetch_results` waits for it. Raises the error of a checkpoint that was not saved."""
        self.saving.check()
        if update.is_reset:
            self.engine.reset_optimizer()
        self._window.pending.append(self.engine.train(features, Scalars(update.learning_rate, update.since_reset)))
        self._speed.count(update)
        self.done = update.number

    def fetch_results(self, number: int) -> None:
        """Wait for all updates up to this one. Raises BerthError if a loss or gradient is not finite."""
        if (broken := self._window.fetch()) is not None:
            raise self._not_finite("the loss or the gradient", number - broken)

    def log_metrics(self, update: schedule.Update) -> dict[str, str]:
        """Add a line of metrics since the line before; returns loss and speed for the progress bar."""
        figures = self._speed.measure()
        line = self.metrics_log.add_metrics(update, self._window, figures)
        self._window = Window()
        return {"loss": f"{line['loss']:.3f}", **speed.as_text(figures)}

    def evaluate(self, number: int) -> bool:
        """Evaluate the model after this update; whether it reaches the target. All processes call this together."""
        if self._held_out is None:
            return False
        target = self._recipe.evaluation.target
        with self._speed.paused():
            figures = measure(self.engine, self._held_out, self._recipe.evaluation.batch_size, self._next_sentence)
            if not all(map(math.isfinite, figures.values())):
                raise self._not_finite("a figure of the evaluation", number)
            line = {"step": number, **summary.progress_at(self._summary, number), **figures}
            self.metrics_log.add_evaluation(line)
        log.info("evaluated after step %d, %d sequences: %s", number, line["sequences"], history.as_text(line))
        if number == 0:
            initial_accuracy.check(self._recipe, figures)
        # The weights before the first update are not a result of this training run.
        reached = number > 0 and history.is_reached(target, line)
        # Process 0 decides: rounding may differ on the others.
        return self.engine.total(int(reached and self._is_writer)) > 0 if target is not None else False

    def has_reached_target(self) -> bool:
        """Whether the newest checkpoint reached the target, in a run that was killed before it could finish."""
        lines, target = self.metrics_log.evaluations, self._recipe.evaluation.target
        reached = bool(self.done and lines) and lines[-1]["step"] == self.done
        reached = reached and history.is_reached(target, lines[-1])
        return self.engine.total(int(reached and self._is_writer)) > 0 if target is not None else False

    def is_scheduled(self, number: int) -> bool:
        """Whether a checkpoint is due after this update."""
        return number % self._recipe.training.checkpoint_every_steps == 0 or number == self._slice.end

    def is_best(self, number: int) -> bool:
        """Whether this update has the best evaluation among those whose checkpoints are kept or can still be saved."""
        lines = self.metrics_log.evaluations
        if not self._is_writer or not lines or lines[-1]["step"] != number:
            return False
        return self._best_step(self._steps(number)) == number

    def _steps(self, number: int) -> list[int]:
        """Steps of the checkpoints that are there or will be: one may be being written, one is that of this update."""
        newest = [self._newest_save] if self._newest_save is not None else []
        return sorted({*checkpoint.list_steps(self._output.uri), *newest, number})

    def _best_step(self, steps: list[int]) -> int | None:
        metric = history.metric_of(self._recipe.evaluation.target)
        line = history.best(self.metrics_log.evaluations, metric, steps)
        return line["step"] if line is not None else None

    def save(self, number: int, is_last: bool = False) -> None:
        """Write a checkpoint, then delete those that are no longer kept: in the background, from a copy of the state.

        Only one is written at a time, and all from the same copy: this waits for the one before.

        Args:
            number: The newest update.
            is_last: Whether training ends here, before its last step, since the target is reached.

        Raises:
            BerthError: if the checkpoint before could not be saved, or another launcher has taken over the output.
        """
        if not self._is_writer:
            return
        with self._speed.paused():
            self.saving.wait()
            self._output.check_lease()
            # The metrics first: resuming drops lines after the newest checkpoint, but cannot restore missing ones.
            self.metrics_log.write()
            state = {"step": number, "window": self._window.state(), "model": _digest(self._config)}
            if number < schedule.total_updates(self.phases):
                state |= _position(schedule.update(self.phases, number + 1))
            best, arrays = self._best_step(self._steps(number)), self.engine.arrays(self._saved_arrays)
        self._newest_save, self._saved_arrays = number, arrays

        def write() -> None:
            safetensors.write(self._output.path(checkpoint.name(number)), arrays, state)
            self._prune(number if is_last else None, best)

        self.saving.start(write)

    def _prune(self, last: int | None, best: int | None) -> None:
        """Delete the checkpoints that are no longer kept.

        Args:
            last: The step of a checkpoint to keep since training ends with it.
            best: The step of the best one.
        """
        keep = self._recipe.training.keep_checkpoints
        checkpoint.prune(self._output.uri, keep, lambda step: self.is_scheduled(step) or step == last, best=best)

    def finish(self) -> None:
        """Record in training.json how training ended, and which checkpoint is the best.

        Raises:
            BerthError: if the last checkpoint could not be saved.
        """
        if not self._is_writer:
            return
        self.saving.wait()
        target, lines = self._recipe.evaluation.target, self.metrics_log.evaluations
        is_reached = bool(lines) and lines[-1]["step"] == self.done and history.is_reached(target, lines[-1])
        sequences = schedule.sequences(self.phases, self.done)
        ended: dict[str, Any] = {"step": self.done, "sequences": sequences, "target_reached": is_reached}
        if target is None:
            del ended["target_reached"]
        elif is_reached:
            log.info(
                "the target, %s %s, is reached after step %d: training ends", target.metric, target.value, self.done
            )
        else:
            log.warning("the target, %s %s, was not reached in %d steps", target.metric, target.value, self.done)
        result: dict[str, Any] = {**self._summary, "ended": ended}
        best = self._best_step(checkpoint.list_steps(self._output.uri))
        if best is not None:
            metric = history.metric_of(target)
            value = next(line[metric] for line in lines if line["step"] == best)
            result["best"] = {"step": best, metric: value, "checkpoint": checkpoint.name(best)}
        summary.write(self._output, result)
        self._prune(self.done, best)  # once more: the run may have been killed after its last checkpoint

    def _not_finite(self, what: str, number: int) -> BerthError:
        self.saving.settle()
        saved = checkpoint.list_steps(self._output.uri)
        return BerthError(
            f"{what} is not a finite number at step {number}",
            where=self._output.path(checkpoint.name(saved[-1])) if saved else self._output.uri,
            found=f"the last good checkpoint at step {saved[-1]}" if saved else "no checkpoint yet",
            fix="Lower the learning rate, lengthen the warm-up, or clip gradients to a smaller norm.",
        )


def _check_batches(phases: list[Phase], replicas: int) -> None:
    for phase in phases:
        parts = replicas * phase.accumulation
        if phase.batch_size % parts:
            proposal = max(parts, round(phase.batch_size / parts) * parts)
            raise UsageError(
                f"the batch of phase {phase.name!r} cannot be divided evenly",
                where=f"training.phases.{phase.name}.batch_size",
                found=f"{phase.batch_size} sequences over {replicas} devices and {phase.accumulation} micro-batches",
                fix=f"Choose a multiple of {parts}, for instance {proposal}.",
            )


def _resume(engine: Engine, output: Output, config: models.Configuration) -> tuple[int, Window]:
    """Load the newest undamaged checkpoint; the number of updates done (0 without a checkpoint) and the open window.

    Process 0 chooses the checkpoint; the others load the same one.
    """
    if engine.process != 0:
        step = engine.total(0)
        arrays, state = safetensors.read(output.path(checkpoint.name(step))) if step else ({}, None)
    else:
        step, arrays, state = _newest_whole(output)
        engine.total(step)
    if step == 0:
        return 0, Window()
    uri = output.path(checkpoint.name(step))
    if state is None or state["model"] != _digest(config):
        raise BerthError(
            "the checkpoint in the output directory belongs to another model configuration",
            where=uri,
            fix="Choose another output directory, or train with the recipe that began here.",
        )
    engine.assign(arrays)
    log.info("continuing after step %d: %s", step, uri)
    return step, Window.restored(state["window"])


def _newest_whole(output: Output) -> tuple[int, dict[str, np.ndarray], dict[str, Any] | None]:
    for step in reversed(checkpoint.list_steps(output.uri)):
        try:
            return step, *safetensors.read(output.path(checkpoint.name(step)))
        except BerthError as error:
            log.warning("%s Trying the checkpoint before it.", error)
    return 0, {}, None


def _digest(config: models.Configuration) -> str:
    return hashlib.sha256(config.to_json()).hexdigest()


def _position(following: schedule.Update) -> dict[str, Any]:
    """Where training continues, for people who inspect a checkpoint; all of it follows from the update's number."""
    phase = following.phase
    return {
        "phase": phase.name,
        "step_in_phase": following.step,
        "records": phase.records,
        "position": following.position,
    }
