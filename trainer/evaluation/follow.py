"""Evaluate the checkpoints of a training that is still going on, from another process or host.

What is made depends on which checkpoints are seen before the training deletes them. So this is no stage and has no
manifest: evaluations.jsonl holds what was measured, and grows with each checkpoint.
"""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Iterator

from berth import storage
from berth.errors import BerthError, UsageError
from berth.formats.results import EVALUATIONS
from berth.formats.vocabulary import VOCABULARY
from berth.recipe import Training
from berth.stage import STARTED
from berth.stage.inputs import Inputs
from berth.stage.manifest import NAME as MANIFEST
from berth.stage.manifest import Manifest
from trainer.checkpoints import checkpoint
from trainer.data.vocabulary import check_vocabulary
from trainer.evaluation.history import in_words
from trainer.loop import json_lines, summary
from trainer.loop.json_lines import Line

log = logging.getLogger("berth.evaluate")

FOLLOWED = ".followed.json"  # what the evaluations in a directory are of
SECONDS_BETWEEN_LOOKS = 2.0


def follow(
    *,
    directory: str,
    records: Inputs,
    batch_size: int = 64,
    engine: str = "tensorflow",
    output: str,
    seconds: float = SECONDS_BETWEEN_LOOKS,
) -> list[Line]:
    """Evaluate each checkpoint of a training once, as it appears, until the training is finished and all are done.

    Stopped at any moment and started again, it goes on with those that it has not evaluated.

    Args:
        directory: The training's output directory, local (perhaps shared by hosts) or gs://; it may not exist yet.
        records: TFRecord files.
        batch_size: Records evaluated at once; the figures do not depend on it but for rounding.
        engine: ``tensorflow`` or ``jax``; likewise.
        output: Directory for evaluations.jsonl.
        seconds: Between two looks at the directory.

    Returns:
        The lines of evaluations.jsonl, in order of their steps.

    Raises:
        UsageError: if the output directory holds evaluations of something else.
        BerthError: if the records do not fit the model.
    """
    _claim(_digest(directory, seconds), records, output)
    uri = storage.join(output, EVALUATIONS)
    lines = {line["step"]: line for line in json_lines.read(uri)}
    trained = None
    for step in _appearing(directory, lines, seconds):
        checkpoint_uri = storage.join(directory, checkpoint.name(step))
        try:
            if trained is None:
                from trainer.evaluation import (
                    model as evaluation,  # brings TensorFlow, when there is something to evaluate
                )

                check_vocabulary("evaluation", records, Inputs.of(storage.join(directory, VOCABULARY)))
                trained = evaluation.load(checkpoint_uri, records, engine)
            else:
                trained.assign(checkpoint_uri)
        except (BerthError, FileNotFoundError):
            if storage.exists(checkpoint_uri):
                raise
            continue  # the training has deleted it; told at the end
        figures = evaluation.measure(trained.engine, trained.records, batch_size, trained.next_sentence)
        lines[step] = {"step": step, **summary.progress_at(summary.read(directory) or {"phases": []}, step), **figures}
        json_lines.write(uri, [lines[key] for key in sorted(lines)])
        log.info("evaluated the checkpoint of step %d: %s", step, in_words(lines[step]))
    if missed := sorted(_scheduled(directory) - set(lines)):
        log.warning(
            "%d checkpoints were gone before they could be evaluated, those of the steps %s. Raise "
            "training.keep_checkpoints to keep them longer.",
            len(missed),
            ", ".join(map(str, missed)),
        )
    return [lines[key] for key in sorted(lines)]


def _appearing(directory: str, done: dict[int, Line], seconds: float) -> Iterator[int]:
    """The steps of checkpoints as they appear, the oldest first since it is deleted first; ends with the training."""
    tried = set(done)
    while True:
        is_finished = storage.exists(storage.join(directory, MANIFEST))  # asked first: what is listed then is all
        steps = [step for step in checkpoint.list_steps(directory) if step not in tried]
        if steps:
            tried.add(steps[0])
            yield steps[0]
        elif is_finished:
            return
        else:
            time.sleep(seconds)


def _claim(training: str, records: Inputs, output: str) -> None:
    """Write down what the evaluations are of; refuse a directory with those of something else."""
    claim = {"training": training, "records": records.digest}
    storage.make_directory(output)
    uri = storage.join(output, FOLLOWED)
    if not storage.exists(uri):
        if storage.exists(storage.join(output, EVALUATIONS)) or storage.exists(storage.join(output, MANIFEST)):
            raise UsageError("the output directory holds something else", where=output, fix="Choose another directory.")
        with storage.atomic_write(uri) as file:
            file.write(json.dumps(claim).encode())
    elif (known := json.loads(storage.read_bytes(uri))) != claim:
        other = "of another training" if known["training"] != claim["training"] else "on other records"
        raise UsageError(
            f"this directory holds evaluations {other}", where=output, fix="Choose another directory with --output."
        )


def _digest(directory: str, seconds: float) -> str:
    """The digest of the stage `train` in a directory; waits for it to begin."""
    is_told = False
    while True:
        if storage.exists(storage.join(directory, MANIFEST)):
            return Manifest.read(directory).digest
        if storage.exists(storage.join(directory, STARTED)):
            with contextlib.suppress(BerthError):  # it has just been finished
                content: dict[str, str] = json.loads(storage.read_bytes(storage.join(directory, STARTED)))
                return content["digest"]
        if not is_told:
            log.info("waiting for a training to begin in %s", directory)
            is_told = True
        time.sleep(seconds)


def _scheduled(directory: str) -> set[int]:
    """The steps at which a finished training saved a checkpoint, by its recipe."""
    how = Manifest.read(directory).parameters["training"]
    every = how.get("checkpoint_every_steps", Training.default("checkpoint_every_steps"))
    ended = (summary.read(directory) or {}).get("ended", {}).get("step", 0)
    return {*range(every, ended + 1, every), *([ended] if ended else [])}
