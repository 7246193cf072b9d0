"""The examples of a fine-tuning task: texts with label ids or scores."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trainer.finetuning.heads import Head


@dataclass(frozen=True)
class Examples:
    """The examples of one file.

    Args:
        name: The file's name without its extension.
        lines: Number of the line that each begins in, int64 [n].
        first: The texts.
        second: The second text of each pair; None without pairs.
        labels: Label ids int32 [n], or scores float32 [n].
        skipped: Number of rows that were dropped, by reason.
    """

    name: str
    lines: np.ndarray
    first: list[str]
    second: list[str] | None
    labels: np.ndarray
    skipped: dict[str, int]

    def __len__(self) -> int:
        return len(self.first)


@dataclass(frozen=True)
class Dataset:
    """The examples of a task.

    Args:
        head: The layer, the loss and the predictions that the labels need.
        train: The examples that the model learns from.
        held_out: The sets that it is measured on.
    """

    head: Head
    train: Examples
    held_out: list[Examples]
