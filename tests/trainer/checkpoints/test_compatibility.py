"""What shows in no variable's shape: each key of the files next to a checkpoint is obeyed, or refused by name."""

import json
import re

import numpy as np
import pytest

from berth.errors import BerthError, UsageError
from trainer import models
from trainer.checkpoints import safetensors
from trainer.checkpoints.checkpoint import Checkpoint, name
from trainer.checkpoints.compatibility import check_case, check_model, described_case
from trainer.models import read_configuration
from trainer.models.bert.configuration import BertConfig

MODEL = BertConfig(
    vocab_size=7, hidden_size=4, num_attention_heads=2, num_hidden_layers=2, intermediate_size=8, hidden_act="gelu"
)
SAME = {"model_type": "bert", "vocab_size": 7, **MODEL.model_dump(exclude={"architecture", "vocab_size"})}
BERT = models.get("bert")
WORDS = np.arange(28, dtype=np.float32).reshape(7, 4)


def write_json(path, content):
    path.write_text(json.dumps(content))


@pytest.fixture
def source(tmp_path):
    """A Hugging Face directory with weights of two layers and a pooler."""
    arrays = {
        "bert.embeddings.word_embeddings.weight": WORDS,
        "bert.embeddings.LayerNorm.gamma": np.ones(4, np.float32),
        "bert.embeddings.position_ids": np.arange(4),
        "bert.encoder.layer.0.output.dense.bias": np.ones(4, np.float32),
        "bert.encoder.layer.1.attention.output.LayerNorm.weight": np.ones(4, np.float32),
        "bert.pooler.dense.bias": np.ones(4, np.float32),
        "cls.predictions.bias": np.ones(7, np.float32),
        "cls.predictions.decoder.weight": WORDS,
        "cls.predictions.decoder.bias": np.ones(7, np.float32),
        "cls.predictions.transform.LayerNorm.weight": np.ones(4, np.float32),
        "cls.seq_relationship.weight": np.ones((2, 4), np.float32),
        "cls.seq_relationship.bias": np.ones(2, np.float32),
        "classifier.weight": np.ones((2, 4), np.float32),
    }

    def write(**changes):
        safetensors.write(
            str(tmp_path / "model.safetensors"), {k: v for k, v in {**arrays, **changes}.items() if v is not None}
        )
        return Checkpoint.find(str(tmp_path))

    write_json(tmp_path / "config.json", SAME)
    write()
    write.directory = tmp_path
    return write


NAMES = ["bert/embeddings/word_embeddings", "cls/predictions/output_bias"]
NAMES += [f"bert/encoder/layer_{layer}/output/dense/bias" for layer in range(2)]


def test_the_same_model_is_accepted(source):
    check_model(source(), MODEL)
    found = source().read(NAMES, BERT)
    np.testing.assert_array_equal(found.arrays["bert/embeddings/word_embeddings"], WORDS)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model_type", "roberta"),
        ("hidden_act", "relu"),
        ("hidden_act", "gelu_new"),
        ("hidden_act", "silu"),
        ("layer_norm_eps", 1e-5),
        ("num_attention_heads", 4),
        ("num_hidden_layers", 3),
        ("position_embedding_type", "relative_key_query"),
        ("is_decoder", True),
        ("is_encoder_decoder", True),
        ("add_cross_attention", True),
        ("tie_word_embeddings", False),
        ("embedding_size", 2),
        ("pruned_heads", {"0": [1]}),
    ],
)
def test_another_model_is_refused_by_the_key(source, key, value):
    write_json(source.directory / "config.json", {**SAME, key: value})
    with pytest.raises(
        BerthError,
        match=rf"config\.json: the checkpoint belongs to another model. Found {key} {re.escape(json.dumps(value))}",
    ):
        check_model(source(), MODEL)


@pytest.mark.parametrize("key", ["position_embedding_type", "is_decoder", "tie_word_embeddings", "embedding_size"])
def test_evaluating_and_fine_tuning_such_a_model_is_refused_too(source, key):
    value = {"position_embedding_type": "relative_key", "embedding_size": 2}.get(key, key == "is_decoder")
    write_json(source.directory / "config.json", {**SAME, key: value})
    with pytest.raises(UsageError, match=rf"config\.json, key {key}: the model configuration is that of a model which"):
        read_configuration(str(source.directory / "config.json"))


@pytest.mark.parametrize(("theirs", "ours"), [("gelu_python", "gelu"), ("gelu_pytorch_tanh", "gelu_new")])
def test_other_names_of_an_activation_are_known(source, theirs, ours):
    write_json(source.directory / "config.json", {**SAME, "hidden_act": theirs})
    check_model(source(), MODEL.model_copy(update={"hidden_act": ours}))


def test_googles_gelu_may_be_either(tmp_path):
    """Their modeling.py has had both under this name."""
    safetensors.write(str(tmp_path / name(1)), {}, {"step": 1})
    write_json(tmp_path / "bert_config.json", {"hidden_act": "gelu"})
    for ours in ("gelu", "gelu_new"):
        check_model(Checkpoint.find(str(tmp_path)), MODEL.model_copy(update={"hidden_act": ours}))
    with pytest.raises(BerthError, match=r'Found hidden_act "gelu"\. Expected hidden_act "relu"'):
        check_model(Checkpoint.find(str(tmp_path)), MODEL.model_copy(update={"hidden_act": "relu"}))


def test_a_file_without_a_key_says_nothing_of_it(source):
    write_json(source.directory / "config.json", {"vocab_size": 7})
    check_model(source(), MODEL)


@pytest.mark.parametrize("content", ["[]", "{", '"x"', "1" * 5000, '{"a":' + "[" * 100_000, "", "\x00"])
def test_what_is_no_configuration_is_named(source, content):
    (source.directory / "config.json").write_text(content)
    with pytest.raises(UsageError, match=r"config\.json.*(not JSON|not a JSON object)"):
        check_model(source(), MODEL)


def test_a_byte_order_mark_is_ignored(source):
    (source.directory / "config.json").write_text("\ufeff" + json.dumps(SAME))
    check_model(source(), MODEL)


@pytest.mark.parametrize("key", ["cls.predictions.decoder.weight", "cls.predictions.decoder.bias"])
def test_a_decoder_of_its_own_is_refused(source, key):
    with pytest.raises(BerthError, match=rf"the model's {re.escape(key)} is not tied"):
        source(**{key: np.zeros_like(WORDS) if key.endswith("weight") else np.zeros(7, np.float32)}).read(NAMES, BERT)


@pytest.mark.parametrize(
    ("theirs", "second"),
    [
        ("bert.embeddings.word_embeddings.weight", "bert/embeddings/word_embeddings"),
        ("cls.predictions.bias", "cls/predictions/output_bias"),
    ],
)
def test_of_tied_weights_either_name_will_do(source, theirs, second):
    assert second in source(**{theirs: None}).read(NAMES, BERT).arrays


@pytest.mark.parametrize(
    "strange",
    [
        "bert.encoder.layer.0.attention.self.distance_embedding.weight",
        "bert.encoder.layer.0.crossattention.self.key.bias",
        "bert.embeddings_project.weight",
        "encoder.layer.0.adapter.weight",
        "cls.predictions.project.weight",
    ],
)
def test_weights_that_nothing_reads_are_an_error(source, strange):
    with pytest.raises(BerthError, match=rf"another model. Found 1 weights that nothing would read.*{strange}"):
        source(**{strange: np.ones((4, 4), np.float32)}).read(NAMES, BERT)


def test_so_they_are_with_our_own_names_while_slots_are_none(tmp_path):
    uri = str(tmp_path / name(1))
    slots = {f"bert/pooler/dense/bias/{slot}": np.ones(4, np.float32) for slot in ("m", "v")}
    safetensors.write(uri, {"bert/pooler/dense/bias": np.ones(4, np.float32), **slots}, {"step": 1})
    assert list(Checkpoint.find(uri).read(["bert/pooler/dense/bias"], BERT).arrays) == ["bert/pooler/dense/bias"]
    safetensors.write(uri, {"bert/pooler/norm/bias": np.ones(4, np.float32)}, {"step": 1})
    with pytest.raises(BerthError, match="nothing would read, for example bert/pooler/norm/bias"):
        Checkpoint.find(uri).read(["bert/pooler/dense/bias"], BERT)


def test_layers_beyond_those_of_the_configuration_are_an_error(source):
    with pytest.raises(BerthError, match=r"Found 2 layers\. Expected num_hidden_layers 1"):
        source().read(NAMES[:3], BERT, layers=1)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("do_lower_case", "false"),
        ("do_lower_case", 0),
        ("tokenizer_class", "RobertaTokenizer"),
        ("strip_accents", False),
        ("tokenize_chinese_chars", False),
        ("do_basic_tokenize", False),
    ],
)
def test_another_tokenizer_is_refused_by_the_key(source, key, value):
    write_json(source.directory / "tokenizer_config.json", {"do_lower_case": True, key: value})
    with pytest.raises(
        UsageError, match=rf"tokenizer_config\.json, key {key}: .*another tokenizer.*Found {json.dumps(value)}"
    ):
        check_case(source(), True)


def test_the_text_false_in_training_json_is_refused(source):
    write_json(source.directory / "training.json", {"lower_case": "false"})
    with pytest.raises(UsageError, match=r"training\.json, key lower_case: .*Expected true or false, without quotes"):
        described_case(str(source.directory))


def test_the_case_is_that_of_the_recipe(source):
    tokenizer = {"do_lower_case": False, "strip_accents": None, "tokenizer_class": "BertTokenizer"}
    write_json(source.directory / "tokenizer_config.json", tokenizer)
    check_case(source(), False)
    with pytest.raises(UsageError, match=r"for cased text, the recipe for the other. Found false.*lower_case: true"):
        check_case(source(), True)


def divided(directory):
    """Divide the weights of a Hugging Face directory into two files with an index, as those of large models are."""
    arrays, _ = safetensors.read(str(directory / "model.safetensors"))
    (directory / "model.safetensors").unlink()
    files = {name: f"model-0000{1 + index % 2}-of-00002.safetensors" for index, name in enumerate(sorted(arrays))}
    for file in set(files.values()):
        safetensors.write(str(directory / file), {name: arrays[name] for name in arrays if files[name] == file})
    write_json(directory / "model.safetensors.index.json", {"metadata": {}, "weight_map": files})


def test_weights_in_several_files_are_read(source):
    whole = source().read(NAMES, BERT).arrays
    divided(source.directory)
    found = Checkpoint.find(str(source.directory))
    assert {file.name for file in found.files.files} == {
        "config.json",
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
    }
    parts = found.read(NAMES, BERT).arrays
    assert set(parts) == set(whole) and all(np.array_equal(parts[name], whole[name]) for name in whole)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ({}, "the index names no files"),
        ({"weight_map": []}, "the index names no files"),
        ({"weight_map": {"a": "../other.safetensors"}}, "the index names no files"),
        ({"weight_map": {"a": 1}}, "the index names no files"),
        ({"weight_map": {"a": "model-00003-of-00003.safetensors"}}, "Found no model-00003-of-00003.safetensors"),
    ],
)
def test_an_index_without_its_files_is_an_error(source, index, message):
    divided(source.directory)
    write_json(source.directory / "model.safetensors.index.json", index)
    with pytest.raises(UsageError, match=message):
        _ = Checkpoint.find(str(source.directory)).files


@pytest.mark.parametrize("ending", ["", ".index", ".data-00000-of-00001"])
def test_a_tensorflow_checkpoint_may_be_named_by_any_of_its_files(tmp_path, ending):
    for file in ("model.ckpt-3.index", "model.ckpt-3.data-00000-of-00001"):
        (tmp_path / file).write_bytes(b"")
    found = Checkpoint.find(f"{tmp_path}/model.ckpt-3{ending}")
    assert (found.uri, found.kind) == (f"{tmp_path}/model.ckpt-3", "tensorflow")
