"""The evaluations of a training run: which is the best, and whether the target is reached."""

from __future__ import annotations

from collections.abc import Container, Sequence

from berth.formats.results import Line
from berth.recipe import Target

METRIC = "masked_lm_accuracy"  # decides which checkpoint is the best, without a target


def metric_of(target: Target | None) -> str:
    """The figure that decides which checkpoint is the best."""
    return target.metric if target is not None else METRIC


def is_better(metric: str, value: float, other: float) -> bool:
    """Whether one figure is strictly better than another: a higher accuracy, a lower loss."""
    return value < other if metric.endswith("_loss") else value > other


def is_reached(target: Target | None, line: Line) -> bool:
    """Whether an evaluation reaches the target."""
    return target is not None and not is_better(target.metric, target.value, line[target.metric])


def best(lines: Sequence[Line], metric: str, steps: Container[int]) -> Line | None:
    """The best evaluation among those of the given steps, the first of equals; None if there is none."""
    found: Line | None = None
    for line in lines:
        if line["step"] in steps and (found is None or is_better(metric, line[metric], found[metric])):
            found = line
    return found


def as_text(line: Line) -> str:
    """An evaluation's figures for the log: accuracies in per cent, losses in nats."""
    names = ("masked_lm_accuracy", "masked_lm_corrupted_accuracy", "masked_lm_loss")
    return ", ".join(
        f"{name.replace('_', ' ')} {line[name]:.2%}" if name.endswith("_accuracy") else f"loss {line[name]:.4f}"
        for name in (*names, "next_sentence_accuracy", "next_sentence_loss")
        if name in line
    )


def table(lines: Sequence[Line]) -> str:
    """The evaluations as a human-readable table, a row each; the best masked_lm_accuracy is marked."""
    columns = (
        ("step", "step", "{:,}"),
        ("sequences", "sequences", "{:,}"),
        ("masked_lm_accuracy", "masked accuracy", "{:.2%}"),
        ("masked_lm_corrupted_accuracy", "at corrupted positions", "{:.2%}"),
        ("masked_lm_loss", "masked loss", "{:.4f}"),
        ("next_sentence_accuracy", "next-sentence accuracy", "{:.2%}"),
        ("next_sentence_loss", "next-sentence loss", "{:.4f}"),
    )
    shown = [column for column in columns if any(column[0] in line for line in lines)]
    best_line = best(lines, METRIC, [line["step"] for line in lines])
    rows = [[title for _, title, _ in shown]]
    rows += [[pattern.format(line[key]) if key in line else "" for key, _, pattern in shown] for line in lines]
    widths = [max(len(row[column]) for row in rows) for column in range(len(shown))]
    marks = ["", *(" ← best" if line is best_line and len(lines) > 1 else "" for line in lines)]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) + mark
        for row, mark in zip(rows, marks, strict=True)
    )
