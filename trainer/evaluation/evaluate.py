"""The stage `evaluate`: losses and accuracies of checkpoints on held-out records, with those of a constant guess."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from berth import storage
from berth.formats.results import EVALUATION, EVALUATIONS, FILL_MASK, read_json, write_lines
from berth.formats.vocabulary import VOCABULARY
from berth.stage import Destination, Result, Stage, run
from berth.stage.inputs import Inputs
from berth.stage.output import Output
from trainer.checkpoints import checkpoint
from trainer.checkpoints.compatibility import described_case
from trainer.data.provenance import check_case, check_training_text
from trainer.data.vocabulary import check_vocabulary

VERSION = 3
TRAINING_RECORDS = "training_records"
EVALUATED = ".evaluated"  # the figures of each checkpoint, until all are measured


def evaluate(
    *,
    model: Inputs,
    records: Inputs,
    training_records: Inputs | None = None,
    batch_size: int = 64,
    engine: str = "tensorflow",
    checkpoints: Literal["newest", "all"] = "newest",
    destination: Destination,
) -> Result:
    """Evaluate the checkpoints of a training run on all records.

    Args:
        model: Files of the stage `train`, or one of its checkpoints.
        records: TFRecord files.
        training_records: TFRecord files of training text, for the bigram baseline; None omits it.
        batch_size: Records in a batch; changes the figures by rounding only.
        engine: ``tensorflow`` or ``jax``; likewise.
        checkpoints: Which checkpoints to evaluate.
        destination: Where the output goes. evaluation.json: masked_lm_loss and next_sentence_loss (nats),
            masked_lm_accuracy and next_sentence_accuracy of the newest checkpoint, each over the whole set,
            masked_lm_corrupted_accuracy over the positions whose token it does not see, and those of the baselines.
            fill_mask.json: words that it guesses best, as well as the median, and worst. For `all`, also
            evaluations.jsonl: the figures of each checkpoint, in order of their steps.

    Raises:
        UsageError: if records were made with another vocabulary or case, or both of the same text.
        BerthError: if there is no checkpoint, the records do not fit the model, or its losses are not finite.
    """
    newest = checkpoint.newest(model).uri
    uris = [newest] if checkpoints == "newest" else [each.uri for each in checkpoint.all_of(model)]
    vocabulary = Inputs.at(storage.join(storage.parent(newest), VOCABULARY))
    _check_records(newest, records, training_records, vocabulary)
    parameters: dict[str, Any] = {"batch_size": batch_size}
    if checkpoints != "newest":
        parameters["checkpoints"] = checkpoints
    inputs = _inputs(checkpoint.with_description(*uris), records, training_records)

    def work(output: Output) -> None:
        _work(uris, inputs, batch_size, engine, output, with_lines=checkpoints != "newest")

    return run(Stage("evaluate", VERSION, parameters, inputs), destination, work)


def evaluate_other(
    *,
    uri: str,
    records: Inputs,
    training_records: Inputs | None = None,
    batch_size: int = 64,
    engine: str = "tensorflow",
    destination: Destination,
) -> Result:
    """Evaluate a checkpoint that Berth's trainer did not write, as :func:`evaluate` does.

    Args:
        uri: Any format that :meth:`trainer.checkpoints.checkpoint.Checkpoint.find` knows: the prefix of a TensorFlow
            checkpoint, a Hugging Face directory. bert_config.json (or config.json) and vocab.txt are next to it.
        records: TFRecord files.
        training_records: As in :func:`evaluate`.
        batch_size: Records in a batch.
        engine: ``tensorflow`` or ``jax``.
        destination: Where the output goes; the step in evaluation.json is null.

    Raises:
        BerthError: if there is no checkpoint, it lacks a head or its description, the records do not fit the model, or
            its losses are not finite.
    """
    from trainer.evaluation.model import description_files

    files, described = checkpoint.Checkpoint.find(uri).files, description_files(uri)
    _check_records(uri, records, training_records, Inputs.at(described[1]))
    model = Inputs.at(*sorted({*(file.uri for file in files.files), *described}))
    inputs = _inputs(model, records, training_records)
    stage = Stage("evaluate", VERSION, {"batch_size": batch_size}, inputs)
    return run(stage, destination, lambda output: _work([uri], inputs, batch_size, engine, output, with_lines=False))


def _inputs(model: Inputs, records: Inputs, training_records: Inputs | None) -> dict[str, Inputs]:
    inputs = {"model": model, "records": records}
    return inputs if training_records is None else {**inputs, TRAINING_RECORDS: training_records}


def _check_records(uri: str, records: Inputs, training_records: Inputs | None, vocabulary: Inputs) -> None:
    """Check records against the checkpoint's vocabulary and, where it is known, its case. Raises UsageError."""
    described = described_case(uri)
    for name, given in {"evaluation": records, "training": training_records}.items():
        if given is not None:
            check_vocabulary(name, given, vocabulary)
            if described is not None:
                check_case(name, given, described[1])
    if training_records is not None:
        check_training_text(training_records, records)


def _work(
    uris: Sequence[str], inputs: Mapping[str, Inputs], batch_size: int, engine: str, output: Output, with_lines: bool
) -> None:
    from trainer.checkpoints import summary
    from trainer.evaluation import baseline, bigram, fill_mask
    from trainer.evaluation.model import load

    model = load(uris[-1], inputs["records"], engine)
    table = None
    if (training_records := inputs.get(TRAINING_RECORDS)) is not None:
        table = bigram.count(training_records, model.records, model.labels, model.tokens)
    training = summary.read(storage.parent(uris[-1]))

    def figures(uri: str) -> dict[str, Any]:
        """The figures of one checkpoint; those that an interrupted run has measured are read from their file."""
        step = checkpoint.step_of(uri)
        measured = output.path(f"{EVALUATED}/{step}.json")
        if not storage.exists(measured):
            if uri != model.uri:
                model.assign(uri)
            _write(output, f"{EVALUATED}/{step}.json", model.evaluate(batch_size, table))
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
    guess = baseline.constant_guess(model.labels, model.tokens, next_sentence=model.next_sentence)
    counts = {
        "examples": model.records.count,
        "masked_positions": int(model.labels.masked.sum()),
        "corrupted_positions": int(model.labels.corrupted.sum()),
    }
    content = {"step": checkpoint.step_of(uris[-1]), **counts, **newest, "baseline": guess}
    if table is not None:
        content["bigram"] = table.scores(model.records)
    _write(output, EVALUATION, content)
    storage.delete(output.path(EVALUATED))


def _write(output: Output, name: str, content: Any) -> None:
    with storage.atomic_write(output.path(name)) as file:
        file.write((json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode())
