"""The sizes that plans tell, beside those of real models and records."""

import gzip
import math
import struct
from pathlib import Path

import pytest

from berth.planning import sizes
from berth.recipe import ModelConfig, RecordSet

GOLDEN = Path(__file__).parents[2] / "golden" / "records"


def test_bert_base_has_its_110_million():
    """With both heads; Hugging Face's BertForPreTraining of bert-base-uncased has as many."""
    assert sizes.parameters(ModelConfig(), 30_522) == 110_106_428


@pytest.mark.parametrize("next_sentence", [True, False])
def test_the_parameters_are_those_of_the_trainers_model(next_sentence):
    from trainer.engines import Settings, create
    from trainer.models.config import BertConfig

    model = ModelConfig(hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=12)
    shapes = create("tensorflow", Settings(BertConfig.of(model, vocab_size=30), next_sentence)).shapes
    counted = sum(math.prod(shape) for shape in shapes.values())
    assert sizes.parameters(model, 30, next_sentence) == counted


@pytest.mark.parametrize(
    ("name", "length", "predictions"),
    [("qarib-64-cased", 64, 20), ("finbert-128-cased", 128, 20), ("mlperf-512-uncased", 512, 76)],
)
def test_records_are_at_most_as_large_as_told_and_not_much_smaller(name, length, predictions):
    content = gzip.decompress((GOLDEN / f"{name}.tfrecord.gz").read_bytes())
    largest, place = 0, 0
    while place < len(content):
        size = struct.unpack_from("<Q", content, place)[0] + 16
        largest, place = max(largest, size), place + size
    told = sizes.record_bytes(RecordSet(max_seq_length=length, max_predictions=predictions), vocab_size=2373)
    assert largest <= told <= 1.1 * largest
