"""A tiny pre-trained model, as `berth train` writes one, tasks that it can learn, and fine-tunings on them."""

import json
import shutil

import numpy as np
import pytest

from berth.stage import Directory
from support.finetuning_files import BAD, CONFIG, GOOD, TOKENS, options
from trainer.checkpoints import checkpoint, safetensors
from trainer.checkpoints import initial_weights as weights
from trainer.finetuning.finetune import finetune
from trainer.finetuning.heads import RegressionHead


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    """Directory with a checkpoint of random weights."""
    from trainer.finetuning.engine import ClassifierEngine

    directory = tmp_path_factory.mktemp("model")
    shapes = {
        name: shape
        for name, shape in ClassifierEngine(CONFIG, RegressionHead()).shapes.items()
        if name.startswith("bert/")
    }
    arrays = weights.initial(shapes, seed=1, stddev=CONFIG.initializer_range)
    safetensors.write(str(directory / checkpoint.name(7)), arrays, {"step": 7})
    (directory / "bert_config.json").write_bytes(CONFIG.to_json())
    (directory / "vocab.txt").write_text("\n".join(TOKENS) + "\n")
    (directory / "training.json").write_text(json.dumps({"lower_case": True}))
    return directory


@pytest.fixture(scope="session")
def opinions(tmp_path_factory):
    """Directory of a classification: what is said of a film is an opinion of three."""
    directory = tmp_path_factory.mktemp("opinions")
    generator = np.random.default_rng(3)
    for name, count in (("train", 150), ("dev", 40)):
        lines = ["text\tlabel"]
        for number in range(count):
            label = ("liked", "disliked", "none")[number % 3]
            word = generator.choice({"liked": GOOD, "disliked": BAD, "none": ["story"]}[label])
            subject = generator.choice(["The film", "a Book", "the very story", "The films"])
            lines.append(f"{subject} was {word}{generator.choice(['.', ' , is not .', ''])}\t{label}")
        (directory / f"{name}.tsv").write_text("\n".join(lines) + "\n")
    return directory


@pytest.fixture(scope="session")
def finetuned(model, opinions, tmp_path_factory):
    """Directory of a fine-tuning on the opinions."""
    directory = tmp_path_factory.mktemp("finetuned") / "out"
    finetune(options=options(opinions), model=str(model), seed=5, destination=Directory(str(directory)))
    return directory


@pytest.fixture(scope="session")
def similarities(tmp_path_factory):
    """Directory of STS-B's files: how much two sentences say the same."""
    directory = tmp_path_factory.mktemp("similarities")
    columns = "index genre filename year old_index source1 source2 sentence1 sentence2 score".split()  # noqa: SIM905
    for name, count in (("train", 10), ("dev", 7)):
        lines = ["\t".join(columns)]
        for number in range(count):
            texts = (f"the film was {GOOD[number % 3]}", f"the book was {(GOOD + BAD)[number % 6]}")
            lines.append("\t".join([str(number), *["x"] * 6, *texts, f"{number % 6:.3f}"]))
        (directory / f"{name}.tsv").write_text("\n".join(lines) + "\n")
    return directory


@pytest.fixture(scope="session")
def scored(model, similarities, tmp_path_factory):
    """Directory of a fine-tuning on them, of an exported encoder without a file that says whether it is cased."""
    encoder = tmp_path_factory.mktemp("encoder")
    shutil.copy(model / checkpoint.name(7), encoder / "encoder.safetensors")
    for name in ("bert_config.json", "vocab.txt"):
        shutil.copy(model / name, encoder)
    directory = tmp_path_factory.mktemp("scored") / "out"
    how = options(similarities, task="stsb", epochs=2, batch_size=8, max_seq_length=24)
    finetune(options=how, model=str(encoder), seed=5, lower_case=True, destination=Directory(str(directory)))
    return directory
