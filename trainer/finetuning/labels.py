"""What the label column of a task may hold: one of several names, or a score."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from berth.errors import BerthError
from trainer.finetuning.heads import ClassificationHead, Head, RegressionHead

LABELS_SHOWN = 10  # in an error


class Labels(ABC):
    """The labels of a task. `dtype` is that of the parsed ones."""

    dtype: type[np.generic]

    @abstractmethod
    def parse(self, text: str, where: str) -> float:
        """The id or the score that a label's text gives.

        Args:
            text: The text, not empty.
            where: File and line, for errors.

        Raises:
            BerthError: if it is not a label of the task.
        """

    @abstractmethod
    def head(self) -> Head:
        """The head that predicts such labels."""


@dataclass(frozen=True)
class ClassLabels(Labels):
    """Named classes.

    Args:
        names: The labels; a label's index is its id.
        source: Name of the file that defines them; empty where the task does.
    """

    names: tuple[str, ...]
    source: str = ""
    dtype = np.int32

    def parse(self, text: str, where: str) -> float:
        """The id of a label."""
        if text in self._ids:
            return self._ids[text]
        shown = ", ".join(map(repr, self.names[:LABELS_SHOWN])) + (" …" if len(self.names) > LABELS_SHOWN else "")
        raise BerthError(
            "the label is not one of the task's",
            where=where,
            found=repr(text),
            expected=f"one of {shown}" + (f", the labels of {self.source}" if self.source else ""),
        )

    def head(self) -> Head:
        """A classification."""
        return ClassificationHead(self.names)

    @cached_property
    def _ids(self) -> dict[str, int]:
        return {name: number for number, name in enumerate(self.names)}


@dataclass(frozen=True)
class Scores(Labels):
    """Numbers in a range.

    Args:
        low: The lowest score.
        high: The highest score.
    """

    low: float
    high: float
    dtype = np.float32

    def parse(self, text: str, where: str) -> float:
        """The score."""
        try:
            score = float(text)
        except ValueError:
            score = math.nan
        if not self.low <= score <= self.high:
            raise BerthError(
                "the score is not a number in the task's range",
                where=where,
                found=repr(text),
                expected=f"a number from {self.low:g} to {self.high:g}",
            )
        return score

    def head(self) -> Head:
        """A regression."""
        return RegressionHead()
