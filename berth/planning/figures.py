"""What a plan asks of a model architecture: its size and its cost, as arithmetic."""

from __future__ import annotations

from typing import Protocol

from berth.recipe import ModelConfig


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
