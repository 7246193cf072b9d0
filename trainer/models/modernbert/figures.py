"""ModernBERT's size and cost by arithmetic, counted as BERT's (`trainer/models/bert/figures.py`)."""

from __future__ import annotations

from berth.recipe import ModelConfig

# The backward pass has two products for each one of the forward pass: by the inputs and by the weights.
PASSES = 3


class ModernBertFigures:
    """The figures of ModernBERT with its masked-language-model head; it has no next-sentence head."""

    def parameters(self, model: ModelConfig, vocab_size: int, next_sentence: bool = False) -> int:
        """Number of parameters.

        Args:
            model: The model's shape.
            vocab_size: Entries of the vocabulary.
            next_sentence: Of no effect.
        """
        hidden, wide = model.hidden_size, model.intermediate_size
        layer = 4 * hidden**2 + 3 * hidden * wide + 2 * hidden
        # The first layer has no normalisation before its attention; there is one after the last layer.
        encoder = vocab_size * hidden + hidden + model.num_hidden_layers * layer
        return encoder + hidden**2 + hidden + vocab_size

    def flops_per_sequence(
        self, model: ModelConfig, *, vocab_size: int, length: int, predictions: int, next_sentence: bool = False
    ) -> int:
        """Operations of one sequence in training: forward and backward pass.

        With H = hidden size, I = intermediate size, S = length, P = predictions, V = vocabulary, A = pairs of positions
        that a layer's attention connects (S² or, in a local layer, those within the window), forwards:

        - each layer: 8·S·H² (query, key, value, output), 4·A·H (scores, and their weighted sums), 6·S·H·I
          (feed-forward with its gate);
        - masked-language-model head, at the masked positions only: 2·P·H² + 2·P·H·V.

        Args:
            model: The model's shape.
            vocab_size: Entries of the vocabulary.
            length: Tokens in a sequence, padding included: it is computed too.
            predictions: Masked positions in a sequence, unused ones included.
            next_sentence: Of no effect.
        """
        hidden, layers = model.hidden_size, model.num_hidden_layers
        everywhere = -(-layers // model.global_attn_every_n_layers)
        pairs = everywhere * length**2 + (layers - everywhere) * local_pairs(length, model.local_attention // 2)
        dense = 8 * length * hidden**2 + 6 * length * hidden * model.intermediate_size
        head = 2 * predictions * hidden * (hidden + vocab_size)
        return PASSES * (layers * dense + 4 * pairs * hidden + head)


def local_pairs(length: int, reach: int) -> int:
    """Pairs of positions (i, j) of a sequence with |i - j| <= reach."""
    reach = min(reach, length - 1)
    return length * (2 * reach + 1) - reach * (reach + 1)
