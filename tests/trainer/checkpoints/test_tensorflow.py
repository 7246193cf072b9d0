"""TensorFlow checkpoints that are written: equal tensors under equal names, in the graphs that others load."""

import json
import re
import shutil

import numpy as np
import pytest

from berth.app.cli import main
from berth.errors import BerthError, UsageError
from berth.stage import Directory
from support.trainer_files import GOLDEN, VOCABULARY
from trainer.serving.export import export_other

TF1, TF2 = GOLDEN / "model", GOLDEN / "model_tf2"  # the second is of the Model Garden's own classes
GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The golden checkpoints as they are published: with configuration and vocabulary next to them."""
    directory = tmp_path_factory.mktemp("published")
    for path in [*TF1.glob("model.ckpt-28252.*"), *TF2.glob("*.ckpt.*"), TF1 / "bert_config.json"]:
        shutil.copy(path, directory)
    tokens = VOCABULARY.read_text().split("\n")[:200]
    (directory / "vocab.txt").write_text("\n".join(tokens) + "\n")
    return directory


@pytest.fixture(scope="module")
def written(published, tmp_path_factory):
    """The golden checkpoint, exported in both formats."""
    directory = tmp_path_factory.mktemp("written")
    for kind in ("tf1", "tf2"):
        convert(published / "model.ckpt-28252", kind, directory / kind)
    return directory


def convert(prefix, kind, directory):
    export_other(uri=str(prefix), format=kind, destination=Directory(str(directory)))
    return directory / "bert_model.ckpt"


def tensors(prefix):
    import tensorflow as tf

    return {name: tf.train.load_variable(str(prefix), name) for name, _ in tf.train.list_variables(str(prefix))}


def model_variables(prefix):
    """All but optimizer slots."""
    return {name: value for name, value in tensors(prefix).items() if "adam" not in name}


def assert_equal(found, expected):
    assert set(found) == set(expected)
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value, err_msg=name)
        assert found[name].dtype == value.dtype


def objects(prefix):
    """The checkpoint's tensor at each path through its objects: what an object-based loader follows."""
    from tensorflow.core.protobuf import trackable_object_graph_pb2

    found = tensors(prefix)
    nodes = trackable_object_graph_pb2.TrackableObjectGraph.FromString(found[GRAPH]).nodes

    def at(path):
        number = 0
        for part in path.split("/"):
            name = re.sub(r"\.(.)", lambda match: {".": ".", "S": "/"}[match.group(1)], part)
            number = next(child.node_id for child in nodes[number].children if child.local_name == name)
        return found[nodes[number].attributes[0].checkpoint_key]

    return at


def test_tf1_gives_equal_tensors_under_equal_names_without_slots(written):
    expected = model_variables(TF1 / "model.ckpt-28252")
    assert "global_step" in expected and len(expected) > 40
    assert_equal(tensors(written / "tf1" / "bert_model.ckpt"), expected)


def test_googles_loader_finds_every_variable_of_its_graph(written):
    """`get_assignment_map_from_checkpoint` in google-research/bert: a variable is loaded if its name is there."""
    import tensorflow as tf

    from trainer.engines import Settings, create
    from trainer.models import read_configuration

    shapes = create("tensorflow", Settings(read_configuration(str(written / "tf1" / "bert_config.json")))).shapes
    found = dict(tf.train.list_variables(tf.train.latest_checkpoint(str(written / "tf1"))))
    assert {name: tuple(found[name]) for name in shapes} == dict(shapes)


@pytest.mark.parametrize(
    ("golden", "pattern", "place"),
    [
        ("encoder", "^encoder/", "encoder/"),
        ("encoder", "^encoder/", "model/"),  # as the first BERT checkpoints in TF2 were saved
        ("pretrainer", "^encoder/", "encoder/"),
        ("pretrainer", "^encoder/", "model/encoder_network/"),
        ("pretrainer", "^masked_lm/", "model/masked_lm/"),
        ("pretrainer", r"^next_sentence\.\.pooler_dense/", "model/classification_heads/0/dense/"),
    ],
)
def test_the_model_gardens_objects_find_every_tensor(written, golden, pattern, place):
    """The functional `BertEncoder`, `BertEncoderV2`, the heads, and a pre-trainer that is saved whole."""
    suffix, at = "/.ATTRIBUTES/VARIABLE_VALUE", objects(written / "tf2" / "bert_model.ckpt")
    expected = {key.removesuffix(suffix): value for key, value in tensors(TF2 / f"{golden}.ckpt").items()}
    del expected[GRAPH]
    assert len(expected) > 38 and any(re.search(pattern, path) for path in expected)
    for path, value in expected.items():
        if not (golden == "pretrainer" and "_pooler_layer" in path):  # random there, see its README.md
            np.testing.assert_array_equal(at(re.sub(pattern, place, path)), value, err_msg=path)


def test_there_and_back_gives_equal_tensors_and_equal_bytes(written, tmp_path):
    there = convert(written / "tf2" / "bert_model.ckpt", "tf1", tmp_path / "tf1")
    before = model_variables(written / "tf1" / "bert_model.ckpt")
    del before["global_step"]  # an object-based checkpoint has none
    assert_equal(tensors(there), before)
    again = convert(there, "tf2", tmp_path / "tf2")
    for name in ("bert_model.ckpt.index", "bert_model.ckpt.data-00000-of-00001"):
        assert (again.parent / name).read_bytes() == (written / "tf2" / name).read_bytes()


def test_an_encoder_without_heads_is_written_without_them(published, tmp_path):
    names = tensors(convert(published / "encoder.ckpt", "tf1", tmp_path / "tf1"))
    assert "bert/pooler/dense/kernel" in names and not any(name.startswith("cls/") for name in names)
    keys = tensors(convert(published / "encoder.ckpt", "tf2", tmp_path / "tf2"))
    assert all(key.startswith(("encoder/", GRAPH)) for key in keys)  # no variable is of a head


def test_an_export_is_complete_or_absent(written):
    for kind in ("tf1", "tf2"):
        listed = {entry["path"] for entry in json.loads((written / kind / "manifest.json").read_text())["files"]}
        assert listed == {
            "bert_config.json",
            "bert_model.ckpt.data-00000-of-00001",
            "bert_model.ckpt.index",
            "checkpoint",
            "vocab.txt",
        }
        assert {path.name for path in (written / kind).iterdir()} == {*listed, "manifest.json", ".revisions.json"}


def test_the_configuration_is_in_the_words_of_the_programs_that_read_it(published, tmp_path):
    """google-research and the Model Garden refuse `gelu_new`, and compute the approximation for `gelu`."""
    directory = shutil.copytree(published, tmp_path / "published")
    config = json.loads((directory / "bert_config.json").read_text())
    (directory / "bert_config.json").write_text(json.dumps({**config, "hidden_act": "gelu_new"}))
    written = convert(directory / "model.ckpt-28252", "tf1", tmp_path / "out").parent
    assert json.loads((written / "bert_config.json").read_text()) == {**config, "hidden_act": "gelu"}


def test_other_formats_are_for_training_runs(published, tmp_path):
    with pytest.raises(UsageError, match=r"only converted to a TensorFlow checkpoint.*'tensorflow'.*tf1 or tf2"):
        convert(published / "model.ckpt-28252", "huggingface", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_checkpoint_of_another_model_is_refused(published, tmp_path):
    directory = shutil.copytree(published, tmp_path / "published")
    config = json.loads((directory / "bert_config.json").read_text())
    (directory / "bert_config.json").write_text(json.dumps({**config, "num_hidden_layers": 3}))
    with pytest.raises(BerthError, match=r"another model.*bert/encoder/layer_2/"):
        convert(directory / "model.ckpt-28252", "tf2", tmp_path / "out")
    (directory / "bert_config.json").unlink()
    with pytest.raises(BerthError, match=r"neither bert_config\.json nor"):
        convert(directory / "model.ckpt-28252", "tf2", tmp_path / "other")


def test_the_command_takes_a_published_checkpoint(published, written, tmp_path, monkeypatch, capsys):
    prefix, output = str(published / "model.ckpt-28252"), str(tmp_path / "out")
    monkeypatch.setattr("sys.argv", ["berth", "export", "--checkpoint", prefix, "--format", "tf1", "--output", output])
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    assert capsys.readouterr().out.strip() == output
    name = "bert_model.ckpt.data-00000-of-00001"
    assert (tmp_path / "out" / name).read_bytes() == (written / "tf1" / name).read_bytes()
