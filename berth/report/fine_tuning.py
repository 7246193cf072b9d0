"""What fine-tuned models score on their tasks, against how long the model was pre-trained before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from berth.formats.results import FINETUNING
from berth.report import formatting as words
from berth.report.run import Finished, Run
from berth.stage import lineage

STAGE, TRAIN, MODEL, BEFORE = "finetune", "train", "model", "before"
HOUR = 3600.0


@dataclass(frozen=True)
class Tuned:
    """A model that was fine-tuned on a task.

    Args:
        title: Its stage's title in the flow.
        task: The task.
        step: Updates of pre-training; None where it is not known.
        hours: Wall-clock of the pre-training up to there; None where no training of Berth's was before.
        metrics: By the name of the held-out set, the task's main metric first.
        baseline: The same of the best constant guess.
    """

    title: str
    task: str
    step: int | None
    hours: float | None
    metrics: Mapping[str, Mapping[str, float]]
    baseline: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Curve:
    """The main metric of a task on one held-out set, as pre-training goes on; points of (hours, value)."""

    task: str
    held_out: str
    metric: str
    points: tuple[tuple[float, float], ...]


def tuned(run: Run) -> list[Tuned]:
    """The fine-tunings of a run, by task in order of its recipe, and by step."""
    return [_tuned(stage) for stage in run.of_kind(STAGE)]


def _tuned(stage: Finished) -> Tuned:
    content = stage.json(FINETUNING)
    return Tuned(
        stage.title,
        content["task"],
        content["step"],
        _hours(stage.directory),
        content["metrics"],
        content.get("baseline", {}),
    )


def shown(metric: str, value: float | None) -> str:
    """A score as a person reads it: correlations and accuracies as GLUE does, in per cent; a loss in nats."""
    return words.fixed(value) if metric == "loss" else words.share(value)


def _hours(directory: str) -> float | None:
    """How long the segments of the training took that a fine-tuned model comes from."""
    segment = lineage.chain(directory).inputs.get(MODEL)
    seconds, found = 0.0, False
    while isinstance(segment, lineage.Node) and segment.manifest.stage == TRAIN:
        seconds, found = seconds + segment.manifest.seconds, True
        segment = segment.inputs.get(BEFORE)
    return seconds / HOUR if found else None


def curves(results: Sequence[Tuned]) -> list[Curve]:
    """A curve for each task and held-out set, also where it has one point only."""
    points: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for result in results:
        if result.hours is None:
            continue
        for held_out, metrics in result.metrics.items():
            metric, value = next(iter(metrics.items()))
            points.setdefault((result.task, held_out, metric), []).append((result.hours, value))
    return [Curve(*key, points=tuple(sorted(values))) for key, values in points.items()]
