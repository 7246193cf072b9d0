"""The stage `evaluate`: losses and accuracies of a checkpoint on held-out records, beside the best constant guess."""

from __future__ import annotations

import json
from typing import Any

from berth import storage
from berth.inputs import Inputs
from berth.output import Output
from berth.stage import Place, Result, Stage, run
from trainer import checkpoint

VERSION = 1
EVALUATION = "evaluation.json"
FILL_MASK = "fill_mask.json"


def evaluate(
    *, model: Inputs, records: Inputs, batch_size: int = 64, engine: str = "tensorflow", place: Place
) -> Result:
    """Evaluate the newest checkpoint of a training on all records.

    Args:
        model: Files of the stage `train`, or one of its checkpoints.
        records: TFRecord files.
        batch_size: Records evaluated at once; the figures do not depend on it but for rounding.
        engine: ``tensorflow`` or ``jax``; likewise.
        place: Where the output goes. evaluation.json: masked_lm_loss and next_sentence_loss (nats),
            masked_lm_accuracy and next_sentence_accuracy, each over the whole set, and the same of the baseline.
            fill_mask.json: a few of the records with what the model puts in the place of [MASK].

    Raises:
        BerthError: if there is no checkpoint, or the records do not fit the model.
    """
    uri = checkpoint.newest(model)
    inputs = {"model": checkpoint.with_description(uri), "records": records}
    stage = Stage("evaluate", VERSION, {"batch_size": batch_size}, inputs)
    return run(stage, place, lambda output: _work(uri, records, batch_size, engine, output))


def _work(uri: str, records: Inputs, batch_size: int, engine: str, output: Output) -> None:
    from trainer import baseline, fill_mask
    from trainer.evaluation import load, measure

    trained = load(uri, records, engine)
    measured, labels = measure(trained, batch_size)
    figures = {
        "step": checkpoint.step_of(uri),
        "examples": trained.records.count,
        **measured,
        "baseline": baseline.constant_guess(labels, trained.tokens, next_sentence=trained.next_sentence),
    }
    _write(output, EVALUATION, figures)
    _write(output, FILL_MASK, fill_mask.examples(trained))


def _write(output: Output, name: str, content: Any) -> None:
    with storage.atomic_write(output.path(name)) as file:
        file.write((json.dumps(content, indent=2, ensure_ascii=False) + "\n").encode())
