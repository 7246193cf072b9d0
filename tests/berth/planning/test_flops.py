"""Floating-point operations of BERT, by the published formulas; peaks of accelerators."""

import pytest

from berth.planning import flops
from berth.recipe import ModelConfig

BASE = ModelConfig()
LARGE = ModelConfig(hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096)


def layers_only(model, length):
    return flops.of_sequence(model, vocab_size=0, length=length, predictions=0, next_sentence=False)


@pytest.mark.parametrize("model", [BASE, LARGE])
@pytest.mark.parametrize("length", [128, 512])
def test_the_layers_are_narayanans_formula_without_recomputation(model, length):
    """Equation 2 of https://arxiv.org/abs/2104.04473, with three passes instead of four: 72 instead of 96."""
    layers, hidden = model.num_hidden_layers, model.hidden_size
    assert layers_only(model, length) == pytest.approx(72 * layers * length * hidden**2 * (1 + length / (6 * hidden)))


def test_attention_is_palms_term():
    """Appendix B of https://arxiv.org/abs/2204.02311: 6·N·S + 12·L·H·Q·S², N being the weights of the layers."""
    length, weights = 512, 24 * 12 * 1024**2
    assert layers_only(LARGE, length) == 6 * weights * length + 12 * 24 * 1024 * length**2


def test_the_vocabulary_is_projected_at_the_masked_positions_only():
    shape = {"vocab_size": 30522, "length": 128, "next_sentence": False}
    twenty = flops.of_sequence(BASE, predictions=20, **shape)
    none = flops.of_sequence(BASE, predictions=0, **shape)
    assert twenty - none == 3 * 20 * (2 * 768 * 768 + 2 * 768 * 30522)


def test_the_next_sentence_head_is_a_pooler_and_two_logits():
    shape = {"vocab_size": 30522, "length": 128, "predictions": 20}
    both = flops.of_sequence(BASE, next_sentence=True, **shape)
    assert both - flops.of_sequence(BASE, next_sentence=False, **shape) == 3 * (2 * 768 * 768 + 4 * 768)


def test_bert_large_at_512():
    """What 40 % of an H200 means: about 390 sequences a second."""
    of_one = flops.of_sequence(LARGE, vocab_size=30522, length=512, predictions=76)
    assert 0.40 * flops.peak("NVIDIA H200", "mixed_bfloat16") / of_one == pytest.approx(390, rel=0.02)


@pytest.mark.parametrize(
    ("device", "peak"),
    [
        ("NVIDIA H200", 989.5e12),
        ("NVIDIA H100 80GB HBM3", 989.5e12),
        ("NVIDIA H100 PCIe", 756.5e12),
        ("NVIDIA A100-SXM4-40GB", 312e12),
        ("Tesla V100-SXM2-16GB", 125e12),
        ("TPU v4", 275e12),
        ("TPU v5 lite", 197e12),
        ("TPU v5p", 459e12),
        ("TPU v5", 459e12),
        ("TPU v6 lite", 918e12),
        ("cpu", None),
        ("NVIDIA GeForce RTX 3060", None),
    ],
)
def test_peaks_are_known_by_the_names_that_drivers_give(device, peak):
    assert flops.peak(device, "mixed_bfloat16") == peak


def test_the_table_is_of_16_bit_arithmetic():
    assert flops.peak("NVIDIA H200", "float32") is None


def test_utilisation():
    assert flops.utilisation(198e12, devices=2, peak_of_one=990e12) == pytest.approx(0.1)
    assert flops.utilisation(198e12, devices=2, peak_of_one=None) is None
