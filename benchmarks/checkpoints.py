"""Checkpoints: how long training waits for one, how long it takes to write, and what writing costs the training.

    python benchmarks/checkpoints.py [--gigabytes 1] [--engine tensorflow] [--directory DIR] [--rounds 5]

Training waits for the copy of the state to the host's memory (`Engine.arrays`): the first one into new memory, later
ones into the same. A thread writes it meanwhile, while matrix products in place of steps show what it takes from the
training. On CPUs the device's memory is the host's. CPU seconds are user and system; every figure is the median of the
rounds. On a busy machine times by the wall's clock say little.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from berth import log

HIDDEN, VOCABULARY = 768, 30522
BYTES_PER_LAYER = 3 * 4 * 12 * HIDDEN**2  # a layer's kernels with the optimizer's two moments
OTHER_BYTES = 3 * 4 * VOCABULARY * HIDDEN
BLOCKED = 0.02  # the share of the time that training may wait


def measure(do: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the wall's clock and CPU seconds that a function takes."""

    def used() -> float:
        usage = resource.getrusage(resource.RUSAGE_SELF)
        return usage.ru_utime + usage.ru_stime

    start, before = time.perf_counter(), used()
    do()
    return time.perf_counter() - start, used() - before


def work(matrix: np.ndarray, seconds: float) -> float:
    """Products of a small matrix for some seconds; pieces of work a second."""
    count, start = 0, time.perf_counter()
    while (passed := time.perf_counter() - start) < seconds:
        for _ in range(20):
            matrix @ matrix
        count += 1
    return count / passed


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gigabytes", type=float, default=1.0)
    parser.add_argument("--engine", default="tensorflow", choices=["tensorflow", "jax"])
    parser.add_argument("--directory", default=tempfile.gettempdir())
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    log.setup()
    os.environ["KERAS_BACKEND"] = arguments.engine
    from berth.recipe import ModelConfig, Optimizer
    from trainer import models
    from trainer.checkpoints import safetensors
    from trainer.engines import Settings, create
    from trainer.loop.background import Background

    layers = max(1, round((arguments.gigabytes * 1e9 - OTHER_BYTES) / BYTES_PER_LAYER))
    shape = ModelConfig(
        hidden_size=HIDDEN, num_hidden_layers=layers, num_attention_heads=12, intermediate_size=4 * HIDDEN
    )
    engine = create(arguments.engine, Settings(models.configuration_of(shape, VOCABULARY), optimizer=Optimizer()))
    kept: dict[str, np.ndarray] = {}
    times: dict[str, list[tuple[float, float]]] = {"the first copy": [], "later copies": [], "writing": []}
    speeds: list[float] = []
    matrix = np.random.default_rng(0).random((256, 256), dtype=np.float32)
    times["the first copy"].append(measure(lambda: kept.update(engine.arrays())))
    with tempfile.TemporaryDirectory(dir=arguments.directory) as directory, Background() as background:

        def write() -> None:
            safetensors.write(str(Path(directory, "checkpoint-00000001.safetensors")), kept, {"step": 1})

        for _ in range(arguments.rounds):
            times["later copies"].append(measure(lambda: engine.arrays(kept)))
            times["writing"].append(measure(write))
            alone = work(matrix, 1.0)
            background.start(write)
            speeds.append(work(matrix, 1.0) / alone)
            background.wait()
    size = sum(array.nbytes for array in kept.values())
    print(
        f"{arguments.engine}, a state of {size / 1e9:.2f} GB, load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n"
    )
    print("| | seconds | CPU seconds |\n|---|---|---|")
    for name, pairs in times.items():
        seconds, used = (statistics.median(each) for each in zip(*pairs, strict=True))
        print(f"| {name} | {seconds:.2f} | {used:.2f} |")
    waits = statistics.median(used for _, used in times["later copies"])
    print(f"\nspeed of other work meanwhile: {statistics.median(speeds):.0%}")
    print(
        f"training waits at most 2% of its time if checkpoints are {waits / BLOCKED:.0f} s or more apart (CPU seconds)"
    )


if __name__ == "__main__":
    main()
