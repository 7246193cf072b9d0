"""The accuracy before the first update shows whether a checkpoint was loaded as its authors meant it."""

import json

import numpy as np
import pytest
import tensorflow as tf

from berth.errors import BerthError
from berth.recipe import Recipe
from berth.stage import Directory
from berth.stage.inputs import Inputs
from trainer.loop.train import train

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


@pytest.fixture(scope="module")
def files(golden, tmp_path_factory):
    """The golden batch as records, of whose masked tokens Hugging Face's BERT guesses three quarters right.

    It has the golden checkpoint's weights too, so this is what the checkpoint's authors would have measured.
    """
    directory = tmp_path_factory.mktemp("records")
    (directory / "vocab.txt").write_text("\n".join([*SPECIAL, *(f"w{number}" for number in range(195))]) + "\n")
    with np.load(golden / "hf_logits.npz") as content:
        batch = {name: content[name] for name in content.files if "logits" not in name and "loss" not in name}
        batch["masked_lm_ids"] = content["mlm_logits_gelu"].argmax(axis=-1)
    batch["masked_lm_weights"] = np.ones_like(batch["masked_lm_weights"])
    batch["masked_lm_ids"][:, ::4] = 7 + (batch["masked_lm_ids"][:, ::4] == 7)
    with tf.io.TFRecordWriter(str(directory / "records.tfrecord")) as writer:
        for index in range(len(batch["input_ids"])):
            writer.write(_example({name: values[index] for name, values in batch.items()}))
    return {
        "records": Inputs.of(str(directory / "records.tfrecord")),
        "vocabulary": Inputs.of(str(directory / "vocab.txt")),
    }


def _example(features):
    encoded = {}
    for name, values in features.items():
        if values.dtype == np.float32:
            encoded[name] = tf.train.Feature(float_list=tf.train.FloatList(value=values))
        else:
            encoded[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=values))
    return tf.train.Example(features=tf.train.Features(feature=encoded)).SerializeToString()


def begin(golden, files, directory, accuracy, **how):
    shape = json.loads((golden / "bert_config.json").read_text())
    del shape["vocab_size"]
    phase = {"name": "only", "records": "short", "steps": 1, "batch_size": 4, "learning_rate": 0.001}
    recipe = Recipe.model_validate(
        {
            "name": "golden",
            "corpus": {"sources": [{"path": "dump.bz2"}]},
            "segmentation": {"eval_documents": 1},
            "records": {"short": {"max_seq_length": 48, "max_predictions": 8}},
            "model": shape,
            "initial_checkpoint": str(golden / "model.ckpt-28252"),
            "initialization": {"accuracy": accuracy, **how},
            "training": {"phases": [phase]},
            "evaluation": {"records": "short", "every_steps": 1},
        }
    )
    return train(
        recipe=recipe,
        records={"short": files["records"]},
        vocabulary=files["vocabulary"],
        evaluation=files["records"],
        destination=Directory(str(directory)),
    )


def test_a_checkpoint_of_the_accuracy_that_is_expected_is_trained_on(golden, files, tmp_path):
    begin(golden, files, tmp_path / "out", {"value": 0.75, "tolerance": 1e-6})
    (start, _) = (json.loads(line) for line in (tmp_path / "out" / "evaluations.jsonl").read_text().splitlines())
    assert (start["step"], start["masked_lm_accuracy"]) == (0, 0.75)


def test_another_accuracy_is_an_error_before_any_update(golden, files, tmp_path):
    with pytest.raises(BerthError, match="before the first update") as error:
        begin(golden, files, tmp_path / "out", {"value": 0.34085})
    text = str(error.value)
    assert "model.ckpt-28252" in text
    assert "Found masked_lm_accuracy 0.75000. Expected 0.34085 ± 0.01 (initialization.accuracy)." in text
    assert "vocabulary.lower_case" in text and "gelu_new" in text
    assert not list((tmp_path / "out").glob("checkpoint-*"))


def test_files_of_the_checkpoint_are_checked_before_it_is_loaded(golden, files, tmp_path):
    other = {"bert_config.json": {"md5": "7f59165e21b7d566db610ff6756c926b"}}
    with pytest.raises(BerthError, match=r"bert_config\.json: this is not the file that the recipe expects"):
        begin(golden, files, tmp_path / "out", {"value": 0.75}, expected=other)
