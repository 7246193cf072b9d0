"""Result files: their names, and readers for those in JSON.

The names are part of the stages' contract: other stages, the report and people look for them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NotRequired, TypeVar, cast

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict  # pydantic needs that of Python 3.12

from berth import storage
from berth.errors import BerthError, summary

# Corpus.
OMISSIONS = "losses.json"  # words kept and dropped, and the templates whose words are not in the articles
TEMPLATES = "templates.json"  # what was derived from the dumps' own templates
# Sentences.
PUNKT = "punkt.json"  # parameters of the sentence splitter
# Training.
TRAINING = "training.json"  # what is trained: see Training
METRICS = "metrics.jsonl"  # a line every few steps
EVALUATIONS = "evaluations.jsonl"  # a line for each evaluated checkpoint
# Evaluation.
EVALUATION = "evaluation.json"  # see Evaluation
FILL_MASK = "fill_mask.json"  # records whose masked tokens the model filled in
# Fine-tuning.
FINETUNING = "finetuning.json"  # see FineTuning
LABELS = "labels.txt"  # a class label a line
# Report.
REPORT = "report.html"
REPORT_TEXT = "report.md"  # the same in Markdown
DATASETS = "datasets.csv"  # the record sets of the run

Line = dict[str, Any]
Content = TypeVar("Content")


class Baseline(TypedDict):
    """What the best constant guess scores on an evaluation set."""

    token: str
    masked_lm_loss: float
    masked_lm_accuracy: float
    masked_lm_corrupted_accuracy: float
    next_sentence_loss: NotRequired[float]
    next_sentence_accuracy: NotRequired[float]


class Bigram(TypedDict):
    """What guessing by the left neighbour scores; ``pairs`` is the number of pairs of tokens that were counted."""

    pairs: int
    masked_lm_accuracy: float
    masked_lm_corrupted_accuracy: float


class Evaluation(TypedDict):
    """What a checkpoint scores on an evaluation set: losses in nats, accuracies as shares.

    Corrupted are the masked positions whose token the model does not see: kept tokens do not count. With the bigram
    baseline there are also the shares of them where only the model, and where only the baseline is right.
    """

    step: int | None
    examples: int
    masked_positions: int
    corrupted_positions: int
    masked_lm_loss: float
    masked_lm_accuracy: float
    masked_lm_corrupted_accuracy: float
    only_model_right: NotRequired[float]
    only_bigram_right: NotRequired[float]
    next_sentence_loss: NotRequired[float]
    next_sentence_accuracy: NotRequired[float]
    baseline: Baseline
    bigram: NotRequired[Bigram]


class FineTuning(TypedDict):
    """What a fine-tuned model scores on the held-out sets of its task."""

    task: str
    step: int | None
    metrics: dict[str, dict[str, float]]
    baseline: NotRequired[dict[str, dict[str, float]]]


class Phase(TypedDict):
    """A phase of a training run."""

    name: str
    records: str
    steps: int
    batch_size: int
    max_seq_length: int
    epochs: float


class Ended(TypedDict):
    """Where a training run ended before its last step, at its target."""

    step: int
    sequences: int


class Description(TypedDict):
    """What training.json says of a checkpoint beside it, whoever wrote it."""

    lower_case: bool


class Training(Description):
    """What a training run is, in figures."""

    parameters: int
    steps: int
    sequences: int
    phases: list[Phase]
    ended: NotRequired[Ended]


def read_evaluation(directory: str) -> Evaluation:
    """Read evaluation.json. Raises BerthError if it is missing or holds something else."""
    return _read(storage.join(directory, EVALUATION), Evaluation)


def read_finetuning(directory: str) -> FineTuning:
    """Read finetuning.json. Raises BerthError if it is missing or holds something else."""
    return _read(storage.join(directory, FINETUNING), FineTuning)


def read_lower_case(directory: str) -> bool:
    """Whether a checkpoint's text is lower-cased, by training.json. Raises BerthError if that does not say it."""
    return _read(storage.join(directory, TRAINING), Description)["lower_case"]


def read_training(directory: str) -> Training:
    """Read training.json. Raises BerthError if it is missing or holds something else."""
    return _read(storage.join(directory, TRAINING), Training)


def read_json(uri: str) -> Any:
    """The content of a JSON file.

    Raises:
        BerthError: if the file is missing or is not JSON.
    """
    return _parsed(storage.read_text(uri), uri)


def read_lines(uri: str) -> list[Line]:
    """The content of a file with one JSON object a line, each with the number of a step.

    Raises:
        BerthError: if the file is missing or a line is something else.
    """
    lines = enumerate(storage.read_text(uri).splitlines(), start=1)
    return [_line(line, f"{uri}, line {number}") for number, line in lines if line.strip()]


def write_lines(uri: str, lines: Iterable[Mapping[str, Any]]) -> None:
    """Write a file with one JSON object a line, atomically."""
    with storage.atomic_write(uri) as file:
        file.write("".join(json.dumps(line) + "\n" for line in lines).encode())


def _read(uri: str, kind: type[Content]) -> Content:
    """The content of a JSON file that was written as ``kind``; keys that it does not name are kept."""
    content = read_json(uri)
    try:
        TypeAdapter(kind).validate_python(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        key = ".".join(map(str, first["loc"]))
        raise _damaged(
            "this is not what the stage wrote", uri, f"{key}: {first['msg']}" if key else first["msg"]
        ) from error
    return cast(Content, content)


def _line(text: str, where: str) -> Line:
    line = _parsed(text, where)
    if not isinstance(line, dict) or type(line.get("step")) is not int:
        raise _damaged("this is not what the stage wrote", where, "a line without the number of a step")
    return line


def _parsed(text: str, where: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _damaged("this is not JSON", where, summary(error)) from error


def _damaged(what: str, where: str, found: str) -> BerthError:
    return BerthError(what, where=where, found=found, fix="Delete the directory and run again to make it anew.")
