"""The stage `evaluate`: losses and accuracies of checkpoints on held-out records, with those of a constant guess."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Literal

from berth import storage
from berth.formats.results import EVALUATION, EVALUATIONS, FILL_MASK, read_json, write_lines
from berth.formats.vocabulary import VOCABULARY
from berth.stage import Destination, Result, Stage, run
from berth.stage.inputs import Inputs
from berth.stage.output import Output
from trainer.checkpoints import checkpoint
from trainer.checkpoints.compatibility import described_case
from trainer.data.provenance import check_case
from trainer.data.vocabulary import check_vocabulary

VERSION = 2
EVALUATED = ".evaluated"  # the figures of each checkpoint, until all are measured


def evaluate(
    *,
    model: Inputs,
    records: Inputs,
    batch_size: int = 64,
    engine: str = "tensorflow",
    checkpoints: Literal["newest", "all"] = "newest",
    destination: Destination,
) -> Result:
    """Evaluate the checkpoints of a training run on all records.

    Args:
        model: Files of the stage `train`, or one of its checkpoints.
        records: TFRecord files.
        batch_size: Records in a batch; changes the figures by rounding only.
        engine: ``tensorflow`` or ``jax``; likewise.
        checkpoints: Which checkpoints to evaluate.
        destination: Where the output goes. evaluation.json: masked_lm_loss and next_sentence_loss (nats),
            masked_lm_accuracy and next_sentence_accuracy of the newest checkpoint, each over the whole set, and those
            of the baseline. fill_mask.json: a few records with its predictions for [MASK]. For `all`, also
            evaluations.jsonl: the figures of each checkpoint, in order of their steps.

    Raises:
        UsageError: if the records were made with another vocabulary or case.
        BerthError: if there is no checkpoint, the records do not fit the model, or its losses are not finite.
    """
    newest = checkpoint.newest(model).uri
    uris = [newest] if checkpoints == "newest" else [each.uri for each in checkpoint.all_of(model)]
    vocabulary = Inputs.at(storage.join(storage.parent(newest), VOCABULARY))
    check_vocabulary("evaluation", records, vocabulary)
    _check_case(newest, records)
    parameters: dict[str, Any] = {"batch_size": batch_size}
    if checkpoints != "newest":
        parameters["checkpoints"] = checkpoints
    inputs = {"model": checkpoint.with_description(*uris), "records": records}

    def work(output: Output) -> None:
        _work(uris, records, batch_size, engine, output, with_lines=checkpoints != "newest")

    return run(Stage("evaluate", VERSION, parameters, inputs), destination, work)


def evaluate_other(
    *, uri: str, records: Inputs, batch_size: int = 64, engine: str = "tensorflow", destination: Destination
) -> Result:
    """Evaluate a checkpoint that Berth's trainer did not write, as :func:`evaluate` does.

    Args:
        uri: Any format that :meth:`trainer.checkpoints.checkpoint.Checkpoint.find` knows: the prefix of a TensorFlow
            checkpoint, a Hugging Face directory. bert_config.json (or config.json) and vocab.txt are next to it.
        records: TFRecord files.
        batch_size: Records in a batch.
        engine: ``tensorflow`` or ``jax``.
        destination: Where the output goes; the step in evaluation.json is null.

    Raises:
        BerthError: if there is no checkpoint, it lacks a head or its description, the records do not fit the model, or
            its losses are not finite.
    """
    from trainer.evaluation.model import description_files

    files, described = checkpoint.Checkpoint.find(uri).files, description_files(uri)
    check_vocabulary("evaluation", records, Inputs.at(described[1]))
    _check_case(uri, records)
    model = Inputs.at(*sorted({*(file.uri for file in files.files), *described}))
    stage = Stage("evaluate", VERSION, {"batch_size": batch_size}, {"model": model, "records": records})
    return run(stage, destination, lambda output: _work([uri], records, batch_size, engine, output, with_lines=False))


def _check_case(uri: str, records: Inputs) -> None:
    """Check the records' case where the files next to the checkpoint say the model's. Raises UsageError."""
    if (described := described_case(uri)) is not None:
        check_case("evaluation", records, described[1])


def _work(uris: Sequence[str], records: Inputs, batch_size: int, engine: str, output: Output, with_lines: bool) -> None:
    from trainer.checkpoints import summary
    from trainer.evaluation import baseline, fill_mask
    from trainer.evaluation.model import count_labels, load

    model = load(uris[-1], records, engine)
    labels = count_labels(model.records, len(model.tokens))
    training = summary.read(storage.parent(uris[-1]))

    def figures(uri: str) -> dict[str, Any]:
        """The figures of one checkpoint; those that an interrupted run has measured are read from their file."""
        step = checkpoint.step_of(uri)
        measured = output.path(f"{EVALUATED}/{step}.json")
        if not storage.exists(measured):
            if uri != model.uri:
                model.assign(uri)
            _write(output, f"{EVALUATED}/{step}.json", model.evaluate(batch_size))
        content: dict[str, Any] = read_json(measured)
        return content

    newest = figures(uris[-1])
    _write(output, FILL_MASK, fill_mask.examples(model))
    if with_lines:
        lines = []
        for uri in uris:
            step = checkpoint.step_of(uri)
            progress = summary.progress_at(training, step) if training is not None and step is not None else {}
            lines.append({"step": step, **progress, **figures(uri)})
        write_lines(output.path(EVALUATIONS), lines)
    guess = baseline.constant_guess(labels, model.tokens, next_sentence=model.next_sentence)
    counts = {"examples": model.records.count, "masked_positions": int(labels.masked.sum())}
    _write(output, EVALUATION, {"step": checkpoint.step_of(uris[-1]), **counts, **newest, "baseline": guess})
    storage.delete(output.path(EVALUATED))


def _write(output: Output, name: str, content: Any) -> None:
    with storage.atomic_write(output.path(name)) as file:
        file.write((json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode())
