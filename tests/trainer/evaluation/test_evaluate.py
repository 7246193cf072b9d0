"""Evaluation: exact over the whole set, compared with the best constant guess."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from berth.errors import BerthError, UsageError
from berth.formats.tfrecord import frame, read_records
from berth.stage import Directory, Stage, run
from berth.stage.inputs import Inputs
from support.command_line import call
from support.trainer_files import RECORDS, changed
from trainer.checkpoints import safetensors
from trainer.data.records import Limits, RecordSet
from trainer.evaluation import baseline
from trainer.evaluation.evaluate import evaluate
from trainer.evaluation.model import load, measure
from trainer.evaluation.positions import Labels
from trainer.loop.train import train
from trainer.serving.export import export

pytestmark = pytest.mark.usefixtures("_shared_engines")


@pytest.fixture(scope="module")
def model(trained):
    """Files of a finished training."""
    return Inputs.of(str(trained))


@pytest.fixture
def command(tmp_path_factory, capsys):
    """What `berth evaluate` prints, given its options."""
    held_out = tmp_path_factory.mktemp("held-out")
    shutil.copy(RECORDS, held_out)

    def run(**options):
        call("evaluate", records=str(held_out), **options)
        return capsys.readouterr().out

    return run


@pytest.fixture(scope="module")
def figures(model, records, tmp_path_factory):
    """Directory of an evaluation of it."""
    directory = tmp_path_factory.mktemp("evaluation") / "out"
    evaluate(model=model, records=records, batch_size=64, destination=Directory(str(directory)))
    return directory


@pytest.fixture(scope="module")
def everything(records):
    """All records at once."""
    opened = RecordSet(records, Limits(2373, 2, 64))
    return opened.read(np.arange(opened.count))


def test_the_figures_are_means_over_every_record(figures, model, records, everything):
    found = json.loads((figures / "evaluation.json").read_text())
    weights = everything["masked_lm_weights"]
    assert found["step"] == 12
    assert found["examples"] == len(weights) and len(weights) % 64  # the last batch is partial
    assert found["masked_positions"] == weights.sum()
    loaded = load(str(model.files[-1].uri).rsplit("/", 1)[0] + "/checkpoint-00000012.safetensors", records)
    masked_lm, next_sentence = loaded.engine.predict(everything)
    labels = everything["next_sentence_labels"][:, 0]

    def losses(logits, targets):
        logits = logits.astype(np.float64)
        normalised = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        return -np.take_along_axis(normalised, targets[..., None], axis=-1)[..., 0]

    expected = {
        "masked_lm_loss": (losses(masked_lm, everything["masked_lm_ids"]) * weights).sum() / weights.sum(),
        "masked_lm_accuracy": ((masked_lm.argmax(-1) == everything["masked_lm_ids"]) * weights).sum() / weights.sum(),
        "next_sentence_loss": losses(next_sentence, labels).mean(),
        "next_sentence_accuracy": (next_sentence.argmax(-1) == labels).mean(),
    }
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-5)
    shown = np.take_along_axis(everything["input_ids"], everything["masked_lm_positions"], axis=1)
    corrupted = weights * (shown != everything["masked_lm_ids"])
    assert 0 < corrupted.sum() < weights.sum()
    is_right = masked_lm.argmax(-1) == everything["masked_lm_ids"]
    expected["masked_lm_corrupted_accuracy"] = (is_right * corrupted).sum() / corrupted.sum()
    assert found["corrupted_positions"] == corrupted.sum()
    assert found["masked_lm_corrupted_accuracy"] == pytest.approx(expected["masked_lm_corrupted_accuracy"])
    # Whatever the batch, the same figures.
    again = measure(loaded.engine, loaded.records, batch_size=7, next_sentence=True)
    assert {name: again[name] for name in expected} == pytest.approx(expected, abs=1e-5)


def test_the_baseline_is_the_most_frequent_label_of_the_set_itself(figures, everything, vocabulary):
    guess = json.loads((figures / "evaluation.json").read_text())["baseline"]
    ids = everything["masked_lm_ids"][everything["masked_lm_weights"] > 0]
    counts = np.bincount(ids)
    with open(vocabulary.one().uri, encoding="utf-8") as file:
        tokens = file.read().split("\n")
    assert guess["token"] == tokens[counts.argmax()]
    assert guess["masked_lm_accuracy"] == pytest.approx(counts.max() / counts.sum())
    labels = everything["next_sentence_labels"]
    assert guess["next_sentence_accuracy"] == pytest.approx(max(labels.mean(), 1 - labels.mean()))


def test_the_baselines_loss_is_the_entropy_of_the_labels():
    labels = Labels(np.array([6, 2, 0]), corrupted=np.array([1, 2, 0]), next_sentence=np.array([5, 5]))
    guess = baseline.constant_guess(labels, ["a", "b", "c"], next_sentence=True)
    assert guess == {
        "token": "a",
        "masked_lm_accuracy": 0.75,
        "masked_lm_corrupted_accuracy": pytest.approx(1 / 3),
        "masked_lm_loss": pytest.approx(-0.75 * np.log(0.75) - 0.25 * np.log(0.25)),
        "next_sentence_accuracy": 0.5,
        "next_sentence_loss": pytest.approx(np.log(2)),
    }


def test_fill_mask_examples_are_whole_words_with_their_rank_and_the_likeliest_tokens(figures, everything, vocabulary):
    examples = json.loads((figures / "fill_mask.json").read_text())
    assert [example["group"] for example in examples] == ["best"] * 5 + ["median"] * 5 + ["worst"] * 5
    ranks = [example["rank"] for example in examples]
    assert ranks == sorted(ranks) and len({example["truth"] for example in examples}) == len(examples)
    tokens = Path(vocabulary.one().uri).read_text().split("\n")
    texts = [[tokens[token] for token in row] for row in everything["input_ids"]]
    for example in examples:
        shown, position = example["tokens"], example["position"]
        assert shown[position] == "[MASK]" and shown[0] == "[CLS]" and shown[-1] == "[SEP]"
        assert any(shown == text[: len(shown)] for text in texts)
        assert not example["truth"].startswith("##") and any(map(str.isalpha, example["truth"]))
        probabilities = [guess["probability"] for guess in example["guesses"]]
        assert len(probabilities) == 5 and probabilities == sorted(probabilities, reverse=True)
        if example["rank"] <= 5:
            assert example["guesses"][example["rank"] - 1]["token"] == example["truth"]
        else:
            assert example["truth"] not in [guess["token"] for guess in example["guesses"]]
            assert example["probability"] <= probabilities[-1]


@pytest.fixture(scope="module")
def training_text(vocabulary, tmp_path_factory):
    """Half of the records as records of training text, which some stage has made."""
    half = list(read_records(str(RECORDS)))[::2]

    def work(output):
        with output.shard("part-0.tfrecord") as shard:
            shard.write(b"".join(map(frame, half)))

    stage = Stage("records", 1, {}, {"vocabulary": vocabulary})
    return run(stage, Directory(str(tmp_path_factory.mktemp("text") / "records")), work).files("*")


@pytest.fixture(scope="module")
def compared(model, records, training_text, tmp_path_factory):
    """Directory of an evaluation with the bigram baseline."""
    directory = tmp_path_factory.mktemp("compared") / "out"
    destination = Directory(str(directory))
    evaluate(model=model, records=records, training_records=training_text, batch_size=64, destination=destination)
    return directory


def test_with_training_text_the_model_is_compared_with_a_bigram_table(compared, figures, model, training_text):
    found, without = (json.loads((directory / "evaluation.json").read_text()) for directory in (compared, figures))
    bigram, key = found.pop("bigram"), "masked_lm_corrupted_accuracy"
    only_model, only_bigram = found.pop("only_model_right"), found.pop("only_bigram_right")
    assert found == without  # nothing else depends on it
    assert bigram["pairs"] > 1000
    assert bigram[key] > found["baseline"][key]  # even where it was counted on this very text it knows something
    # Both ways of counting agree: what only one of them gets right is the difference.
    assert only_model - only_bigram == pytest.approx(found[key] - bigram[key], abs=1e-6)
    assert 0 <= only_model <= found[key] and 0 < only_bigram <= bigram[key]
    inputs = json.loads((compared / "manifest.json").read_text())["inputs"]
    assert inputs["training_records"]["digest"] == training_text.digest
    assert (compared / "fill_mask.json").read_bytes() == (figures / "fill_mask.json").read_bytes()


def test_the_command_takes_training_text_for_any_checkpoint(command, compared, model, training_text, tmp_path):
    text = training_text.uri
    assert json.loads(command(checkpoint=model.uri, training_records=text, output=str(tmp_path / "out"))) == json.loads(
        (compared / "evaluation.json").read_text()
    )
    export(model=model, destination=Directory(str(tmp_path / "huggingface")))
    other = json.loads(command(checkpoint=str(tmp_path / "huggingface"), training_records=text))
    assert other["bigram"] == json.loads((compared / "evaluation.json").read_text())["bigram"]


def test_training_text_that_is_the_held_out_text_is_refused(model, records, tmp_path):
    with pytest.raises(UsageError, match="the training records are of the held-out text"):
        evaluate(model=model, records=records, training_records=records, destination=Directory(str(tmp_path / "out")))


def test_one_checkpoint_can_be_named(model, records, tmp_path):
    earlier = next(file.uri for file in model.files if "00000008" in file.uri)
    result = evaluate(model=Inputs.of(earlier), records=records, destination=Directory(str(tmp_path / "out")))
    assert json.loads((tmp_path / "out" / "evaluation.json").read_text())["step"] == 8
    assert set(result.manifest.inputs) == {"model", "records"}


@pytest.fixture(scope="module")
def every(model, records, tmp_path_factory):
    """Directory of an evaluation of all checkpoints."""
    directory = tmp_path_factory.mktemp("evaluations") / "out"
    evaluate(model=model, records=records, checkpoints="all", destination=Directory(str(directory)))
    return directory


def test_all_checkpoints_are_evaluated_in_order_of_their_steps(every, figures, model, records, tmp_path):
    lines = [json.loads(line) for line in (every / "evaluations.jsonl").read_text().splitlines()]
    assert [(line["step"], line["phase"], line["sequences"]) for line in lines] == [
        (8, "second", 32),
        (12, "second", 48),
    ]
    newest = json.loads((figures / "evaluation.json").read_text())
    assert (
        newest.items() >= {key: value for key, value in lines[1].items() if key not in ("phase", "sequences")}.items()
    )
    assert json.loads((every / "evaluation.json").read_text()) == newest
    assert (every / "fill_mask.json").read_bytes() == (figures / "fill_mask.json").read_bytes()
    assert {path.name for path in every.glob("[!.]*")} == {
        "evaluation.json",
        "evaluations.jsonl",
        "fill_mask.json",
        "manifest.json",
    }
    earlier = next(file.uri for file in model.files if "00000008" in file.uri)
    evaluate(model=Inputs.of(earlier), records=records, destination=Directory(str(tmp_path / "out")))
    assert (
        json.loads((tmp_path / "out" / "evaluation.json").read_text())["masked_lm_loss"] == lines[0]["masked_lm_loss"]
    )


def test_what_an_interrupted_evaluation_has_measured_is_not_measured_again(every, model, records, tmp_path):
    """Shown by a figure that no measurement would give."""
    directory = tmp_path / "out"
    digest = json.loads((every / "manifest.json").read_text())["digest"]
    (directory / ".evaluated").mkdir(parents=True)
    (directory / ".stage.json").write_text(json.dumps({"stage": "evaluate", "digest": digest}))
    (directory / ".evaluated" / "8.json").write_text(json.dumps({"masked_lm_loss": 1234.5}))
    evaluate(model=model, records=records, checkpoints="all", destination=Directory(str(directory)))
    lines = [json.loads(line) for line in (directory / "evaluations.jsonl").read_text().splitlines()]
    assert [line["masked_lm_loss"] == 1234.5 for line in lines] == [True, False]


def test_the_command_prints_a_table_of_all_checkpoints(command, model, tmp_path):
    header, first, second = command(checkpoint=model.uri, all=True, output=str(tmp_path / "all")).splitlines()
    assert header.split()[:2] == ["step", "sequences"]
    assert (first.split()[:2], second.split()[:2]) == (["8", "32"], ["12", "48"])
    assert sum("← best" in row for row in (first, second)) == 1


def test_the_command_takes_an_unfinished_training_and_single_checkpoints(command, model, tmp_path):
    directory = tmp_path / "train"
    shutil.copytree(model.uri, directory)
    (directory / "manifest.json").unlink()
    assert json.loads(command(checkpoint=f"{directory}/", batch_size=100))["step"] == 12
    assert json.loads(command(checkpoint=str(directory / "checkpoint-00000008.safetensors")))["step"] == 8
    assert {path.name for path in tmp_path.iterdir()} == {"train", "train-evaluation", "train-evaluation-00000008"}


@pytest.mark.parametrize("objective", ["mlm+nsp", pytest.param("mlm", marks=pytest.mark.slow)])
def test_other_kinds_of_checkpoints_are_evaluated_too(
    command, tiny_recipe, model, records, vocabulary, tmp_path, objective
):
    """Here a Hugging Face directory; without a next-sentence head it has no pooler."""
    if objective == "mlm":
        sets = {"short": {"max_seq_length": 64, "max_predictions": 20, "objective": "mlm", "rng": "keyed"}}
        destination = Directory(str(tmp_path / "model"))
        train(
            recipe=changed(tiny_recipe, records=sets),
            records={"short": records},
            vocabulary=vocabulary,
            destination=destination,
        )
        model = Inputs.of(str(tmp_path / "model"))
    export(model=model, destination=Directory(str(tmp_path / "huggingface")))
    ours = json.loads(command(checkpoint=model.uri, output=str(tmp_path / "ours")))
    theirs = json.loads(command(checkpoint=str(tmp_path / "huggingface")))
    assert theirs == {**ours, "step": None}
    assert ("next_sentence_loss" in theirs) == (objective == "mlm+nsp")


def test_a_checkpoint_without_heads_or_without_its_description_is_refused(command, model, tmp_path):
    export(model=model, format="encoder", destination=Directory(str(tmp_path / "encoder")))
    with pytest.raises(
        BerthError, match=r"does not fit the model with its pre-training heads. Found no cls/predictions/output_bias"
    ):
        command(checkpoint=str(tmp_path / "encoder"))
    for name in ("manifest.json", "vocab.txt"):
        (tmp_path / "encoder" / name).unlink()
    with pytest.raises(
        BerthError, match=r"needs its model configuration and its vocabulary next to it. Found no vocab.txt"
    ):
        command(checkpoint=str(tmp_path / "encoder"))
    with pytest.raises(BerthError, match="there is no checkpoint here"):
        command(checkpoint=str(tmp_path / "nowhere"))


@pytest.mark.parametrize("value", [np.nan, np.inf])
@pytest.mark.parametrize("variable", ["bert/embeddings/word_embeddings", "cls/predictions/output_bias"])
def test_a_model_that_is_not_finite_is_an_error_that_names_the_checkpoint(command, model, tmp_path, value, variable):
    """Every comparison with NaN is false, so that a count of wrong guesses would be 0 and the accuracy 1."""
    directory = tmp_path / "train"
    shutil.copytree(model.uri, directory)
    (directory / "manifest.json").unlink()  # as in an unfinished training run: files may change
    uri = str(directory / "checkpoint-00000012.safetensors")
    arrays, state = safetensors.read(uri)
    safetensors.write(uri, {**arrays, variable: np.full_like(arrays[variable], value)}, state)
    with pytest.raises(BerthError, match=r"00000012.safetensors: the model gives values that are not finite.*Found"):
        command(checkpoint=uri, output=str(tmp_path / "out"))
    assert not (tmp_path / "out" / "evaluation.json").exists()


def test_flags_that_contradict_each_other_are_refused(command, model):
    with pytest.raises(UsageError, match="give only one of --all and --follow"):
        command(checkpoint=model.uri, all=True, follow=True)
    one = next(file.uri for file in model.files if "00000008" in file.uri)
    with pytest.raises(UsageError, match=r"need the directory of a training run. Found a single checkpoint"):
        command(checkpoint=one, follow=True)


def test_a_directory_without_checkpoint_is_refused(records, tmp_path):
    (tmp_path / "x.txt").write_text("")
    with pytest.raises(BerthError, match="no checkpoint here"):
        evaluate(model=Inputs.of(str(tmp_path / "*")), records=records, destination=Directory(str(tmp_path / "out")))
