"""Evaluation: exact over the whole set, beside the best constant guess."""

import json

import numpy as np
import pytest

from berth.errors import BerthError
from berth.inputs import Inputs
from berth.stage import Directory
from trainer import baseline
from trainer.data import Limits, RecordSet
from trainer.evaluate import evaluate
from trainer.evaluation import Labels, load, measure
from trainer.train import train


@pytest.fixture(scope="module")
def model(tiny_recipe, records, vocabulary, tmp_path_factory):
    """Files of a finished training."""
    directory = str(tmp_path_factory.mktemp("model") / "out")
    train(recipe=tiny_recipe, records={"short": records}, vocabulary=vocabulary, place=Directory(directory))
    return Inputs.of(directory)


@pytest.fixture(scope="module")
def figures(model, records, tmp_path_factory):
    """Directory of an evaluation of it."""
    directory = tmp_path_factory.mktemp("evaluation") / "out"
    evaluate(model=model, records=records, batch_size=64, place=Directory(str(directory)))
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
    trained = load(str(model.files[-1].uri).rsplit("/", 1)[0] + "/checkpoint-00000012.safetensors", records)
    masked_lm, next_sentence = trained.engine.predict(everything)
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
    # Whatever the batch, the same figures.
    again, _ = measure(trained, batch_size=7)
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
    guess = baseline.constant_guess(Labels(np.array([6, 2, 0]), np.array([5, 5])), ["a", "b", "c"], next_sentence=True)
    assert guess == {
        "token": "a",
        "masked_lm_accuracy": 0.75,
        "masked_lm_loss": pytest.approx(-0.75 * np.log(0.75) - 0.25 * np.log(0.25)),
        "next_sentence_accuracy": 0.5,
        "next_sentence_loss": pytest.approx(np.log(2)),
    }


def test_fill_mask_shows_records_with_their_truth_and_the_likeliest_tokens(figures):
    examples = json.loads((figures / "fill_mask.json").read_text())
    assert len(examples) == 8
    for example in examples:
        assert example["tokens"][0] == "[CLS]" and example["tokens"][-1] == "[SEP]"
        assert example["text"] == " ".join(example["tokens"]).replace(" ##", "")
        assert 0 <= example["random_next_probability"] <= 1 and isinstance(example["is_random_next"], bool)
        for place in example["masked"]:
            assert example["tokens"][place["position"]] == "[MASK]"
            assert place["truth"] and len(place["guesses"]) == 5
            probabilities = [guess["probability"] for guess in place["guesses"]]
            assert probabilities == sorted(probabilities, reverse=True)


def test_one_checkpoint_can_be_named(model, records, tmp_path):
    earlier = next(file.uri for file in model.files if "00000008" in file.uri)
    result = evaluate(model=Inputs.of(earlier), records=records, place=Directory(str(tmp_path / "out")))
    assert json.loads((tmp_path / "out" / "evaluation.json").read_text())["step"] == 8
    assert set(result.manifest.inputs) == {"model", "records"}


def test_a_directory_without_checkpoint_is_refused(records, tmp_path):
    (tmp_path / "x.txt").write_text("")
    with pytest.raises(BerthError, match="no checkpoint here"):
        evaluate(model=Inputs.of(str(tmp_path / "*")), records=records, place=Directory(str(tmp_path / "out")))
