"""What a plan asks of the trainer: size and cost of a model architecture, and learning rates, as arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from berth.recipe import ModelConfig, Phase

# The learning rate of an update: of its phase, and the number of updates of the phase before it.
LearningRate = Callable[[Phase, int], float]


class Figures(Protocol):
    """The figures of an architecture. Each is a function of the recipe's `model` section; nothing is built."""

    def parameters(self, model: ModelConfig, vocab_size: int, next_sentence: bool = True) -> int:
        """Number of parameters of the model with its pre-training heads.

        Args:
            model: The model's shape.
            vocab_size: Entries of the vocabulary.
            next_sentence: Whether there is a next-sentence head.
        """

    def flops_per_sequence(
        self, model: ModelConfig, *, vocab_size: int, length: int, predictions: int, next_sentence: bool = True
    ) -> int:
        """Floating-point operations of one sequence in training, forwards and backwards.

        Args:
            model: The model's shape.
            vocab_size: Entries of the vocabulary.
            length: Tokens in a sequence, padding included.
            predictions: Masked positions in a sequence, unused ones included.
            next_sentence: Whether there is a next-sentence head.
        """
