"""bert_config.json is read and written unchanged."""

import json

import pytest

from berth.errors import BerthError
from berth.recipe import ModelConfig
from trainer.models import read_configuration
from trainer.models.bert.configuration import BertConfig


def test_a_file_comes_back_as_it_was_with_keys_of_others(tmp_path):
    content = {
        "directionality": "bidi",
        "hidden_act": "gelu",
        "hidden_size": 32,
        "num_attention_heads": 2,
        "pooler_fc_size": 768,
        "vocab_size": 200,
    }
    path = tmp_path / "bert_config.json"
    path.write_text(json.dumps(content))
    config = read_configuration(str(path))
    assert config.head_size == 16
    assert json.loads(config.to_json()) == content


def test_a_recipes_model_becomes_a_configuration_with_the_size_of_the_vocabulary():
    config = BertConfig.of(ModelConfig(hidden_size=64, num_attention_heads=4), vocab_size=99)
    assert "architecture" not in json.loads(config.to_json())
    assert json.loads(config.to_json())["vocab_size"] == 99
    assert BertConfig(**json.loads(config.to_json())) == config


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "not JSON"),
        ("[]", "not a JSON object"),
        ("{}", "vocab_size"),
        ('{"vocab_size": 10, "hidden_size": 10, "num_attention_heads": 3}', "multiple of num_attention_heads"),
        ('{"vocab_size": 10, "hidden_act": "swish"}', "hidden_act"),
        ('{"vocab_size": 10, "model_type": "t5"}', "model_type: .*unknown architecture.* Found t5.*bert"),
    ],
)
def test_what_is_not_a_bert_is_refused_with_its_location(tmp_path, text, message):
    path = tmp_path / "bert_config.json"
    path.write_text(text)
    with pytest.raises(BerthError, match=message) as error:
        read_configuration(str(path))
    assert str(path) in str(error.value)
