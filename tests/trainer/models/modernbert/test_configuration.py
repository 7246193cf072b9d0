"""ModernBERT's configuration: both spellings are read, what Berth does not compute is refused by name."""

import json

import pytest

from berth.errors import UsageError
from berth.recipe import ModelConfig
from support.trainer_files import GOLDEN
from trainer import models
from trainer.models.modernbert.configuration import ModernBertConfig

SIZES = {
    "vocab_size": 99,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 4,
    "num_attention_heads": 2,
    "max_position_embeddings": 32,
    "local_attention": 6,
}
PUBLISHED = {**SIZES, "global_attn_every_n_layers": 2, "global_rope_theta": 80000.0, "local_rope_theta": 500.0}
NEWER = {
    **SIZES,
    "layer_types": ["full_attention", "sliding_attention"] * 2,
    "rope_parameters": {
        "full_attention": {"rope_theta": 80000.0, "rope_type": "default"},
        "sliding_attention": {"rope_theta": 500.0, "rope_type": "default"},
    },
}


def parse(content):
    return ModernBertConfig.parse(content, "model/config.json")


def test_both_spellings_are_the_same_model():
    config = parse(PUBLISHED)
    assert config == parse(NEWER)
    assert [config.is_global(layer) for layer in range(4)] == [True, False, True, False]
    assert (config.global_rope_theta, config.local_rope_theta, config.reach) == (80000.0, 500.0, 3)


def test_the_defaults_are_hugging_faces():
    config = parse({"vocab_size": 50368})
    assert (config.hidden_size, config.intermediate_size, config.num_hidden_layers) == (768, 1152, 22)
    assert [layer for layer in range(22) if config.is_global(layer)] == [0, 3, 6, 9, 12, 15, 18, 21]
    assert (config.global_rope_theta, config.local_rope_theta, config.local_attention) == (160000.0, 10000.0, 128)


def test_a_file_has_both_spellings():
    content = json.loads(parse(PUBLISHED).to_json())
    assert content["model_type"] == "modernbert"
    for key in ("global_attn_every_n_layers", "global_rope_theta", "local_rope_theta"):
        assert content[key] == PUBLISHED[key]
    for key in ("layer_types", "rope_parameters"):
        assert content[key] == NEWER[key]
    assert parse(content) == parse(PUBLISHED)


def test_any_order_of_layers_is_read():
    kinds = ["sliding_attention", "full_attention", "full_attention", "sliding_attention"]
    config = parse({**SIZES, "layer_types": kinds})
    assert [config.is_global(layer) for layer in range(4)] == [False, True, True, False]
    content = json.loads(config.to_json())
    assert content["layer_types"] == kinds and "global_attn_every_n_layers" not in content


def test_without_a_local_base_local_layers_have_the_global_one():
    assert parse({**SIZES, "global_rope_theta": 300.0, "local_rope_theta": None}).local_rope_theta == 300.0


def test_the_golden_file_is_read_and_other_keys_come_back():
    uri = GOLDEN / "modernbert" / "config.json"
    config = models.read_configuration(str(uri))
    assert (config.architecture, config.reach, config.head_size) == ("modernbert", 8, 12)
    before, after = json.loads(uri.read_text()), config.huggingface(next_sentence=False)
    assert {key: after[key] for key in before} == before


def test_a_recipe_is_written_with_hugging_faces_keys():
    model = ModelConfig(architecture="modernbert", hidden_act="relu", local_attention=8, global_attn_every_n_layers=1)
    config = models.configuration_of(model, 99)
    assert (config.hidden_activation, config.classifier_activation) == ("relu", "relu")
    assert (config.local_attention, set(config.layer_types)) == (8, {"full_attention"})
    assert config.tie_word_embeddings and config.vocab_size == 99
    assert not {"hidden_act", "init_method", "type_vocab_size"} & set(json.loads(config.to_json()))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"attention_bias": True}, r"config\.json, key attention_bias"),
        ({"mlp_bias": True}, "key mlp_bias"),
        ({"norm_bias": True}, "key norm_bias.*Found true"),
        ({"decoder_bias": False}, "key decoder_bias"),
        ({"classifier_bias": True}, "key classifier_bias"),
        ({"hidden_activation": "silu"}, "key hidden_activation"),
        ({"rope_scaling": {"type": "linear", "factor": 2.0}}, "key rope_scaling"),
        ({"layer_types": ["full_attention"]}, "layer_types has 1 entries, num_hidden_layers is 4"),
        ({"layer_types": ["chunked_attention"] * 4}, r"key layer_types\.0"),
        ({"hidden_size": 18}, r"hidden_size \(18\) must be an even multiple"),
        ({"global_attn_every_n_layers": 0}, "must be integers above 0"),
        ({"rope_parameters": {"full_attention": {"rope_type": "yarn"}}}, "rope_type is 'yarn'; expected 'default'"),
        (
            {"rope_parameters": {"full_attention": {"partial_rotary_factor": 0.5}}},
            "partial_rotary_factor is not obeyed",
        ),
        ({"rope_parameters": {"rope_theta": 1.0}}, r"rope_parameters\.rope_theta is not obeyed"),
        ({"rope_parameters": "linear"}, "rope_parameters is not an object"),
        ({"rope_parameters": {"full_attention": 1.0}}, r"rope_parameters\.full_attention is not an object"),
        (
            {"global_rope_theta": 1.0, "rope_parameters": {"full_attention": {"rope_theta": 2.0}}},
            r"global_rope_theta and rope_parameters\.full_attention\.rope_theta differ",
        ),
    ],
)
def test_what_is_not_computed_is_refused_by_name(changes, message):
    with pytest.raises(UsageError, match=message):
        parse({**SIZES, **changes})
