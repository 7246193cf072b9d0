"""A tiny pre-trained model, as `berth train` writes one, tasks that it can learn, and fine-tunings on them."""

import json
import shutil

import filelock
import numpy as np
import pytest

from berth.stage import Directory
from support.finetuning_files import BAD, CONFIG, GOOD, TOKENS, options
from trainer.checkpoints import checkpoint, safetensors
from trainer.checkpoints import initial_weights as weights
from trainer.finetuning.finetune import finetune
from trainer.finetuning.heads import RegressionHead


@pytest.fixture(scope="session")
def made_once(tmp_path_factory, worker_id):
    """A function that makes a directory by a function of its path, once for all processes that run the tests."""
    base = tmp_path_factory.getbasetemp()
    shared = (base if worker_id == "master" else base.parent) / "finetuning"
    shared.mkdir(exist_ok=True)

    def directory(name, make):
        with filelock.FileLock(shared / f"{name}.lock"):
            if not (shared / f"{name}.made").exists():
                make(shared / name)
                (shared / f"{name}.made").touch()
        return shared / name

    return directory


@pytest.fixture(scope="session")
def model(made_once):
    """Directory with a checkpoint of random weights."""
    return made_once("model", make_model)


def make_model(directory):
    from trainer.finetuning.engine import ClassifierEngine

    directory.mkdir()
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


@pytest.fixture(scope="session")
def opinions(made_once):
    """Directory of a classification: what is said of a film is an opinion of three."""
    return made_once("opinions", make_opinions)


def make_opinions(directory):
    directory.mkdir()
    generator = np.random.default_rng(3)
    for name, count in (("train", 150), ("dev", 40)):
        lines = ["text\tlabel"]
        for number in range(count):
            label = ("liked", "disliked", "none")[number % 3]
            word = generator.choice({"liked": GOOD, "disliked": BAD, "none": ["story"]}[label])
            subject = generator.choice(["The film", "a Book", "the very story", "The films"])
            lines.append(f"{subject} was {word}{generator.choice(['.', ' , is not .', ''])}\t{label}")
        (directory / f"{name}.tsv").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="session")
def finetuned(model, opinions, made_once):
    """Directory of a fine-tuning on the opinions."""

    def make(directory):
        finetune(options=options(opinions), model=str(model), seed=5, destination=Directory(str(directory)))

    return made_once("finetuned", make)


@pytest.fixture(scope="session")
def similarities(made_once):
    """Directory of STS-B's files: how much two sentences say the same."""
    return made_once("similarities", make_similarities)


def make_similarities(directory):
    directory.mkdir()
    columns = "index genre filename year old_index source1 source2 sentence1 sentence2 score".split()  # noqa: SIM905
    for name, count in (("train", 10), ("dev", 7)):
        lines = ["\t".join(columns)]
        for number in range(count):
            texts = (f"the film was {GOOD[number % 3]}", f"the book was {(GOOD + BAD)[number % 6]}")
            lines.append("\t".join([str(number), *["x"] * 6, *texts, f"{number % 6:.3f}"]))
        (directory / f"{name}.tsv").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="session")
def scored(model, similarities, made_once):
    """Directory of a fine-tuning on them, of an exported encoder without a file that says whether it is cased."""

    def make_encoder(directory):
        directory.mkdir()
        shutil.copy(model / checkpoint.name(7), directory / "encoder.safetensors")
        for name in ("bert_config.json", "vocab.txt"):
            shutil.copy(model / name, directory)

    encoder = made_once("encoder", make_encoder)
    how = options(similarities, task="stsb", epochs=2, batch_size=8, max_seq_length=24)

    def make(directory):
        finetune(options=how, model=str(encoder), seed=5, lower_case=True, destination=Directory(str(directory)))

    return made_once("scored", make)
