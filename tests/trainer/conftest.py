"""A tiny model, real records and a recipe for it."""

import logging

import numpy as np
import pytest
from hypothesis import settings

from berth import log
from berth.recipe import Recipe
from berth.stage import Directory
from berth.stage.inputs import Inputs
from support.shared_engines import shared
from support.trainer_files import GOLDEN, RECORDS, VOCABULARY

# The first example of a kernel's test also compiles it.
settings.register_profile("trainer", deadline=None, derandomize=True)
settings.load_profile("trainer")
log.setup()  # TensorFlow's settings must be in the environment before it is imported


@pytest.fixture(autouse=True)
def _log_as_it_was():
    """A command called in a test sets up logging to that test's own standard error, which is closed after it."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(scope="session")
def golden():
    """Directory of the golden model."""
    return GOLDEN / "model"


@pytest.fixture(scope="session")
def batch():
    """The golden batch of four sequences: 48 tokens, 8 masked positions each."""
    with np.load(GOLDEN / "model" / "hf_logits.npz") as content:
        features = {name: content[name] for name in content.files if "logits" not in name and "loss" not in name}
    weights = dict.fromkeys(("corrupted_weights", "bigram_wrong_weights"), features["masked_lm_weights"])
    return {**features, **weights, "example_weights": np.ones(4, dtype=np.float32)}


@pytest.fixture(scope="session")
def records():
    """Records of 64 tokens with 20 masked positions at most, gzip-compressed."""
    return Inputs.of(str(RECORDS))


@pytest.fixture(scope="session")
def vocabulary():
    """The vocabulary these records were made with."""
    return Inputs.of(str(VOCABULARY))


@pytest.fixture(scope="session")
def tiny_recipe():
    """Two phases of a tiny model over these records, with a checkpoint every four steps."""
    phase = {"records": "short", "steps": 6, "batch_size": 4, "learning_rate": 0.01, "warmup_steps": 2}
    return Recipe.model_validate(
        {
            "name": "tiny",
            "seed": 7,
            "corpus": {"sources": [{"path": "dump.bz2"}]},
            "segmentation": {"eval_documents": 1},
            "records": {"short": {"max_seq_length": 64, "max_predictions": 20}},
            "model": {
                "hidden_size": 16,
                "num_hidden_layers": 1,
                "num_attention_heads": 2,
                "intermediate_size": 32,
                "max_position_embeddings": 64,
            },
            "training": {
                "phases": [
                    {"name": "first", **phase},
                    {"name": "second", **phase, "accumulation": 2, "optimizer_state": "reset"},
                ],
                "checkpoint_every_steps": 4,
                "keep_checkpoints": 2,
                "log_every_steps": 3,
            },
            "evaluation": {"records": "short"},
        }
    )


@pytest.fixture(scope="session")
def _shared_engines():
    """Training runs and evaluations of equal models take one engine: most of their time is what TensorFlow traces."""
    from trainer.evaluation import model
    from trainer.loop import training_run

    patch = pytest.MonkeyPatch()
    create = shared(training_run.create)
    for module in (model, training_run):
        patch.setattr(module, "create", create)
    yield
    patch.undo()


@pytest.fixture(scope="session")
def trained(_shared_engines, tiny_recipe, records, vocabulary, tmp_path_factory):
    """The directory of a training run of the tiny recipe that nothing interrupted; tests do not change it."""
    from trainer.loop.train import train

    directory = tmp_path_factory.mktemp("trained") / "out"
    train(recipe=tiny_recipe, records={"short": records}, vocabulary=vocabulary, destination=Directory(str(directory)))
    return directory
