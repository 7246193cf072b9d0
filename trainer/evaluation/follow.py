"""Evaluate the checkpoints of a training run while it continues, from another process or host.

The result depends on which checkpoints are found before the training run deletes them. So this is not a stage and has
no manifest: evaluations.jsonl grows by a line with each checkpoint.
"""

from __future__ import annotations

import contextlib
import json
import logging
import time
from collections.abc import Iterator, Mapping

from berth import storage
from berth.errors import BerthError, UsageError
from berth.formats.results import EVALUATIONS, Line, read_json, read_lines, write_lines
from berth.formats.vocabulary import VOCABULARY
from berth.stage import STARTED
from berth.stage.identity import Claim
from berth.stage.inputs import Inputs
from berth.stage.manifest import NAME as MANIFEST
from berth.stage.manifest import Manifest
from trainer.checkpoints import checkpoint, summary
from trainer.data.provenance import check_training_text
from trainer.data.vocabulary import check_vocabulary
from trainer.evaluation.history import as_text

log = logging.getLogger("berth.evaluate")

FOLLOWED = ".followed.json"  # names the training run and the records of the evaluations in a directory
SECONDS_BETWEEN_LISTINGS = 2.0


def follow(
    *,
    directory: str,
    records: Inputs,
    training_records: Inputs | None = None,
    batch_size: int = 64,
    engine: str = "tensorflow",
    output: str,
    seconds: float = SECONDS_BETWEEN_LISTINGS,
) -> list[Line]:
    """Evaluate each checkpoint of a training run once, as it appears, until the run is finished and all are evaluated.

    Stopped at any moment and started again, it continues with those that it has not evaluated.

    Args:
        directory: The training run's output directory, local (perhaps shared by hosts) or gs://; it may not exist yet.
        records: TFRecord files.
        training_records: TFRecord files of training text, to compare the model with a bigram table; None omits this.
        batch_size: Records in a batch; changes the figures by rounding only.
        engine: ``tensorflow`` or ``jax``; likewise.
        output: Directory for evaluations.jsonl.
        seconds: Time between two listings of the directory.

    Returns:
        The lines of evaluations.jsonl, in order of their steps.

    Raises:
        UsageError: if the output directory holds evaluations of something else, or records do not belong together.
        BerthError: if the records do not fit the model, or losses are not finite.
    """
    claim = {"training": _digest(directory, seconds), "records": records.digest}
    if training_records is not None:
        check_training_text(training_records, records)
        claim["training_records"] = training_records.digest
    _claim(claim, output)
    uri = storage.join(output, EVALUATIONS)
    lines = {line["step"]: line for line in (read_lines(uri) if storage.exists(uri) else [])}
    model = table = None
    for step in _appearing(directory, lines, seconds):
        checkpoint_uri = storage.join(directory, checkpoint.name(step))
        try:
            if model is None:
                from trainer.evaluation import bigram
                from trainer.evaluation.model import load  # imports TensorFlow: not before there is a checkpoint

                vocabulary = Inputs.at(storage.join(directory, VOCABULARY))
                check_vocabulary("evaluation", records, vocabulary)
                model = load(checkpoint_uri, records, engine)
                if training_records is not None:
                    check_vocabulary("training", training_records, vocabulary)
                    table = bigram.count(training_records, model.records, model.labels, model.tokens)
            else:
                model.assign(checkpoint_uri)
        except (BerthError, FileNotFoundError):
            if storage.exists(checkpoint_uri):
                raise
            continue  # the training run has deleted it; reported at the end
        figures = model.evaluate(batch_size, table)
        lines[step] = {"step": step, **summary.progress_at(summary.read(directory) or {"phases": []}, step), **figures}
        write_lines(uri, [lines[key] for key in sorted(lines)])
        log.info("evaluated the checkpoint of step %d: %s", step, as_text(lines[step]))
    if missed := sorted(_scheduled(directory) - set(lines)):
        log.warning(
            "%d checkpoints were deleted before they could be evaluated, those of the steps %s. Raise "
            "training.keep_checkpoints to keep them longer.",
            len(missed),
            ", ".join(map(str, missed)),
        )
    return [lines[key] for key in sorted(lines)]


def _appearing(directory: str, done: dict[int, Line], seconds: float) -> Iterator[int]:
    """The steps of checkpoints as they appear, the oldest first since it is deleted first; ends with the run."""
    tried = set(done)
    while True:
        is_finished = storage.exists(storage.join(directory, MANIFEST))  # checked first: then the listing is complete
        steps = [step for step in checkpoint.list_steps(directory) if step not in tried]
        if steps:
            tried.add(steps[0])
            yield steps[0]
        elif is_finished:
            return
        else:
            time.sleep(seconds)


def _claim(claim: Mapping[str, str], output: str) -> None:
    """Record the training run and the records of the evaluations; refuse a directory with evaluations of others."""
    storage.make_directory(output)
    uri = storage.join(output, FOLLOWED)
    if not storage.exists(uri):
        if storage.exists(storage.join(output, EVALUATIONS)) or storage.exists(storage.join(output, MANIFEST)):
            raise UsageError(
                "the output directory holds the output of another command",
                where=output,
                fix="Choose another directory with --output.",
            )
        with storage.atomic_write(uri) as file:
            file.write(json.dumps(claim).encode())
    elif (known := read_json(uri)) != claim:
        other = "of another training run" if known["training"] != claim["training"] else "on other records"
        raise UsageError(
            f"this directory holds evaluations {other}", where=output, fix="Choose another directory with --output."
        )


def _digest(directory: str, seconds: float) -> str:
    """The digest of the stage `train` in a directory; waits until it has started."""
    is_logged = False
    while True:
        if storage.exists(storage.join(directory, MANIFEST)):
            return Manifest.read(directory).digest
        if storage.exists(storage.join(directory, STARTED)):
            with contextlib.suppress(BerthError):  # it has finished in this moment
                if (claim := Claim.read(directory)) is not None and claim.digest is not None:
                    return claim.digest
        if not is_logged:
            log.info("waiting for a training run to start in %s", directory)
            is_logged = True
        time.sleep(seconds)


def _scheduled(directory: str) -> set[int]:
    """The steps at which a finished training run saved a checkpoint, from its training.json."""
    training = summary.read(directory) or {}
    every, ended = training.get("checkpoint_every_steps", 1), training.get("ended", {}).get("step", 0)
    return {*range(every, ended + 1, every), *([ended] if ended else [])}
