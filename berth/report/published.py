"""A run next to what its recipe's source published: figures, and the training log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from berth.formats.results import METRICS
from berth.planning.measured import measured
from berth.planning.published import ComparedFigure, compared
from berth.recipe import PublishedLine
from berth.report.run import Run


@dataclass(frozen=True)
class LogRow:
    """A line of the published log, and the run's own at the same step.

    Args:
        line: The published line.
        own: The run's metrics, from the last line up to this step; empty if the run did not come so far.
        minutes: Minutes of the run's training, for its last step; None for others.
    """

    line: PublishedLine
    own: Mapping[str, Any]
    minutes: float | None


def figures(run: Run) -> list[ComparedFigure]:
    """The recipe's published figures next to those of its plan and of the run."""
    if not run.recipe.published.figures:
        return []
    return compared(run.recipe, run.planned, measured({stage.title: stage.directory for stage in run.stages}))


def log(run: Run) -> list[LogRow]:
    """The lines of the recipe's published log next to the run's own."""
    metrics: Sequence[Mapping[str, Any]] = []
    if (train := run.training) is not None and train.has(METRICS):
        metrics = train.json_lines(METRICS)
    last = metrics[-1]["step"] if metrics else 0
    seconds = sum(stage.manifest.seconds for stage in run.of_kind("train"))
    rows = []
    for line in run.recipe.published.log:
        before = [each for each in metrics if each["step"] <= line.step] if line.step <= last else []
        rows.append(LogRow(line, before[-1] if before else {}, seconds / 60 if line.step == last else None))
    return rows
