"""Floating-point operations of training BERT, and what accelerators can do at most: the two sides of utilisation.

Counted are the matrix products that the mathematics needs, two operations for each multiplication with its addition,
as in "Efficient Large-Scale Language Model Training on GPU Clusters Using Megatron-LM" (Narayanan et al. 2021,
https://arxiv.org/abs/2104.04473, appendix) and appendix B of "PaLM" (Chowdhery et al. 2022,
https://arxiv.org/abs/2204.02311), which defines model FLOP/s utilisation. Not counted: look-ups in tables,
normalisation, activations, softmax, the optimizer, and anything an implementation computes twice.
"""

from __future__ import annotations

from berth.recipe import ModelConfig

# The backward pass has two products for each of the forward pass: by the inputs and by the weights.
PASSES = 3
LABELS = 2  # of the next-sentence head

# Dense peak in 16-bit floating point with 32-bit sums, FLOP/s, by a part of the name that drivers give the device. The
# first that fits counts, so special cases stand before general ones.
#   NVIDIA: the data sheets of each ("Tensor Core"); figures with sparsity are halved.
#   Google: https://cloud.google.com/tpu/docs, "System architecture" of each version, for one chip. JAX calls v5e and
#   v6e "TPU v5 lite" and "TPU v6 lite", and v5p also "TPU v5".
PEAKS: tuple[tuple[str, float], ...] = (
    ("H200 NVL", 835.5e12),
    ("H200", 989.5e12),
    ("H100 PCIe", 756.5e12),
    ("H100 NVL", 835.5e12),
    ("H100", 989.5e12),
    ("A100", 312e12),
    ("B200", 2250e12),
    ("L4", 121e12),
    ("T4", 65e12),
    ("V100-PCIE", 112e12),
    ("V100", 125e12),
    ("TPU v4", 275e12),
    ("TPU v5 lite", 197e12),
    ("TPU v5e", 197e12),
    ("TPU v5", 459e12),
    ("TPU v6", 918e12),
)


def of_sequence(
    model: ModelConfig, *, vocab_size: int, length: int, predictions: int, next_sentence: bool = True
) -> int:
    """Operations of one sequence in training: forward and backward pass.

    With H = hidden size, I = intermediate size, L = layers, S = length, P = predictions, V = vocabulary, forwards:

    - each layer: 8·S·H² (query, key, value, output), 4·S²·H (scores, and the sums they weigh), 4·S·H·I (feed-forward);
    - masked-language-model head, at the masked positions only: 2·P·H² + 2·P·H·V;
    - next-sentence head: 2·H² (pooler) + 4·H.

    Without heads and with I = 4·H, training is 72·L·S·H²·(1 + S/(6·H)), Narayanan's equation 2 without recomputation
    (its factor 96 has a fourth pass). 6·N·S, N the weights of the layers, is the part without attention's S².

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


def peak(device: str, precision: str) -> float | None:
    """What a device can do at most, in FLOP/s; None where it is not known.

    Args:
        device: The name its driver gives it, such as ``NVIDIA H100 80GB HBM3`` or ``TPU v4``.
        precision: Keras dtype policy. The table is of 16-bit arithmetic: for ``float32`` the result is None, since
            libraries may use faster formats for it or not.
    """
    if not precision.startswith("mixed_"):
        return None
    return next((flops for part, flops in PEAKS if part.lower() in device.lower()), None)


def utilisation(flops_per_second: float, devices: int, peak_of_one: float | None) -> float | None:
    """Model FLOP/s utilisation, 0 to 1: operations of the sequences trained on, by what the devices could do.

    None where the peak is not known.
    """
    return flops_per_second / (devices * peak_of_one) if peak_of_one else None
