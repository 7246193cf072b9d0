"""The stage: its files, that the model learns, and that the same inputs give the same bytes."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from berth import storage
from berth.errors import BerthError, UsageError
from berth.stage import Directory
from support.finetuning_files import TOKENS, options
from trainer.checkpoints import checkpoint, safetensors
from trainer.finetuning.finetune import finetune
from trainer.models.bert.configuration import BertConfig

CLOCK = "manifest.json"  # holds a time


def figures(directory):
    return json.loads((directory / "finetuning.json").read_text())


def table(path):
    return [line.split("\t") for line in path.read_text().splitlines()]


def files(directory):
    return {str(path.relative_to(directory)): path.read_bytes() for path in directory.rglob("[!.]*") if path.is_file()}


def run(model, data, directory, seed=5, lower_case=None, **values):
    destination = Directory(str(directory))
    return finetune(
        options=options(data, **values), model=str(model), seed=seed, lower_case=lower_case, destination=destination
    )


def test_it_learns_what_can_be_learnt(finetuned):
    found = figures(finetuned)
    dev = found["metrics"]["dev"]
    assert dev["accuracy"] > 0.9 and dev["macro_f1"] > 0.9 and dev["loss"] < 0.3
    assert found["baseline"]["dev"]["accuracy"] < 0.4
    assert found["epochs"][0]["loss"] > 1.0 > 0.3 > found["epochs"][-1]["loss"]


def test_the_figures_describe_the_fine_tuning(finetuned):
    found = figures(finetuned)
    assert (found["task"], found["step"], found["labels"]) == ("classification", 7, ["disliked", "liked", "none"])
    assert found["examples"] == {"train": 150, "dev": 40} and found["skipped"] == {"train": {}, "dev": {}}
    # Nine or ten words with [CLS] and [SEP] are more than ten tokens; the fixture has some of these.
    texts = [line[0] for line in table_of_texts(finetuned)]
    assert found["truncated"]["dev"] == sum(count > 8 for count in map(words, texts)) > 0
    assert found["updates"] == 8 * 10 and [line["step"] for line in found["epochs"]] == list(range(10, 81, 10))
    assert found["epochs"][-1]["dev"] == found["metrics"]["dev"]
    lines = [json.loads(line) for line in (finetuned / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(10, 81, 10))
    assert lines[0]["learning_rate"] == pytest.approx(0.003 * (1 - 9 / 80)) and lines[0]["gradient_norm"] > 0


def table_of_texts(directory):
    manifest = json.loads((directory / "manifest.json").read_text())
    (dev,) = [uri for uri in manifest["inputs"]["data"]["uri"] if uri.endswith("dev.tsv")]
    with open(dev) as file:
        return [line.split("\t") for line in file.read().splitlines()[1:]]


def words(text):
    return len(re.findall(r"\w+|\S", text)) + text.count("films")  # film ##s


def test_the_predictions_are_those_that_were_measured(finetuned):
    header, *rows = table(finetuned / "predictions-dev.tsv")
    assert header == ["line", "gold", "predicted"] and [row[0] for row in rows] == [str(n) for n in range(2, 42)]
    assert [row[1] for row in rows] == [line[1] for line in table_of_texts(finetuned)]
    accuracy = accuracy_score([row[1] for row in rows], [row[2] for row in rows])
    assert accuracy == figures(finetuned)["metrics"]["dev"]["accuracy"]


def test_the_files_of_the_output(finetuned, model):
    assert set(files(finetuned)) == {
        "bert_config.json",
        "classifier.safetensors",
        "finetuning.json",
        "labels.txt",
        "manifest.json",
        "metrics.jsonl",
        "predictions-dev.tsv",
        "savedmodel/saved_model.pb",
        "savedmodel/variables/variables.data-00000-of-00001",
        "savedmodel/variables/variables.index",
        "vocab.txt",
    }
    assert (finetuned / "labels.txt").read_text() == "disliked\nliked\nnone\n"
    assert (finetuned / "vocab.txt").read_bytes() == (model / "vocab.txt").read_bytes()
    assert (finetuned / "bert_config.json").read_bytes() == (model / "bert_config.json").read_bytes()
    arrays, state = safetensors.read(str(finetuned / "classifier.safetensors"))
    before, _ = safetensors.read(str(model / checkpoint.name(7)))
    assert set(arrays) == {*before, "output_weights", "output_bias"} and arrays["output_weights"].shape == (3, 16)
    assert state["labels"] == ["disliked", "liked", "none"]


def test_the_manifest_names_all_it_depends_on(finetuned):
    manifest = json.loads((finetuned / "manifest.json").read_text())
    names = {role: {file["path"] for file in given["files"]} for role, given in manifest["inputs"].items()}
    assert names == {
        "model": {checkpoint.name(7), "bert_config.json"},
        "vocabulary": {"vocab.txt"},
        "data": {"train.tsv", "dev.tsv"},
    }
    assert manifest["seed"] == 5 and manifest["parameters"]["lower_case"] is True
    assert not {"data", "every_steps"} & set(manifest["parameters"])


@pytest.mark.reproducibility
def test_the_same_inputs_give_the_same_bytes_wherever_they_are(model, opinions, finetuned, tmp_path):
    (tmp_path / "data").mkdir()
    for path in opinions.iterdir():
        (tmp_path / "data" / path.name).write_bytes(path.read_bytes())
    run(model / checkpoint.name(7), tmp_path / "data", tmp_path / "out", every_steps=100)
    here, there = files(finetuned), files(tmp_path / "out")
    assert set(here) == set(there)
    assert [name for name in sorted(here) if here[name] != there[name]] in ([], [CLOCK])
    digests = [json.loads(content["manifest.json"])["digest"] for content in (here, there)]
    assert digests[0] == digests[1]
    assert run(model, opinions, tmp_path / "out").was_up_to_date
    with pytest.raises(UsageError, match=r"output of another finetune run. Found epochs = 8 there, 9 now"):
        run(model, opinions, tmp_path / "out", epochs=9)


def test_scores_are_learnt_too(scored, similarities):
    found = figures(scored)
    assert (found["task"], found["step"], found["labels"], found["updates"]) == ("stsb", None, [], 2 * 2)
    assert set(found["metrics"]["dev"]) == {"pearson", "spearman", "loss"}
    assert found["baseline"]["dev"] == {"pearson": 0.0, "spearman": 0.0}
    rows = np.array(table(scored / "predictions-dev.tsv")[1:], dtype=float)
    assert rows[:, 1].tolist() == [0, 1, 2, 3, 4, 5, 0]
    assert np.corrcoef(rows[:, 1], rows[:, 2])[0, 1] == pytest.approx(found["metrics"]["dev"]["pearson"], rel=1e-4)
    assert np.square(rows[:, 1] - rows[:, 2]).mean() == pytest.approx(found["metrics"]["dev"]["loss"], rel=1e-5)
    assert not (scored / "labels.txt").exists()


def test_a_model_that_cannot_take_the_examples(model, opinions, similarities, tmp_path):
    with pytest.raises(
        UsageError, match=r"--max-seq-length: max_seq_length is longer .* Found 25. Expected at most 24"
    ):
        run(model, opinions, tmp_path / "out", max_seq_length=25)
    config = json.loads((model / "bert_config.json").read_text())
    one_segment = tmp_path / "model"
    one_segment.mkdir()
    for path in model.iterdir():
        (one_segment / path.name).write_bytes(path.read_bytes())
    (one_segment / "bert_config.json").write_bytes(BertConfig(**{**config, "type_vocab_size": 1}).to_json())
    with pytest.raises(UsageError, match=r"pairs of texts, but the model has one segment only"):
        run(one_segment, similarities, tmp_path / "out", task="stsb")
    (one_segment / "vocab.txt").write_text("\n".join(TOKENS[:-1]) + "\n")
    with pytest.raises(BerthError, match=r"vocabulary and the model configuration do not belong together"):
        run(one_segment, similarities, tmp_path / "out", task="stsb")
    assert not (tmp_path / "out").exists()


def test_a_checkpoint_with_weights_that_are_not_finite_is_named(model, opinions, tmp_path):
    shutil.copytree(model, tmp_path / "model")
    uri = str(tmp_path / "model" / checkpoint.name(7))
    arrays, state = safetensors.read(uri)
    name = "bert/pooler/dense/bias"
    safetensors.write(uri, {**arrays, name: np.full_like(arrays[name], np.nan)}, state)
    with pytest.raises(BerthError, match=rf"{checkpoint.name(7)}: the checkpoint has weights that are NaN.*{name}"):
        run(tmp_path / "model", opinions, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_loss_that_is_no_number_ends_the_training(model, opinions, tmp_path):
    with pytest.raises(BerthError, match=r"not a finite number at step \d+. Lower the learning rate"):
        run(model, opinions, tmp_path / "out", learning_rate=1e38, epochs=1)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("described", "given", "expected"),
    [
        ({"training.json": {"lower_case": False}}, None, False),
        ({"tokenizer_config.json": {"do_lower_case": True}}, None, True),
        ({"tokenizer_config.json": {}}, False, False),
        ({}, True, True),
        (
            {},
            None,
            "no file next to the checkpoint says .* Expected training.json or tokenizer_config.json. Give --low",
        ),
        ({"training.json": {"lower_case": True}}, False, "the checkpoint is for uncased text. Found --cased"),
    ],
)
def test_whether_text_is_lower_cased_is_in_a_file_next_to_the_checkpoint(tmp_path, described, given, expected):
    from trainer.finetuning.lower_case import lower_case_of

    for name, content in described.items():
        (tmp_path / name).write_text(json.dumps(content))
    if isinstance(expected, bool):
        assert lower_case_of(str(tmp_path), given) is expected
    else:
        with pytest.raises(UsageError, match=expected):
            lower_case_of(str(tmp_path), given)


@pytest.mark.slow
def test_all_may_stand_in_cloud_storage(bucket, model, opinions, finetuned):
    for name, directory in (("model", model), ("opinions", opinions)):
        for path in directory.iterdir():
            with storage.atomic_write(f"{bucket}/{name}/{path.name}") as file:
                file.write(path.read_bytes())
    run(f"{bucket}/model", f"{bucket}/opinions", f"{bucket}/out")
    here = files(finetuned)
    there = {
        name: storage.read_bytes(f"{bucket}/out/{name}")
        for name in storage.names_below(f"{bucket}/out")
        if not name.startswith(".")
    }
    assert set(here) == set(there)
    assert all(there[name] == content for name, content in here.items() if name != CLOCK)


@pytest.mark.slow
def test_a_killed_fine_tuning_starts_again_and_ends_with_the_same_bytes(model, opinions, tmp_path):
    def start(output):
        arguments = ["finetune", "--task", "classification", "--checkpoint", str(model), "--data", str(opinions)]
        arguments += ["--max-seq-length", "10", "--epochs", "20", "--output", str(output)]
        command = [sys.executable, "-c", "from berth.app.cli import main; main()", *arguments]
        return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    first = start(tmp_path / "killed")
    for line in first.stderr:
        if "epoch 2 of 20" in line:
            break
    os.kill(first.pid, signal.SIGKILL)
    first.communicate()
    assert not (tmp_path / "killed" / "manifest.json").exists()
    for name in ("killed", "whole"):
        again = start(tmp_path / name)
        again.communicate(timeout=600)
        assert again.returncode == 0
    killed, whole = files(tmp_path / "killed"), files(tmp_path / "whole")
    assert set(killed) == set(whole)
    assert [name for name in whole if killed[name] != whole[name]] == [CLOCK]
