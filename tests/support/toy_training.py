"""A training run around the engine of NumPy, in which something happens while a checkpoint is being written."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import Buffer

from berth.recipe import Recipe
from berth.stage import Directory, Result
from berth.stage.inputs import Inputs
from berth.storage import local
from support.toy_engine import ToyEngine
from support.trainer_files import RECORDS, VOCABULARY

CHUNK = 1 << 14  # bytes of a checkpoint that are written at a time
RECIPE = Recipe.model_validate(
    {
        "name": "toy",
        "seed": 7,
        "corpus": {"sources": [{"path": "dump.bz2"}]},
        "segmentation": {"eval_documents": 1},
        "records": {"short": {"max_seq_length": 64, "max_predictions": 20}},
        "evaluation": {"records": "short", "examples": 4, "every_steps": 3, "batch_size": 4},
        "model": {
            "hidden_size": 8,
            "num_hidden_layers": 1,
            "num_attention_heads": 2,
            "intermediate_size": 8,
            "max_position_embeddings": 64,
        },
        "training": {
            "phases": [{"name": "one", "records": "short", "steps": 12, "batch_size": 4, "learning_rate": 0.1}],
            "checkpoint_every_steps": 4,
            "keep_checkpoints": 1,
            "log_every_steps": 1,
        },
    }
)


def train_toy(directory: str, engine: Callable[[Any], ToyEngine] = ToyEngine) -> Result:
    """Run it, or continue it."""
    from trainer.evaluation import model
    from trainer.loop import training_run
    from trainer.loop.train import train

    records, vocabulary = Inputs.of(str(RECORDS)), Inputs.of(str(VOCABULARY))
    with pytest.MonkeyPatch.context() as patch:
        for module in (model, training_run):
            patch.setattr(module, "create", lambda name, settings: engine(settings))
        return train(
            recipe=RECIPE,
            records={"short": records},
            vocabulary=vocabulary,
            evaluation=records,
            destination=Directory(directory),
        )


@contextlib.contextmanager
def while_writing(happens: Callable[[str, int], object]) -> Iterator[None]:
    """Call a function before each piece of a checkpoint is written, with the file's name and the piece's number."""
    write = local._Output.write
    pieces: dict[int, int] = {}

    def in_pieces(self: local._Output, data: Buffer) -> int:
        name = Path(self._uri).name
        if not name.startswith("checkpoint-"):
            return write(self, data)
        pieces[id(self)] = pieces.get(id(self), 0) + 1
        happens(name, pieces[id(self)])
        return write(self, memoryview(data)[:CHUNK])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(local._Output, "write", in_pieces)
        yield


def contents(directory: str | Path) -> dict[str, bytes]:
    """The result's files, without the manifest, which holds the time taken."""
    return {path.name: path.read_bytes() for path in Path(directory).glob("[!.]*") if path.name != "manifest.json"}


def main(directory: str, seconds: str) -> None:
    """Train as a command does; each piece of a checkpoint takes some seconds to write."""
    from berth.errors import BerthError

    try:
        with while_writing(lambda name, piece: time.sleep(float(seconds))):
            train_toy(directory)
    except BerthError as error:
        sys.exit(error.exit_status)
