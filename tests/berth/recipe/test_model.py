"""The section `model`: each architecture has its keys, and refuses those of the other."""

import pytest
from pydantic import ValidationError

from berth.recipe import ModelConfig, Recipe
from berth.recipe.model import BERT_KEYS, MODERNBERT_KEYS


def test_the_keys_of_either_architecture_exist():
    assert {*BERT_KEYS, *MODERNBERT_KEYS} < set(ModelConfig.model_fields)


@pytest.mark.parametrize(
    ("architecture", "key", "value", "default"),
    [
        ("modernbert", "type_vocab_size", 1, "2"),
        ("modernbert", "hidden_dropout_prob", 0.0, "0.1"),
        ("modernbert", "layer_norm_eps", 1e-5, "1e-12"),
        ("bert", "local_attention", 8, "128"),
        ("bert", "global_rope_theta", 10000.0, "160000.0"),
        ("bert", "init_method", "normal", "megatron"),
    ],
)
def test_a_key_that_the_architecture_does_not_obey_is_refused(architecture, key, value, default):
    expected = rf"the architecture {architecture} does not obey {key} \({value}\).*\({key}: {default}\)"
    with pytest.raises(ValidationError, match=expected):
        ModelConfig(architecture=architecture, **{key: value})


def test_keys_at_their_defaults_are_no_contradiction():
    defaults = {key: ModelConfig.default(key) for key in (*BERT_KEYS, *MODERNBERT_KEYS)}
    assert ModelConfig(architecture="modernbert", **defaults).identity() == {"architecture": "modernbert"}
    assert ModelConfig(architecture="bert", **defaults).identity() == {}


def test_what_an_architecture_obeys_has_no_key_of_the_other():
    assert {*ModelConfig().obeyed()} & {*MODERNBERT_KEYS, "architecture"} == set()
    assert {*ModelConfig(architecture="modernbert").obeyed()} & {*BERT_KEYS, "architecture"} == set()


def test_rotary_embeddings_need_pairs_of_features():
    ModelConfig(hidden_size=9, num_attention_heads=3)
    with pytest.raises(ValidationError, match=r"hidden_size / num_attention_heads \(3\) must be even"):
        ModelConfig(architecture="modernbert", hidden_size=9, num_attention_heads=3)


def recipe(objective, **training):
    phase = {"name": "a", "records": "r", "steps": 1, "batch_size": 1, "learning_rate": 0.1}
    return Recipe.model_validate(
        {
            "name": "modern",
            "corpus": {"sources": [{"path": "dump.bz2"}]},
            "segmentation": {"eval_documents": 1},
            "records": {"r": {"objective": objective, "rng": "keyed"}},
            "model": {"architecture": "modernbert"},
            "training": {"phases": [phase], **training},
            "evaluation": {"records": "r"},
        }
    )


def test_modernbert_has_no_next_sentence_head():
    assert recipe("mlm").model.architecture == "modernbert"
    with pytest.raises(ValidationError, match=r"records\.r\.objective is mlm\+nsp, but.*set it to mlm"):
        recipe("mlm+nsp")


def test_modernbert_has_no_fused_attention():
    with pytest.raises(ValidationError, match=r"training\.attention: fused is not available for.*modernbert"):
        recipe("mlm", engine="jax", attention="fused")
