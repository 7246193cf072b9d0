"""What every fine-tuning task defines: its files, its examples, the model's inputs for them, its metrics."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from berth.stage.inputs import Inputs
from trainer.finetuning.task_examples import Dataset, Examples

if TYPE_CHECKING:  # both import TensorFlow
    from trainer.finetuning.encoding import EncodedExamples
    from trainer.serving.graph_tokenizer import GraphTokenizer


@dataclass(frozen=True, kw_only=True)
class Task(ABC):
    """A fine-tuning task.

    Args:
        name: The task's name in the recipe.
        metrics: Names of its metrics (`metrics.METRICS`), the main one first.
    """

    name: str
    metrics: tuple[str, ...]

    @property
    @abstractmethod
    def is_pair(self) -> bool:
        """Whether an example is a pair of texts, which needs a model with two segments."""

    @abstractmethod
    def find_files(self, directory: str) -> Inputs:
        """The task's files in a directory.

        Raises:
            UsageError: if they do not exist.
        """

    @abstractmethod
    def read(self, files: Inputs) -> Dataset:
        """The examples in the task's files, and the head that learns them.

        Raises:
            BerthError: for invalid content; names file and line.
        """

    def encode(self, tokenizer: GraphTokenizer, sets: Sequence[Examples], max_seq_length: int) -> list[EncodedExamples]:
        """The model's inputs for each set of examples: texts or pairs of texts, cut to `max_seq_length` tokens."""
        from trainer.finetuning.encoding import encode

        return encode(tokenizer, sets, max_seq_length)

    def measure(self, gold: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
        """The task's metrics.

        Args:
            gold: Correct label ids int [n], or correct scores float [n].
            predicted: Predictions of the same kind [n].
        """
        from trainer.finetuning.metrics import METRICS  # imports scikit-learn

        return {name: METRICS[name](gold, predicted) for name in self.metrics}
