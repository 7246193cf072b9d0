"""ModernBERT's size and cost by arithmetic."""

import pytest

from berth.recipe import ModelConfig
from trainer.models.modernbert.figures import ModernBertFigures, local_pairs

FIGURES = ModernBertFigures()
# https://huggingface.co/answerdotai/ModernBERT-base, config.json.
BASE = ModelConfig(
    architecture="modernbert", num_hidden_layers=22, intermediate_size=1152, max_position_embeddings=8192
)


def test_modernbert_base_has_its_published_size():
    assert FIGURES.parameters(BASE, 50_368) == 149_655_232


@pytest.mark.parametrize("reach", [1, 4, 9, 10, 64])
def test_pairs_within_a_window_are_counted(reach):
    assert local_pairs(10, reach) == sum(abs(i - j) <= reach for i in range(10) for j in range(10))


def test_operations_are_those_of_the_matrix_products():
    model = ModelConfig(
        architecture="modernbert",
        hidden_size=8,
        num_hidden_layers=4,
        num_attention_heads=2,
        intermediate_size=12,
        local_attention=4,
    )
    length, predictions, vocab_size = 10, 3, 30
    dense = 2 * length * 8 * (3 * 8 + 8 + 2 * 12) + 2 * length * 12 * 8
    near = sum(abs(i - j) <= 2 for i in range(length) for j in range(length))
    attention = [2 * 2 * pairs * 8 for pairs in (length**2, near, near, length**2)]
    head = 2 * predictions * 8 * (8 + vocab_size)
    found = FIGURES.flops_per_sequence(model, vocab_size=vocab_size, length=length, predictions=predictions)
    assert found == 3 * (4 * dense + sum(attention) + head)


def test_windows_cost_less_than_attention_to_everything():
    def flops(length, every):
        model = BASE.model_copy(update={"global_attn_every_n_layers": every})
        return FIGURES.flops_per_sequence(model, vocab_size=50_368, length=length, predictions=1)

    assert flops(8192, 3) < 0.6 * flops(8192, 1)
    assert flops(64, 3) == flops(64, 1)
