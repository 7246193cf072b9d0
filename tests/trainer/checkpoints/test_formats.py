"""Checkpoints of other programs: every known layout gives the same weights, and what is wrong is named."""

import json

import numpy as np
import pytest

from berth import storage
from berth.errors import BerthError
from support.trainer_files import GOLDEN
from trainer import models
from trainer.checkpoints import checkpoint, safetensors
from trainer.checkpoints import initial_weights as weights
from trainer.checkpoints.checkpoint import Checkpoint
from trainer.models.bert import huggingface, tensorflow_names

TF1 = str(GOLDEN / "model" / "model.ckpt-28252")
TF2 = GOLDEN / "model_tf2"  # of the Model Garden's own classes; see README.md there
SHAPES = {
    "bert/embeddings/word_embeddings": (9, 4),
    "bert/embeddings/position_embeddings": (6, 4),
    "bert/embeddings/token_type_embeddings": (2, 4),
    "bert/embeddings/LayerNorm/gamma": (4,),
    "bert/embeddings/LayerNorm/beta": (4,),
    "bert/encoder/layer_0/attention/self/query/kernel": (4, 4),
    "bert/encoder/layer_0/attention/self/query/bias": (4,),
    "bert/encoder/layer_0/attention/output/dense/kernel": (4, 4),
    "bert/encoder/layer_0/attention/output/LayerNorm/beta": (4,),
    "bert/encoder/layer_0/intermediate/dense/kernel": (4, 8),
    "bert/encoder/layer_0/output/dense/kernel": (8, 4),
    "bert/pooler/dense/kernel": (4, 4),
    "cls/predictions/output_bias": (9,),
    "cls/seq_relationship/output_weights": (2, 4),
}
ARRAYS = {
    name: np.random.default_rng(index).normal(size=shape).astype(np.float32)
    for index, (name, shape) in enumerate(SHAPES.items())
}
# The paths of the same variables in an older functional encoder, as the Model Garden's trainer saved it.
LAYER = "model/layer_with_weights-4"
OLD_PATHS = {
    "bert/embeddings/word_embeddings": "model/layer_with_weights-0/embeddings",
    "bert/embeddings/position_embeddings": "model/layer_with_weights-1/embeddings",
    "bert/embeddings/token_type_embeddings": "model/layer_with_weights-2/embeddings",
    "bert/embeddings/LayerNorm/gamma": "model/layer_with_weights-3/gamma",
    "bert/embeddings/LayerNorm/beta": "model/layer_with_weights-3/beta",
    "bert/encoder/layer_0/attention/self/query/kernel": f"{LAYER}/_attention_layer/_query_dense/kernel",
    "bert/encoder/layer_0/attention/self/query/bias": f"{LAYER}/_attention_layer/_query_dense/bias",
    "bert/encoder/layer_0/attention/output/dense/kernel": f"{LAYER}/_attention_output_dense/kernel",
    "bert/encoder/layer_0/attention/output/LayerNorm/beta": f"{LAYER}/_attention_layer_norm/beta",
    "bert/encoder/layer_0/intermediate/dense/kernel": f"{LAYER}/_intermediate_dense/kernel",
    "bert/encoder/layer_0/output/dense/kernel": f"{LAYER}/_output_dense/kernel",
    "bert/pooler/dense/kernel": "model/layer_with_weights-5/kernel",
}
# The same in a pre-trainer that was saved whole.
TRAINER_PATHS = {
    name: path.replace("model/layer", "model/encoder_network/layer")
    for name, path in OLD_PATHS.items()
    if not name.startswith(("bert/pooler", "bert/embeddings/word"))
} | {
    "bert/embeddings/word_embeddings": "model/masked_lm/embedding_table",
    "cls/predictions/output_bias": "model/masked_lm/output_bias\tbias",  # the attribute is called output_bias/bias
    "bert/pooler/dense/kernel": "model/classification_heads/0/dense/kernel",
    "cls/seq_relationship/output_weights": "model/classification_heads/0/out_proj/kernel",
}


def in_heads(name, array):
    """The array as an einsum over two heads has it."""
    if "/attention/self/" in name:
        return array.reshape(*array.shape[:-1], 2, -1)
    if name.endswith("/attention/output/dense/kernel"):
        return array.reshape(2, -1, array.shape[-1])
    return array.T if name == "cls/seq_relationship/output_weights" else array


def write_tf2(prefix, arrays, paths):
    """Save a tree of objects whose paths are the given ones, with an optimizer's slots beside them."""
    import tensorflow as tf

    def node(content):
        if not isinstance(content, dict):
            return tf.Variable(content)
        if all(key.isdecimal() for key in content):
            return [node(content[key]) for key in sorted(content)]
        module = tf.Module()
        for key, inner in content.items():
            setattr(module, key.replace("\t", "/"), node(inner))
        return module

    tree = {}
    for name, array in arrays.items():
        if name in paths:
            *directories, last = paths[name].split("/")
            place = tree
            for directory in directories:
                place = place.setdefault(directory, {})
            place[last] = in_heads(name, array)
    tf.train.Checkpoint(global_step=tf.Variable(3), **{key: node(inner) for key, inner in tree.items()}).write(prefix)
    return prefix


def write_tf1(prefix, arrays):
    import tensorflow as tf

    names = [*arrays, "global_step"]
    tensors = [tf.constant(array) for array in arrays.values()] + [tf.constant(3)]
    tf.raw_ops.SaveV2(prefix=prefix, tensor_names=names, shape_and_slices=[""] * len(names), tensors=tensors)
    return prefix


def write_huggingface(directory, arrays):
    theirs = {huggingface.name_of(name): huggingface.convert(name, array) for name, array in arrays.items()}
    safetensors.write(f"{directory}/model.safetensors", theirs)
    (directory / "config.json").write_text(json.dumps({"model_type": "bert"}))
    return str(directory)


def write_own(directory, arrays):
    safetensors.write(str(directory / checkpoint.name(4)), arrays, {"step": 4})
    return str(directory)


WRITERS = {
    "tf1": lambda directory, arrays: write_tf1(str(directory / "model.ckpt-3"), arrays),
    "tf2": lambda directory, arrays: write_tf2(str(directory / "bert_model.ckpt"), arrays, TRAINER_PATHS),
    "huggingface": write_huggingface,
    "own": write_own,
}


def load(uri, shapes=SHAPES):
    return weights.load(uri, shapes, models.get("bert"), seed=1, stddev=0.02)


def shapes_of(prefix):
    import tensorflow as tf

    shapes = tf.train.load_checkpoint(prefix).get_variable_to_shape_map()
    return {
        name: tuple(shape)
        for name, shape in shapes.items()
        if name.startswith(("bert/", "cls/")) and "adam" not in name
    }


def test_a_tf2_encoder_gives_the_weights_of_the_tf1_checkpoint_it_was_made_from(caplog):
    shapes = shapes_of(TF1)
    expected, found = load(TF1, shapes), load(str(TF2 / "encoder.ckpt"), shapes)
    heads = {name for name in shapes if name.startswith("cls/")}
    for name in set(shapes) - heads:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
    (warning,) = [message for message in caplog.messages if "initialized at random" in message]
    assert all(name in warning for name in heads)
    assert found["cls/predictions/transform/dense/kernel"].std() > 0.01


def test_a_tf2_pretrainer_gives_every_weight_and_the_pooler_that_was_trained(caplog):
    shapes = shapes_of(TF1)
    expected, found = load(TF1, shapes), load(str(TF2 / "pretrainer.ckpt"), shapes)
    for name in shapes:
        np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
    assert not caplog.messages
    assert len(Checkpoint.find(str(TF2 / "pretrainer.ckpt")).files.files) == 2


@pytest.mark.parametrize("paths", [OLD_PATHS, TRAINER_PATHS], ids=["encoder as model", "whole pre-trainer"])
def test_other_places_of_the_encoder_in_a_tf2_checkpoint(tmp_path, paths):
    found = load(write_tf2(str(tmp_path / "bert_model.ckpt"), ARRAYS, paths))
    assert {name: array.shape for name, array in found.items()} == SHAPES
    for name in paths:
        np.testing.assert_array_equal(found[name], ARRAYS[name], err_msg=name)


def test_slots_and_counters_are_no_weights():
    keys = {
        "model/layer_with_weights-3/gamma/.ATTRIBUTES/VARIABLE_VALUE",
        "model/layer_with_weights-3/gamma/.OPTIMIZER_SLOT/optimizer/m/.ATTRIBUTES/VARIABLE_VALUE",
        "model/layer_with_weights-9/_unknown_dense/kernel/.ATTRIBUTES/VARIABLE_VALUE",
        "save_counter/.ATTRIBUTES/VARIABLE_VALUE",
        "_CHECKPOINTABLE_OBJECT_GRAPH",
    }
    assert list(tensorflow_names.keys_by_name(keys)) == ["bert/embeddings/LayerNorm/gamma"]


@pytest.mark.parametrize("kind", WRITERS)
def test_each_variable_that_is_missing_or_misshaped_is_named_in_every_format(tmp_path, kind):
    gone = ("bert/embeddings/position_embeddings", "bert/encoder/layer_0/intermediate/dense/kernel")
    uri = WRITERS[kind](tmp_path, {name: array for name, array in ARRAYS.items() if name not in gone})
    other = {**SHAPES, "bert/pooler/dense/kernel": (6, 6), "cls/predictions/output_bias": (10,)}
    with pytest.raises(BerthError, match="belongs to another model") as error:
        load(uri, other)
    for name in gone:
        assert name in str(error.value)
    assert "bert/pooler/dense/kernel [4, 4] where the model has [6, 6]" in str(error.value)
    assert "cls/predictions/output_bias [9] where the model has [10]" in str(error.value)
    assert "layer_0/output/dense" not in str(error.value)


def test_what_is_no_bert_or_cannot_be_read_is_said_so(tmp_path):
    with pytest.raises(BerthError, match=r"holds no encoder of the architecture .bert..*model/dense/kernel"):
        load(
            write_tf2(str(tmp_path / "x.ckpt"), {"a": ARRAYS["bert/pooler/dense/kernel"]}, {"a": "model/dense/kernel"})
        )
    (tmp_path / "broken.ckpt.index").write_bytes(b"nothing")
    (tmp_path / "broken.ckpt.data-00000-of-00001").write_bytes(b"nothing")
    with pytest.raises(BerthError, match=r"broken\.ckpt: the TensorFlow checkpoint cannot be read"):
        load(str(tmp_path / "broken.ckpt"))


@pytest.mark.parametrize("kept", [0, 1, 100])
def test_a_data_file_that_was_cut_is_an_error(tmp_path, kept):
    prefix = write_tf2(str(tmp_path / "cut.ckpt"), ARRAYS, OLD_PATHS)
    data = tmp_path / f"{storage.basename(prefix)}.data-00000-of-00001"
    data.write_bytes(data.read_bytes()[:kept])
    with pytest.raises(BerthError, match=r"the TensorFlow checkpoint cannot be read"):
        load(prefix)


def test_a_directory_of_tensorflow_checkpoints_is_answered_with_their_prefixes(tmp_path):
    write_tf1(str(tmp_path / "bert_model.ckpt"), ARRAYS)
    with pytest.raises(BerthError, match=r"no checkpoint here.*with the prefix .*/bert_model\.ckpt\. Expected"):
        Checkpoint.find(str(tmp_path))


def test_pickled_hugging_face_weights_are_not_unpickled(tmp_path):
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(BerthError, match=r"no model\.safetensors.*a pickle.*safe_serialization=True"):
        Checkpoint.find(str(tmp_path))
