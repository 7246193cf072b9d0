"""The training loop: phases of steps, metrics and checkpoints; killed at any moment, it ends with the same files.

Everything about an update follows from its number (`schedule.update`), its batch from its position in the data, its
dropout masks from seed and number. So a checkpoint is the variables, the optimizer's slots, the number, and the metrics
since the last line of the log.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import math
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from berth import storage
from berth.errors import BerthError, UsageError
from berth.inputs import Inputs
from berth.output import Output
from berth.progress import Progress
from berth.recipe import Phase, Recipe
from trainer import checkpoint, schedule, weights
from trainer.config import CONFIG, BertConfig
from trainer.data import Features, Limits, RecordSet, Share, prefetch, training_batch
from trainer.dropout import example_keys
from trainer.engines import Engine, Scalars, Settings, create
from trainer.metrics import Window
from trainer.vocabulary import VOCABULARY, read_vocabulary

log = logging.getLogger("berth.train")

METRICS = "metrics.jsonl"
SUMMARY = "training.json"


class InterruptedTrainingError(BerthError):
    """Training was asked to stop (SIGTERM) and has saved a checkpoint; the same command continues it.

    Its exit status is the one a shell reports for SIGTERM, 128 + 15.
    """

    exit_status = 143


def work(recipe: Recipe, inputs: Mapping[str, Inputs], vocabulary: Inputs, output: Output) -> None:
    """Train from the newest checkpoint in the output directory, or from the start.

    Every process of a training runs this; the first one alone writes.
    """
    phases, training = recipe.training.phases, recipe.training
    tokens = read_vocabulary(vocabulary.one().uri)
    config = BertConfig.of(recipe.model, vocab_size=len(tokens))
    limits = Limits(len(tokens), config.type_vocab_size, config.max_position_embeddings)
    records = {name: RecordSet(inputs[name], limits) for name in sorted({phase.records for phase in phases})}
    next_sentence = any("nsp" in recipe.records[name].objective for name in records)
    engine = create(training.engine, Settings(config, next_sentence, training.precision, recipe.optimizer))
    is_writer = engine.process == 0
    _check_batches(phases, engine.replicas)
    total = schedule.total_updates(phases)

    done, window = _resume(engine, output, config)
    if done == 0:
        engine.assign(_initial_weights(recipe, engine, config))
    lines = _metrics_until(output, done)
    if is_writer:
        _describe(output, recipe, config, vocabulary, engine, records)

    def batch(number: int) -> Features:
        update, share = schedule.update(phases, number), Share(engine.process, engine.processes)
        features, places = training_batch(records[update.phase.records], recipe.seed, update, share)
        features["dropout_keys"] = example_keys(recipe.seed, number, places.ravel()).reshape(*places.shape, 2)
        features["example_weights"] = np.ones(places.shape, dtype=np.float32)
        return features

    def is_scheduled(number: int) -> bool:
        return number % training.checkpoint_every_steps == 0 or number == total

    def save(number: int) -> None:
        # The metrics go first: lines beyond the newest checkpoint are cut off again on resuming.
        _write_lines(output, lines)
        state = {"step": number, "window": window.state(), "model": _digest(config)}
        if number < total:
            state |= _place(schedule.update(phases, number + 1))
        checkpoint.write(output.path(checkpoint.name(number)), engine.arrays(), state)
        checkpoint.prune(output.uri, training.keep_checkpoints, is_scheduled)

    numbers = range(done + 1, total + 1)
    with _sigterm() as asked, _lost_processes(engine), Progress("train", total=total, unit="step") as progress:
        progress.update(done)
        clock, sequences = time.monotonic(), 0
        for number, features in zip(numbers, prefetch(batch, numbers), strict=True):
            update = schedule.update(phases, number)
            if update.is_reset:
                engine.reset_optimizer()
            window.pending.append(engine.train(features, Scalars(update.learning_rate, update.since_reset)))
            sequences += update.phase.batch_size
            is_logged = number % training.log_every_steps == 0 or update.is_last_of_phase
            # Several processes must stop at the same step: they ask each other, but not at every one.
            is_last = engine.total(asked.is_set()) > 0 if is_logged or engine.processes == 1 else False
            is_saved = is_scheduled(number) or is_last
            if is_logged or is_saved:
                window.settle()
                _check_finite(window, number, output)
            if is_logged:
                lines.append(_line(update, window, next_sentence))
                speed = sequences / (time.monotonic() - clock)
                progress.update(0, phase=update.phase.name, loss=f"{lines[-1]['loss']:.3f}", sequences=f"{speed:.0f}/s")
                window, clock, sequences = Window(), time.monotonic(), 0
            if is_saved and is_writer:
                save(number)
            progress.update(1)
            if is_last and number < total:
                raise InterruptedTrainingError(
                    f"training was stopped by SIGTERM after step {number} of {total}",
                    where=output.path(checkpoint.name(number)),
                    fix="All is saved: the same command continues from here.",
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


def _initial_weights(recipe: Recipe, engine: Engine, config: BertConfig) -> dict[str, np.ndarray]:
    if recipe.initial_checkpoint is None:
        return weights.initial(engine.shapes, recipe.seed, config.initializer_range)
    return weights.load(recipe.initial_checkpoint, engine.shapes, recipe.seed, config.initializer_range)


def _resume(engine: Engine, output: Output, config: BertConfig) -> tuple[int, Window]:
    """Load the newest checkpoint that is whole; the number of updates done, 0 where there is none.

    The first process chooses it; the others load the same.
    """
    if engine.process != 0:
        step = engine.total(0)
        arrays, state = checkpoint.read(output.path(checkpoint.name(step))) if step else ({}, None)
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
            return step, *checkpoint.read(output.path(checkpoint.name(step)))
        except BerthError as error:
            log.warning("%s Trying the one before.", error)
    return 0, {}, None


def _digest(config: BertConfig) -> str:
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


def _line(update: schedule.Update, window: Window, next_sentence: bool) -> dict[str, Any]:
    """A line of metrics: means since the line before. Nothing in it depends on the clock."""
    means = window.totals.means(next_sentence)
    return {
        "step": update.number,
        "phase": update.phase.name,
        "loss": means["masked_lm_loss"] + means.get("next_sentence_loss", 0.0),
        **means,
        "learning_rate": update.learning_rate,
        "gradient_norm": window.gradient_norm / window.updates,
    }


def _check_finite(window: Window, number: int, output: Output) -> None:
    if not window.is_finite():
        saved = checkpoint.list_steps(output.uri)
        raise BerthError(
            f"the loss or the gradient is not a finite number at step {number}",
            where=output.path(checkpoint.name(saved[-1])) if saved else output.uri,
            found=f"the last good checkpoint is that of step {saved[-1]}" if saved else "no checkpoint yet",
            fix="Lower the learning rate, lengthen the warm-up, or clip gradients to a smaller norm.",
        )


def _metrics_until(output: Output, step: int) -> list[dict[str, Any]]:
    """The lines written by an interrupted run that still hold."""
    uri = output.path(METRICS)
    if step == 0 or not storage.exists(uri):
        return []
    lines = [json.loads(line) for line in storage.read_text(uri).splitlines()]
    return [line for line in lines if line["step"] <= step]


def _write_lines(output: Output, lines: list[dict[str, Any]]) -> None:
    with storage.atomic_write(output.path(METRICS)) as file:
        file.write("".join(json.dumps(line) + "\n" for line in lines).encode())


def _describe(
    output: Output,
    recipe: Recipe,
    config: BertConfig,
    vocabulary: Inputs,
    engine: Engine,
    records: Mapping[str, RecordSet],
) -> None:
    """The small files beside the checkpoints."""
    parameters = sum(math.prod(shape) for shape in engine.shapes.values())
    summary = {
        "parameters": parameters,
        "steps": schedule.total_updates(recipe.training.phases),
        "sequences": sum(phase.steps * phase.batch_size for phase in recipe.training.phases),
        "lower_case": recipe.vocabulary.lower_case,
        "phases": [
            {
                "name": phase.name,
                "records": phase.records,
                "steps": phase.steps,
                "batch_size": phase.batch_size,
                "max_seq_length": records[phase.records].max_seq_length,
                "epochs": phase.steps * phase.batch_size / records[phase.records].count,
            }
            for phase in recipe.training.phases
        ],
    }
    for name, content in (
        (SUMMARY, (json.dumps(summary, indent=2) + "\n").encode()),
        (CONFIG, config.to_json()),
        (VOCABULARY, storage.read_bytes(vocabulary.one().uri)),
    ):
        with storage.atomic_write(output.path(name)) as file:
            file.write(content)


@contextlib.contextmanager
def _sigterm() -> Iterator[threading.Event]:
    """An event that SIGTERM sets instead of ending the process. Only the main thread can receive signals."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = signal.signal(signal.SIGTERM, lambda number, frame: asked.set())
    try:
        yield asked
    finally:
        signal.signal(signal.SIGTERM, before)


@contextlib.contextmanager
def _lost_processes(engine: Engine) -> Iterator[None]:
    """Say it in words when another process of the training has ended."""
    try:
        yield
    except engine.lost as error:
        if engine.processes == 1:
            raise
        raise BerthError(
            "another process of this training has ended",
            where=f"process {engine.process} of {engine.processes}",
            fix="Start all processes again: they continue from the newest checkpoint.",
        ) from error
