"""The exported model takes raw text and predicts what the trained model predicts, without Berth."""

import json
import subprocess
import sys

import numpy as np
import pytest

from support.finetuning_files import CONFIG, TOKENS
from trainer.checkpoints import safetensors
from trainer.finetuning.encoding import encode
from trainer.finetuning.engine import ClassifierEngine
from trainer.finetuning.heads import head_of
from trainer.finetuning.task_examples import Examples
from trainer.serving.graph_tokenizer import GraphTokenizer

TEXTS = [
    "The FILM was góod.",
    "a book",
    "",
    "the story was not very dull , very dull , very dull indeed",
    "電影 🎬 \u00a0 films",
]
OTHERS = ["a film", "", "the book was fine", "the books", "bad"]

SERVE = """
import json, sys
for name in ("berth", "trainer", "pipelines", "keras"):
    sys.modules[name] = None  # importing it fails
import tensorflow as tf
for directory, inputs in json.load(sys.stdin):
    serve = tf.saved_model.load(directory).signatures["serving_default"]
    outputs = serve(**{name: tf.constant(texts, tf.string) for name, texts in inputs.items()})
    print(json.dumps({name: value.numpy().astype(object if value.dtype == tf.string else "float64").tolist()
                      for name, value in outputs.items()}, default=bytes.decode))
"""


@pytest.fixture(scope="module")
def served(finetuned, scored):
    """What the SavedModels say, in a process that cannot import Berth: of single texts, of pairs, of none."""
    single, pairs = str(finetuned / "savedmodel"), str(scored / "savedmodel")
    asked = [(single, {"text": TEXTS}), (pairs, {"text": TEXTS, "text_b": OTHERS}), (single, {"text": []})]
    run = subprocess.run([sys.executable, "-c", SERVE], input=json.dumps(asked), text=True, capture_output=True)
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


def outputs(directory, labels, max_seq_length, second=None):
    """What the trained model gives for the texts."""
    engine = ClassifierEngine(CONFIG, head_of(labels))
    engine.assign(safetensors.read(str(directory / "classifier.safetensors"))[0])
    unused = np.zeros(len(TEXTS), dtype=np.int32)
    (encoded,) = encode(
        GraphTokenizer(TOKENS, lower_case=True), [Examples("x", unused, TEXTS, second, unused, {})], max_seq_length
    )
    return engine.predict({name: values.astype(np.int32) for name, values in encoded.features.items()})


def test_probabilities_and_labels_are_those_of_the_trained_model(served, finetuned):
    logits = outputs(finetuned, ["disliked", "liked", "none"], max_seq_length=10).astype(np.float64)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(served[0]["probabilities"], probabilities, atol=1e-5)
    labels = (finetuned / "labels.txt").read_text().splitlines()
    assert served[0]["label"] == [labels[number] for number in logits.argmax(axis=1)]
    assert served[0]["label"][0] == "liked"  # what it has learnt, whatever the case and the accents


def test_pairs_and_scores(served, scored):
    scores = outputs(scored, [], max_seq_length=24, second=OTHERS)
    np.testing.assert_allclose(served[1]["score"], scores[:, 0], atol=1e-5)


def test_no_texts_give_no_answers(served):
    assert served[2] == {"label": [], "probabilities": []}
