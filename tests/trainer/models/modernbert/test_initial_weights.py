"""ModernBERT's initial weights: less for what is added up over the layers."""

import math

import numpy as np
import pytest

from berth.recipe import ModelConfig
from support.trainer_files import changed
from trainer import models
from trainer.checkpoints.initial_weights import of_recipe

NAME = "modernbert/layer_{}/{}/kernel"
INNER = ("attention/qkv", "mlp/input")
OUTPUTS = ("attention/output", "mlp/output")
SHAPES = {
    "modernbert/embeddings/word_embeddings": (400, 64),
    "modernbert/LayerNorm/gamma": (64,),
    "modernbert/transform/dense/kernel": (64, 64),
    "cls/output_bias": (400,),
    **{NAME.format(1, part): (64, 128) for part in (*INNER, *OUTPUTS)},
}


@pytest.fixture(params=["megatron", "normal"])
def weights(request, tiny_recipe):
    model = ModelConfig(
        architecture="modernbert",
        hidden_size=64,
        num_hidden_layers=8,
        num_attention_heads=2,
        initializer_range=0.05,
        max_position_embeddings=64,
        init_method=request.param,
    )
    records = {"short": {"max_seq_length": 64, "objective": "mlm", "rng": "keyed"}}
    recipe = changed(tiny_recipe, model=model.model_dump(), records=records)
    tokens = [str(number) for number in range(400)]
    return request.param, of_recipe(recipe, SHAPES, models.configuration_of(model, 400), tokens)


# The standard deviation of a normal distribution cut off at two standard deviations, as a share of the uncut one's.
CUT = math.sqrt(1 - 2 * 2 * math.exp(-2) / math.sqrt(2 * math.pi) / math.erf(math.sqrt(2)))


def test_output_projections_are_scaled_by_depth(weights):
    method, arrays = weights
    outputs = 0.05 / math.sqrt(2 * 8) if method == "megatron" else 0.05
    expected = {NAME.format(1, part): 0.05 for part in INNER}
    expected |= {NAME.format(1, part): outputs for part in OUTPUTS}
    expected |= {"modernbert/transform/dense/kernel": outputs, "modernbert/embeddings/word_embeddings": 0.05}
    for name, stddev in expected.items():
        assert arrays[name].std() == pytest.approx(stddev * CUT, rel=0.03)
        assert np.abs(arrays[name]).max() <= 2 * stddev


def test_norms_are_one_and_the_bias_is_zero(weights):
    _, arrays = weights
    assert (arrays["modernbert/LayerNorm/gamma"] == 1).all() and (arrays["cls/output_bias"] == 0).all()
