"""The encoder alone, as `berth export --format encoder` writes it for another training run to start from."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np

from berth import storage
from berth.stage.inputs import Inputs
from berth.stage.output import Output
from trainer.checkpoints import safetensors
from trainer.checkpoints.contents import CheckpointContents, read_safetensors
from trainer.models import CONFIG, Architecture, Configuration

WEIGHTS = "encoder.safetensors"


def exists(directory: str) -> bool:
    """Whether this is such a directory."""
    return storage.exists(storage.join(directory, WEIGHTS))


def files(directory: str) -> Inputs:
    """The checkpoint's files."""
    return Inputs.at(storage.join(directory, WEIGHTS))


def read(directory: str, names: Collection[str], architecture: Architecture) -> CheckpointContents:
    """Read the variables of these names. Raises BerthError if the file is damaged."""
    return read_safetensors(storage.join(directory, WEIGHTS), names, architecture)


def write(
    output: Output,
    arrays: Mapping[str, np.ndarray],
    config: Configuration,
    architecture: Architecture,
    next_sentence: bool,
    step: int | None,
) -> None:
    """Write encoder.safetensors and the configuration.

    The pooler is written only for a model with a next-sentence head, which trains it.
    """
    names = architecture.names
    exported = {
        name: array
        for name, array in arrays.items()
        if name.startswith(names.encoder) and (next_sentence or not name.startswith(names.pooler))
    }
    safetensors.write(output.path(WEIGHTS), exported, {"step": step})
    with storage.atomic_write(output.path(CONFIG)) as file:
        file.write(config.to_json())
