"""Exports: what other libraries load."""

import json

import numpy as np
import pytest

from berth.errors import UsageError
from berth.stage import Directory
from berth.stage.inputs import Inputs
from support.trainer_files import VOCABULARY
from trainer import models
from trainer.checkpoints import checkpoint, safetensors
from trainer.checkpoints.initial_weights import load
from trainer.engines import Settings, create
from trainer.models import read_configuration
from trainer.models.bert import huggingface
from trainer.serving.export import export, export_other


@pytest.fixture(scope="module")
def model(golden, tmp_path_factory):
    """The golden model as if Berth had trained it."""
    directory = tmp_path_factory.mktemp("model")
    config = read_configuration(str(golden / "bert_config.json"))
    engine = create("tensorflow", Settings(config))
    arrays = load(str(golden / "model.ckpt-28252"), engine.shapes, models.get("bert"), seed=0, stddev=0.02)
    safetensors.write(str(directory / checkpoint.name(3)), arrays, {"step": 3})
    (directory / "bert_config.json").write_bytes(config.to_json())
    tokens = VOCABULARY.read_text().split("\n")[: config.vocab_size]
    (directory / "vocab.txt").write_text("\n".join(tokens) + "\n")
    (directory / "training.json").write_text(json.dumps({"lower_case": False}))
    return directory


def run(model, directory, kind):
    return export(model=Inputs.of(str(model / "checkpoint-*")), format=kind, destination=Directory(str(directory)))


@pytest.fixture(scope="module")
def exported(model, tmp_path_factory):
    """The golden model as a Hugging Face directory."""
    directory = tmp_path_factory.mktemp("export") / "huggingface"
    run(model, directory, "huggingface")
    return directory


def test_a_hugging_face_directory_holds_what_transformers_reads(exported, model):
    assert {path.name for path in exported.glob("[!.]*")} == {
        "config.json",
        "manifest.json",
        "model.safetensors",
        "tokenizer_config.json",
        "vocab.txt",
    }
    config = json.loads((exported / "config.json").read_text())
    assert (config["model_type"], config["architectures"]) == ("bert", ["BertForPreTraining"])
    assert config["hidden_size"] == 32 and config["layer_norm_eps"] == 1e-12
    assert json.loads((exported / "tokenizer_config.json").read_text())["do_lower_case"] is False
    assert (exported / "vocab.txt").read_bytes() == (model / "vocab.txt").read_bytes()
    arrays, _ = safetensors.read(str(exported / "model.safetensors"))
    ours, _ = safetensors.read(str(model / checkpoint.name(3)))
    assert len(arrays) == len(ours)
    np.testing.assert_array_equal(
        arrays["bert.encoder.layer.1.intermediate.dense.weight"],
        ours["bert/encoder/layer_1/intermediate/dense/kernel"].T,
    )


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("bert/embeddings/token_type_embeddings", "bert.embeddings.token_type_embeddings.weight"),
        ("bert/embeddings/LayerNorm/beta", "bert.embeddings.LayerNorm.bias"),
        ("bert/encoder/layer_11/attention/self/key/bias", "bert.encoder.layer.11.attention.self.key.bias"),
        ("bert/encoder/layer_0/output/LayerNorm/gamma", "bert.encoder.layer.0.output.LayerNorm.weight"),
        ("bert/pooler/dense/kernel", "bert.pooler.dense.weight"),
        ("cls/predictions/transform/LayerNorm/gamma", "cls.predictions.transform.LayerNorm.weight"),
        ("cls/predictions/output_bias", "cls.predictions.bias"),
        ("cls/seq_relationship/output_weights", "cls.seq_relationship.weight"),
    ],
)
def test_names(ours, theirs):
    assert huggingface.name_of(ours) == theirs


def test_a_saved_model_takes_token_ids_and_gives_the_logits(golden, model, batch, tmp_path):
    import tensorflow as tf

    run(model, tmp_path / "savedmodel", "savedmodel")
    signature = tf.saved_model.load(str(tmp_path / "savedmodel")).signatures["serving_default"]
    names = ("input_ids", "input_mask", "segment_ids", "masked_lm_positions")
    outputs = signature(**{name: tf.constant(batch[name]) for name in names})
    with np.load(golden / "hf_logits.npz") as expected:
        np.testing.assert_allclose(outputs["masked_lm_logits"], expected["mlm_logits_gelu"], atol=1e-5)
        np.testing.assert_allclose(outputs["next_sentence_logits"], expected["nsp_logits_gelu"], atol=1e-5)


def test_an_encoder_holds_neither_heads_nor_slots_and_starts_a_training(golden, model, tmp_path, caplog):
    """Its files are the loader's own kind: the same weights, with new heads; the vocabulary beside them is checked."""
    run(model, tmp_path / "encoder", "encoder")
    assert {path.name for path in (tmp_path / "encoder").glob("[!.]*")} == {
        "bert_config.json",
        "encoder.safetensors",
        "manifest.json",
        "tokenizer_config.json",
        "vocab.txt",
    }
    arrays, state = safetensors.read(str(tmp_path / "encoder" / "encoder.safetensors"))
    before, _ = safetensors.read(str(model / checkpoint.name(3)))
    assert set(arrays) == {name for name in before if name.startswith("bert/")} and state["step"] == 3
    assert (tmp_path / "encoder" / "bert_config.json").read_bytes() == (model / "bert_config.json").read_bytes()
    shapes = {name: array.shape for name, array in before.items()}
    loaded = load(str(tmp_path / "encoder"), shapes, models.get("bert"), seed=0, stddev=0.02)
    assert all((loaded[name] == before[name]).all() for name in arrays)
    assert any("initialized at random: cls/predictions/output_bias" in line for line in caplog.messages)


@pytest.mark.parametrize("kind", ["tf1", "tf2"])
def test_a_training_runs_model_as_a_tensorflow_checkpoint_starts_another(model, tmp_path, kind):
    """Without the optimizer's slots; the step is in TF1's own variable."""
    import tensorflow as tf

    run(model, tmp_path / kind, kind)
    prefix = tf.train.latest_checkpoint(str(tmp_path / kind))
    before, _ = safetensors.read(str(model / checkpoint.name(3)))
    loaded = load(prefix, {name: array.shape for name, array in before.items()}, models.get("bert"), 0, 0.02)
    assert all((loaded[name] == before[name]).all() for name in before)
    if kind == "tf1":
        assert {name for name, _ in tf.train.list_variables(prefix)} == {*before, "global_step"}
        assert tf.train.load_variable(prefix, "global_step") == 3


def test_a_hugging_face_directory_becomes_a_tensorflow_checkpoint(exported, model, tmp_path):
    import tensorflow as tf

    export_other(uri=str(exported), format="tf1", destination=Directory(str(tmp_path / "tf1")))
    before, _ = safetensors.read(str(model / checkpoint.name(3)))
    prefix = str(tmp_path / "tf1" / "bert_model.ckpt")
    assert {name for name, _ in tf.train.list_variables(prefix)} == set(before)
    assert all((tf.train.load_variable(prefix, name) == before[name]).all() for name in before)


def test_another_format_is_refused(model, tmp_path):
    with pytest.raises(UsageError, match="no such export format"):
        run(model, tmp_path / "onnx", "onnx")


@pytest.mark.torch
def test_transformers_load_every_key_and_give_the_same_logits(exported, golden, batch):
    import torch
    import transformers

    loaded, info = transformers.BertForPreTraining.from_pretrained(exported, output_loading_info=True)
    assert not any(info.values()), info
    loaded.eval()
    with torch.no_grad():
        outputs = loaded(
            input_ids=torch.tensor(batch["input_ids"], dtype=torch.long),
            attention_mask=torch.tensor(batch["input_mask"], dtype=torch.long),
            token_type_ids=torch.tensor(batch["segment_ids"], dtype=torch.long),
        )
    positions = batch["masked_lm_positions"][:, :, None]
    logits = np.take_along_axis(outputs.prediction_logits.numpy(), positions, axis=1)
    with np.load(golden / "hf_logits.npz") as expected:
        np.testing.assert_allclose(logits, expected["mlm_logits_gelu"], atol=1e-4)
        np.testing.assert_allclose(outputs.seq_relationship_logits, expected["nsp_logits_gelu"], atol=1e-4)


@pytest.mark.torch
def test_transformers_load_a_model_without_next_sentence_head(model, tmp_path, batch):
    """Trained for `objective: mlm`: no head and, in transformers, no pooler."""
    import torch
    import transformers

    arrays, _ = safetensors.read(str(model / checkpoint.name(3)), lambda name: "seq_relationship" not in name)
    (tmp_path / "model").mkdir()
    for name in checkpoint.DESCRIPTION:
        (tmp_path / "model" / name).write_bytes((model / name).read_bytes())
    safetensors.write(str(tmp_path / "model" / checkpoint.name(3)), arrays, {"step": 3})
    run(tmp_path / "model", tmp_path / "out", "huggingface")
    loaded, info = transformers.BertForMaskedLM.from_pretrained(tmp_path / "out", output_loading_info=True)
    assert not any(info.values()), info
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "out")
    with torch.no_grad():
        logits = loaded.eval()(**tokenizer("a [MASK]", return_tensors="pt")).logits
    assert logits.shape[-1] == 200
