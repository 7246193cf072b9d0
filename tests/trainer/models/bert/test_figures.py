"""Parameters and floating-point operations of BERT, by published formulas and counts."""

import math

import pytest

from berth import machines
from berth.recipe import ModelConfig
from trainer import models
from trainer.engines import Settings, create

FIGURES = models.get("bert").figures
BASE = ModelConfig()
LARGE = ModelConfig(hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096)


def layers_only(model, length):
    return FIGURES.flops_per_sequence(model, vocab_size=0, length=length, predictions=0, next_sentence=False)


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
    twenty = FIGURES.flops_per_sequence(BASE, predictions=20, **shape)
    none = FIGURES.flops_per_sequence(BASE, predictions=0, **shape)
    assert twenty - none == 3 * 20 * (2 * 768 * 768 + 2 * 768 * 30522)


def test_the_next_sentence_head_is_a_pooler_and_two_logits():
    shape = {"vocab_size": 30522, "length": 128, "predictions": 20}
    both = FIGURES.flops_per_sequence(BASE, next_sentence=True, **shape)
    assert both - FIGURES.flops_per_sequence(BASE, next_sentence=False, **shape) == 3 * (2 * 768 * 768 + 4 * 768)


def test_bert_large_at_512():
    """40 % of an H200: about 390 sequences a second."""
    of_one = FIGURES.flops_per_sequence(LARGE, vocab_size=30522, length=512, predictions=76)
    assert 0.40 * machines.peak_flops("NVIDIA H200", "mixed_bfloat16") / of_one == pytest.approx(390, rel=0.02)


def test_bert_base_has_its_110_million():
    """With both heads; Hugging Face's BertForPreTraining of bert-base-uncased has as many."""
    assert FIGURES.parameters(ModelConfig(), 30_522) == 110_106_428


@pytest.mark.parametrize("next_sentence", [True, False])
def test_the_parameters_are_those_of_the_network(next_sentence):
    model = ModelConfig(hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=12)
    shapes = create("tensorflow", Settings(models.configuration_of(model, 30), next_sentence)).shapes
    counted = sum(math.prod(shape) for shape in shapes.values())
    assert FIGURES.parameters(model, 30, next_sentence) == counted
