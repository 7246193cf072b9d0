"""A training at work: the model on its devices, its batches, checkpoints and evaluations, and what it tells of them."""

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
from trainer.checkpoints import checkpoint, safetensors
from trainer.checkpoints import initial_weights as weights
from trainer.data.records import Features, Limits, RecordSet, Share, training_batch
from trainer.engines import Engine, Scalars, Settings, create
from trainer.evaluation import history as evaluations
from trainer.evaluation.metrics import Window
from trainer.evaluation.model import measure
from trainer.loop import initial_accuracy, speed, summary
from trainer.loop.metrics_log import Journal
from trainer.loop.slice import Segment
from trainer.models.dropout import example_keys
from trainer.schedules import schedule

log = logging.getLogger("berth.train")


class Training:
    """A training at work: the model on its devices, what it has told so far, and the number of its newest update."""

    def __init__(
        self,
        recipe: Recipe,
        inputs: Mapping[str, Inputs],
        vocabulary: Inputs,
        evaluation: Inputs | None,
        segment: Segment,
        output: Output,
    ) -> None:
        self._recipe, self._segment, self._output = recipe, segment, output
        self.phases = recipe.training.phases
        tokens = read_tokens(vocabulary.one().uri, [MASK])
        self._config = models.configuration_of(recipe.model, vocab_size=len(tokens))
        limits = Limits(len(tokens), self._config.type_vocab_size, self._config.max_position_embeddings)
        names = sorted({phase.records for phase in self.phases})
        self._records = {name: RecordSet(inputs[name], limits) for name in names}
        self._held_out = RecordSet(evaluation, limits) if evaluation is not None else None
        self._next_sentence = any("nsp" in recipe.records[name].objective for name in names)
        how = recipe.training
        self.engine = create(
            how.engine, Settings(self._config, self._next_sentence, how.precision, recipe.optimizer, how.attention)
        )
        self._is_writer = self.engine.process == 0
        _check_batches(self.phases, self.engine.replicas)
        if self._is_writer:
            segment.begin(output)
        self.done, self._window = _resume(self.engine, output, self._config)
        if self.done == 0:
            self.engine.assign(weights.of_recipe(recipe, self.engine.shapes, self._config, tokens))
        self._summary = summary.summarised(recipe, self.engine.shapes, self._records)
        if self._is_writer:
            summary.describe(output, self._summary, self._config, vocabulary)
        self.journal = Journal(output, self.done, self._is_writer, self._next_sentence)
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

    def batch(self, number: int) -> Features:
        """The batch of an update, or the share of it that this process has."""
        update, share = schedule.update(self.phases, number), Share(self.engine.process, self.engine.processes)
        features, places = training_batch(self._records[update.phase.records], self._recipe.seed, update, share)
        features["dropout_keys"] = example_keys(self._recipe.seed, number, places.ravel()).reshape(*places.shape, 2)
        features["example_weights"] = np.ones(places.shape, dtype=np.float32)
        return features

    def step(self, update: schedule.Update, features: Features) -> None:
        """Start an update; its results are fetched by :meth:`settle`."""
        if update.is_reset:
            self.engine.reset_optimizer()
        self._window.pending.append(self.engine.train(features, Scalars(update.learning_rate, update.since_reset)))
        self._speed.count(update)
        self.done = update.number

    def settle(self, number: int) -> None:
        """Wait for all updates up to this one. Raises BerthError if a loss or gradient is not a finite number."""
        if (broken := self._window.settle()) is not None:
            raise self._not_finite("the loss or the gradient", number - broken)

    def tell(self, update: schedule.Update) -> dict[str, str]:
        """Write a line of metrics; the loss and the speed for the progress bar."""
        told = self._speed.told()
        line = self.journal.add_metrics(update, self._window, told)
        self._window = Window()
        return {"loss": f"{line['loss']:.3f}", **speed.in_words(told)}

    def evaluate(self, number: int) -> bool:
        """Evaluate the model after this update; whether it has reached the target. All processes do this together."""
        if self._held_out is None:
            return False
        target = self._recipe.evaluation.target
        with self._speed.paused():
            figures = measure(self.engine, self._held_out, self._recipe.evaluation.batch_size, self._next_sentence)
            if not all(map(math.isfinite, figures.values())):
                raise self._not_finite("a figure of the evaluation", number)
            line = {"step": number, **summary.progress_at(self._summary, number), **figures}
            self.journal.add_evaluation(line)
        log.info("evaluated after step %d, %d sequences: %s", number, line["sequences"], evaluations.in_words(line))
        if number == 0:
            initial_accuracy.check(self._recipe, figures)
        # What came before the first update is no result of the training.
        reached = number > 0 and evaluations.is_reached(target, line)
        # The first process decides: rounding may differ on others.
        return self.engine.total(int(reached and self._is_writer)) > 0 if target is not None else False

    def is_over(self) -> bool:
        """Whether the target was reached at the newest checkpoint, by a run that did not come to its end."""
        lines, target = self.journal.evaluations, self._recipe.evaluation.target
        reached = bool(self.done and lines) and lines[-1]["step"] == self.done
        reached = reached and evaluations.is_reached(target, lines[-1])
        return self.engine.total(int(reached and self._is_writer)) > 0 if target is not None else False

    def is_scheduled(self, number: int) -> bool:
        """Whether a checkpoint is due after this update."""
        return number % self._recipe.training.checkpoint_every_steps == 0 or number == self._segment.end

    def is_best(self, number: int) -> bool:
        """Whether this update's model is the best of those that were evaluated and are or can be kept."""
        lines = self.journal.evaluations
        if not self._is_writer or not lines or lines[-1]["step"] != number:
            return False
        return self._best_step([*checkpoint.list_steps(self._output.uri), number]) == number

    def _best_step(self, steps: list[int]) -> int | None:
        metric = evaluations.metric_of(self._recipe.evaluation.target)
        line = evaluations.best(self.journal.evaluations, metric, steps)
        return line["step"] if line is not None else None

    def save(self, number: int, is_last: bool = False) -> None:
        """Write a checkpoint and delete those that are no longer wanted.

        Args:
            number: The newest update.
            is_last: Whether the training ends here, before its last step.
        """
        if not self._is_writer:
            return
        with self._speed.paused():
            # The metrics go first: lines beyond the newest checkpoint are cut off again on resuming.
            self.journal.write()
            state = {"step": number, "window": self._window.state(), "model": _digest(self._config)}
            if number < schedule.total_updates(self.phases):
                state |= _place(schedule.update(self.phases, number + 1))
            safetensors.write(self._output.path(checkpoint.name(number)), self.engine.arrays(), state)
            checkpoint.prune(
                self._output.uri,
                self._recipe.training.keep_checkpoints,
                lambda step: self.is_scheduled(step) or (is_last and step == number),
                best=self._best_step(checkpoint.list_steps(self._output.uri)),
            )

    def finish(self) -> None:
        """Write down how the training ended, and which checkpoint is the best."""
        if not self._is_writer:
            return
        target, lines = self._recipe.evaluation.target, self.journal.evaluations
        is_reached = bool(lines) and lines[-1]["step"] == self.done and evaluations.is_reached(target, lines[-1])
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
        if (best := self._best_step(checkpoint.list_steps(self._output.uri))) is not None:
            metric = evaluations.metric_of(target)
            value = next(line[metric] for line in lines if line["step"] == best)
            result["best"] = {"step": best, metric: value, "checkpoint": checkpoint.name(best)}
        summary.write(self._output, result)

    def _not_finite(self, what: str, number: int) -> BerthError:
        saved = checkpoint.list_steps(self._output.uri)
        return BerthError(
            f"{what} is not a finite number at step {number}",
            where=self._output.path(checkpoint.name(saved[-1])) if saved else self._output.uri,
            found=f"the last good checkpoint is that of step {saved[-1]}" if saved else "no checkpoint yet",
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
    """Load the newest checkpoint that is whole; the number of updates done, 0 where there is none.

    The first process chooses it; the others load the same.
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
        raise BerthError("the checkpoint is of another model", where=uri, fix="Choose another output directory.")
    engine.assign(arrays)
    log.info("continuing after step %d: %s", step, uri)
    return step, Window.restored(state["window"])


def _newest_whole(output: Output) -> tuple[int, dict[str, np.ndarray], dict[str, Any] | None]:
    for step in reversed(checkpoint.list_steps(output.uri)):
        try:
            return step, *safetensors.read(output.path(checkpoint.name(step)))
        except BerthError as error:
            log.warning("%s Trying the one before.", error)
    return 0, {}, None


def _digest(config: models.Configuration) -> str:
    return hashlib.sha256(config.to_json()).hexdigest()


def _place(following: schedule.Update) -> dict[str, Any]:
    """Where training goes on, for people who read the checkpoint; all of it follows from the number."""
    phase = following.phase
    return {
        "phase": phase.name,
        "step_in_phase": following.step,
        "records": phase.records,
        "position": following.position,
    }
