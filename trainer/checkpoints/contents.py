"""What the reader of each checkpoint format returns, and how it reads our own names."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np

from trainer.checkpoints import safetensors
from trainer.models import Architecture

_LAYER = re.compile(r"(?:^|[./])layers?[_.]([0-9]{1,9})[./]")


@dataclass(frozen=True)
class CheckpointContents:
    """What was read of a checkpoint.

    Args:
        arrays: The requested variables that it has, by our names.
        layers: Number of the encoder's layers in it, requested or not.
        strange: Names in it that look like the model's, but are none that the model can have.
        step: Optimizer updates before it, if its content says so.
    """

    arrays: dict[str, np.ndarray]
    layers: int
    strange: tuple[str, ...] = ()
    step: int | None = None


def read_safetensors(uri: str, names: Collection[str], architecture: Architecture) -> CheckpointContents:
    """The variables of these names in a safetensors file with our names. Raises BerthError if it is damaged."""
    seen: list[str] = []

    def is_wanted(name: str) -> bool:
        seen.append(name)
        return name in names

    arrays, _ = safetensors.read(uri, is_wanted)
    return CheckpointContents(arrays, count_layers(seen), tuple(filter(architecture.names.is_strange, seen)))


def count_layers(names: Iterable[str]) -> int:
    """Number of encoder layers among variable names, ours or Hugging Face's."""
    return max((int(match.group(1)) + 1 for name in names if (match := _LAYER.search(name))), default=0)
