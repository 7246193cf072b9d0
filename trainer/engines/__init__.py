"""Engines: the compiled train and evaluation steps over the devices of one or many processes, behind one interface."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from berth.errors import UsageError
from berth.optional_imports import without
from berth.recipe import Optimizer
from trainer.models import Configuration

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Settings:
    """Settings of an engine.

    Args:
        config: The model's shape.
        next_sentence: Whether it has the next-sentence head.
        precision: Keras dtype policy.
        optimizer: None for evaluation only.
        attention: ``plain``, or ``fused`` (JAX).
    """

    config: Configuration
    next_sentence: bool = True
    precision: str = "float32"
    optimizer: Optimizer | None = None
    attention: str = "plain"


@dataclass(frozen=True)
class Scalars:
    """The scalars of one update.

    Args:
        learning_rate: From the schedule.
        update: Number of this update since the optimizer's state was reset, from 1.
    """

    learning_rate: float
    update: int


class Engine(Protocol):
    """A model on its devices. Arrays are numpy's; names are those of the architecture's checkpoints."""

    shapes: dict[str, tuple[int, ...]]
    """Shapes of the model's variables."""
    process: int
    processes: int
    replicas: int
    """Devices of all processes together."""
    device: str
    """The name that the driver reports for a device, such as ``NVIDIA H200``."""
    lost: tuple[type[Exception], ...]
    """Exceptions that are raised when another process of the training run has ended."""

    def assign(self, arrays: Arrays) -> None:
        """Set the named variables and optimizer slots."""

    def reset_optimizer(self) -> None:
        """Set the optimizer's slots to zero."""

    def arrays(self, into: dict[str, np.ndarray] | None = None) -> dict[str, np.ndarray]:
        """All variables and optimizer slots, in the host's memory, where later updates do not change them.

        ``into``, the result of an earlier call, is written over or emptied.
        """

    def train(self, features: Arrays, scalars: Scalars) -> Any:
        """One update from this process's share of the global batch, features [micro-batches, local batch, …].

        Returns:
            A device array to be read later with numpy: the global sums (`metrics.SUMS`), then the global gradient norm.
        """

    def total(self, number: int) -> int:
        """The sum of a number over all processes; waits for them."""

    def evaluate(self, features: Arrays) -> np.ndarray:
        """The global sums (`metrics.EVALUATION_SUMS`) of a batch, from this process's share, features [local batch, …].

        All processes call this together; the global batch is a multiple of the replicas.
        """

    def predict(self, features: Arrays) -> tuple[np.ndarray, np.ndarray | None]:
        """Float32 logits at the masked positions [batch, predictions, vocabulary] and of the pair [batch, 2]."""


def create(name: str, settings: Settings) -> Engine:
    """Start an engine.

    Raises:
        UsageError: if there is no engine of that name.
    """
    if name == "tensorflow":
        with loading_tensorflow():
            from trainer.engines.tensorflow import TensorFlowEngine
        return TensorFlowEngine(settings)
    if name == "jax":
        with without("sklearn", "pandas"):
            from trainer.engines.jax import JaxEngine
        return JaxEngine(settings)
    raise UsageError("there is no such engine", where="training.engine", found=name, expected="tensorflow or jax")


def check_backend(engine: str) -> None:
    """Check that Keras, which is loaded once in a process and for one engine, is loaded for this one.

    Raises:
        UsageError: if it was loaded for another one.
    """
    import keras

    if keras.backend.backend() != engine:
        raise UsageError(
            "Keras was already loaded for another engine in this process",
            where="training.engine",
            found=keras.backend.backend(),
            expected=engine,
            fix="Run the two engines in two processes.",
        )


@contextlib.contextmanager
def loading_tensorflow() -> Iterator[None]:
    """Load TensorFlow and Keras, quietly and in two seconds less: without what nothing here uses of other packages.

    They import these if they are installed.
    """
    with quiet(), without("jax", "sklearn", "pandas"):
        yield


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Discard what TensorFlow's libraries write to stderr while they are loaded: no setting suppresses it so early."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:
            os.dup2(nowhere.fileno(), 2)
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
