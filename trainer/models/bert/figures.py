"""BERT's size and cost by arithmetic: parameters, and floating-point operations of training.

Counted are the matrix products that the mathematics needs, two operations for each multiplication with its addition,
as in "Efficient Large-Scale Language Model Training on GPU Clusters Using Megatron-LM" (Narayanan et al. 2021,
https://arxiv.org/abs/2104.04473, appendix) and appendix B of "PaLM" (Chowdhery et al. 2022,
https://arxiv.org/abs/2204.02311), which defines model FLOP/s utilisation. Not counted: table look-ups, normalisation,
activations, softmax, the optimizer, and anything that an implementation computes twice.
"""

from __future__ import annotations

from berth.recipe import ModelConfig

# The backward pass has two products for each one of the forward pass: by the inputs and by the weights.
PASSES = 3
LABELS = 2  # of the next-sentence head


class BertFigures:
    """The figures of BERT with its pre-training heads."""

    def parameters(self, model: ModelConfig, vocab_size: int, next_sentence: bool = True) -> int:
        """Number of parameters.

        Args:
            model: The model's shape.
            vocab_size: Entries of the vocabulary.
            next_sentence: Whether there is a next-sentence head; the pooler exists in any case.
        """
        hidden, wide = model.hidden_size, model.intermediate_size
        normalisation = 2 * hidden
        embeddings = (vocab_size + model.max_position_embeddings + model.type_vocab_size) * hidden + normalisation
        attention = 4 * (hidden * hidden + hidden) + normalisation
        feed_forward = hidden * wide + wide + wide * hidden + hidden + normalisation
        pooler = hidden * hidden + hidden
        masked_lm = hidden * hidden + hidden + normalisation + vocab_size
        relation = LABELS * hidden + LABELS if next_sentence else 0
        return embeddings + model.num_hidden_layers * (attention + feed_forward) + pooler + masked_lm + relation

    def flops_per_sequence(
        self, model: ModelConfig, *, vocab_size: int, length: int, predictions: int, next_sentence: bool = True
    ) -> int:
        """Operations of one sequence in training: forward and backward pass.

        With H = hidden size, I = intermediate size, L = layers, S = length, P = predictions, V = vocabulary, forwards:

        - each layer: 8·S·H² (query, key, value, output), 4·S²·H (scores, and their weighted sums), 4·S·H·I
          (feed-forward);
        - masked-language-model head, at the masked positions only: 2·P·H² + 2·P·H·V;
        - next-sentence head: 2·H² (pooler) + 4·H.

        Without heads and with I = 4·H, training is 72·L·S·H²·(1 + S/(6·H)), Narayanan's equation 2 without
        recomputation (its factor 96 has a fourth pass). 6·N·S, N the weights of the layers, is the part without
        attention's S².

        Args:
            model: The model's shape.
            vocab_size: Entries of the vocabulary.
            length: Tokens in a sequence, padding included: it is computed too.
            predictions: Masked positions in a sequence, unused ones included.
            next_sentence: Whether there is a next-sentence head.
        """
        hidden, wide = model.hidden_size, model.intermediate_size
        layer = 8 * length * hidden**2 + 4 * length**2 * hidden + 4 * length * hidden * wide
        head = 2 * predictions * hidden * (hidden + vocab_size)
        relation = 2 * hidden**2 + 2 * LABELS * hidden if next_sentence else 0
        return PASSES * (model.num_hidden_layers * layer + head + relation)
