"""The fine-tuning loop: epochs in an order that follows from the seed, each measured on the held-out sets."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from berth.errors import BerthError
from berth.formats.results import Line
from berth.progress import Progress
from berth.recipe import FineTuning, Phase
from trainer.data.order import permute
from trainer.engines import Scalars
from trainer.finetuning.encoding import EncodedExamples, Features
from trainer.finetuning.engine import ClassifierEngine
from trainer.finetuning.heads import Head
from trainer.finetuning.task import Task
from trainer.models.dropout import example_keys
from trainer.schedules import schedule

log = logging.getLogger("berth.finetune")

LOG_EVERY_STEPS = 10


@dataclass
class Outcome:
    """The logs of a fine-tuning, and the model's outputs on the held-out sets after the last epoch.

    Args:
        steps: Lines of metrics.jsonl: means since the line before.
        epochs: For each epoch the mean loss, and the metrics and the loss on each held-out set.
        logits: Outputs float32 [n, outputs] by the name of the set.
    """

    steps: list[Line] = field(default_factory=list)
    epochs: list[Line] = field(default_factory=list)
    logits: dict[str, np.ndarray] = field(default_factory=dict)


def phase_of(options: FineTuning, examples: int) -> Phase:
    """The schedule: each example once an epoch; the last batch of an epoch holds the remainder."""
    steps = options.epochs * -(-examples // options.batch_size)
    return Phase(
        name="fine_tuning",
        records="train",
        steps=steps,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        warmup_steps=int(steps * options.warmup_proportion),
    )


def train(
    engine: ClassifierEngine,
    task: Task,
    head: Head,
    options: FineTuning,
    examples: EncodedExamples,
    held_out: Mapping[str, EncodedExamples],
    seed: int,
) -> Outcome:
    """Train the model.

    Args:
        engine: The model with its first weights.
        task: The task.
        head: The head that learns its labels.
        options: Epochs, batch size, learning rate, warm-up.
        examples: The training set.
        held_out: The sets that the model is measured on after each epoch, by name.
        seed: Seed of the order and of dropout.

    Raises:
        BerthError: if a loss, a gradient or an output on a held-out set is not finite.
    """
    phase, outcome = phase_of(options, len(examples)), Outcome()
    steps_per_epoch = phase.steps // options.epochs
    results: list[np.ndarray] = []  # loss and gradient norm of each step of the epoch
    pending: list[Any] = []  # the same, still on the device
    with Progress("finetune", total=phase.steps, unit="step") as progress:
        for number in range(1, phase.steps + 1):
            epoch, index = divmod(number - 1, steps_per_epoch)
            rate = schedule.learning_rate(phase, number - 1)
            features = _batch(examples, epoch, index, number, phase.batch_size, seed)
            pending.append(engine.train(features, Scalars(rate, number)))
            is_last = index + 1 == steps_per_epoch
            if number % LOG_EVERY_STEPS == 0 or is_last:
                new = [np.asarray(result, dtype=np.float64) for result in pending]
                pending.clear()
                _check_finite(new, number)
                loss, norm = np.mean(new, axis=0).tolist()
                line = {"step": number, "epoch": epoch + 1, "loss": loss, "learning_rate": rate, "gradient_norm": norm}
                outcome.steps.append(line)
                results += new
                progress.update(0, epoch=epoch + 1, loss=f"{loss:.3f}")
            if is_last:
                outcome.logits = {name: predict(engine, each, phase.batch_size) for name, each in held_out.items()}
                for name, logits in outcome.logits.items():
                    if not np.isfinite(logits).all():
                        raise _not_finite(f"an output of the model on {name}", number)
                figures = {name: measure(task, head, held_out[name], each) for name, each in outcome.logits.items()}
                mean = float(np.mean(results, axis=0)[0])
                outcome.epochs.append({"epoch": epoch + 1, "step": number, "loss": mean, **figures})
                results.clear()
                log.info("epoch %d of %d, loss %.4f: %s", epoch + 1, options.epochs, mean, as_text(figures))
            progress.update(1)
    return outcome


def predict(engine: ClassifierEngine, examples: EncodedExamples, batch_size: int) -> np.ndarray:
    """The model's outputs float32 [n, outputs]."""
    count = len(examples)
    # All batches have one size, so that the step is compiled once: the last one repeats its last example.
    batches = (np.minimum(np.arange(start, start + batch_size), count - 1) for start in range(0, count, batch_size))
    return np.concatenate([engine.predict(_features(examples, rows)) for rows in batches])[:count]


def measure(task: Task, head: Head, examples: EncodedExamples, logits: np.ndarray) -> dict[str, float]:
    """The task's metrics and the mean loss of the model's outputs float32 [n, outputs]."""
    figures = task.measure(examples.labels, head.predict(logits))
    return {**figures, "loss": head.mean_loss(logits, examples.labels)}


def as_text(figures: Mapping[str, Mapping[str, float]]) -> str:
    """The figures of all held-out sets for the log."""
    return "; ".join(
        f"{name} " + ", ".join(f"{metric.replace('_', ' ')} {value:.4f}" for metric, value in values.items())
        for name, values in figures.items()
    )


def _batch(examples: EncodedExamples, epoch: int, index: int, number: int, batch_size: int, seed: int) -> Features:
    """The batch of this index in an epoch; a last incomplete one is filled with an example of weight 0."""
    count = len(examples)
    positions = index * batch_size + np.arange(batch_size)
    rows = permute(epoch * count + np.minimum(positions, count - 1), count, seed)
    return {
        **_features(examples, rows),
        "labels": examples.labels[rows],
        "example_weights": (positions < count).astype(np.float32),
        "dropout_keys": example_keys(seed, number, np.arange(batch_size)),
    }


def _features(examples: EncodedExamples, rows: np.ndarray) -> Features:
    return {name: values[rows].astype(np.int32) for name, values in examples.features.items()}


def _check_finite(results: list[np.ndarray], number: int) -> None:
    for before, result in enumerate(reversed(results)):
        if not np.isfinite(result).all():
            raise _not_finite("the loss or the gradient", number - before)


def _not_finite(what: str, number: int) -> BerthError:
    return BerthError(
        f"{what} is not a finite number at step {number}", fix="Lower the learning rate, or lengthen the warm-up."
    )
