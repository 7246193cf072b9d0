"""Scores of the fine-tuned models on their tasks, by the duration of pre-training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from berth import formatting
from berth.formats.results import FINETUNING
from berth.report.run import FinishedStage, Run
from berth.stage import lineage

STAGE, TRAIN, MODEL, BEFORE = "finetune", "train", "model", "before"
HOUR = 3600.0


@dataclass(frozen=True)
class FineTuning:
    """The result of fine-tuning a model on a task.

    Args:
        title: Title of the stage.
        task: The task.
        step: Number of pre-training steps; None if unknown.
        hours: Wall-clock time of pre-training up to this step; None if Berth did not pre-train the model.
        metrics: Metrics of each held-out set, the task's main metric first.
        baseline: The same metrics for the best constant guess.
    """

    title: str
    task: str
    step: int | None
    hours: float | None
    metrics: Mapping[str, Mapping[str, float]]
    baseline: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Curve:
    """The main metric of a task on one held-out set over the course of pre-training; points are (hours, value)."""

    task: str
    held_out: str
    metric: str
    points: tuple[tuple[float, float], ...]


def fine_tunings(run: Run) -> list[FineTuning]:
    """The fine-tuning results of a run: tasks in the order of the recipe, then by step."""
    return [_fine_tuning(stage) for stage in run.of_kind(STAGE)]


def _fine_tuning(stage: FinishedStage) -> FineTuning:
    content = stage.json(FINETUNING)
    return FineTuning(
        stage.title,
        content["task"],
        content["step"],
        _hours(stage.directory),
        content["metrics"],
        content.get("baseline", {}),
    )


def formatted_score(metric: str, value: float | None) -> str:
    """A human-readable score: correlations and accuracies in per cent, as GLUE reports them; a loss in nats."""
    return formatting.fixed(value) if metric == "loss" else formatting.share(value)


def _hours(directory: str) -> float | None:
    """Duration of the training slices that a fine-tuned model comes from."""
    train = lineage.chain(directory).inputs.get(MODEL)
    seconds, found = 0.0, False
    while isinstance(train, lineage.Node) and train.manifest.stage == TRAIN:
        seconds, found = seconds + train.manifest.seconds, True
        train = train.inputs.get(BEFORE)
    return seconds / HOUR if found else None


def curves(results: Sequence[FineTuning]) -> list[Curve]:
    """One curve per task and held-out set, even if it has only one point."""
    points: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for result in results:
        if result.hours is None:
            continue
        for held_out, metrics in result.metrics.items():
            metric, value = next(iter(metrics.items()))
            points.setdefault((result.task, held_out, metric), []).append((result.hours, value))
    return [Curve(*key, points=tuple(sorted(values))) for key, values in points.items()]
