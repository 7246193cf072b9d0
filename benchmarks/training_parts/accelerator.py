"""Sequences a second and model FLOP/s utilisation of BERT-Base and BERT-Large on an accelerator, under JAX.

Each case is a process of its own: its memory is free again when it ends. Where a batch does not fit, half is tried.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from berth import machines
from berth.recipe import ModelConfig, Optimizer, Phase
from berth.stage.inputs import Inputs
from trainer import models
from trainer.checkpoints.initial_weights import initial
from trainer.data.order import GlobalOrder
from trainer.data.records import Features, Limits, RecordSet, Share, prefetch, training_batch
from trainer.engines import Scalars, Settings, create
from trainer.models.dropout import example_keys
from trainer.schedules import schedule
from training_parts.small import full_batch

VOCABULARY = 30522
PRECISION = "mixed_bfloat16"
MODELS = {
    "Base": ModelConfig(),
    "Large": ModelConfig(hidden_size=1024, num_hidden_layers=24, num_attention_heads=16, intermediate_size=4096),
    "Tiny": ModelConfig(hidden_size=64, num_hidden_layers=2, num_attention_heads=2, intermediate_size=128),
}
SEED = 1
WARM_UP_STEPS = 5
OUT_OF_MEMORY = 3  # exit status of a case


@dataclass(frozen=True)
class Case:
    """One row of the table.

    Args:
        model: Key of MODELS.
        length: Tokens in a sequence.
        predictions: Masked positions in a sequence.
        batch: Sequences in an update, on all devices together.
        attention: ``plain``, with dropout 0.1 of the scores as in the recipes; ``fused``, without.
        records: Pattern of TFRecord files; empty takes one synthetic batch again and again.
        steps: Updates timed.
    """

    model: str
    length: int
    predictions: int
    batch: int
    attention: str
    records: str
    steps: int


def cases(records: dict[int, str], steps: int, check: bool) -> list[Case]:
    """The rows of the table; with ``check`` the same of a tiny model, to see that the command runs."""
    shapes = [("Base", 128, 20, 512), ("Large", 128, 20, 256), ("Large", 512, 76, 64)]
    if check:
        shapes, steps = [("Tiny", length, predictions, 8) for _, length, predictions, _ in shapes[1:]], 3
    return [
        Case(model, length, predictions, batch, attention, pattern, steps)
        for model, length, predictions, batch in shapes
        for attention in ("plain", "fused")
        for pattern in ("", records[length])
    ]


def table(records: dict[int, str], steps: int, check: bool) -> None:
    """Run all cases and print a table in Markdown."""
    print("| model | tokens | data | attention | batch | seq/s | TFLOP/s | MFU | device |")
    print("|---|---|---|---|---|---|---|---|---|", flush=True)
    for case in cases(records, steps, check):
        found = _in_a_process(case)
        data = "records" if case.records else "synthetic"
        head = f"| {case.model} | {found['length']} | {data} | {case.attention} | {found['batch']} "
        mfu = "" if found["mfu"] is None else f"{found['mfu']:.1%}"
        print(f"{head}| {found['rate']:,.0f} | {found['flops'] / 1e12:.1f} | {mfu} | {found['device']} |", flush=True)


def _in_a_process(case: Case) -> dict[str, Any]:
    script = Path(__file__).parents[1] / "training.py"
    batch = case.batch
    while True:
        text = json.dumps({**asdict(case), "batch": batch})
        done = subprocess.run([sys.executable, str(script), "--case", text], stdout=subprocess.PIPE, text=True)
        if done.returncode != OUT_OF_MEMORY or batch == 1:
            break
        batch //= 2
    if done.returncode:
        sys.exit(f"{case} failed with status {done.returncode}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def run(case: Case) -> None:
    """Time one case and print what was found as JSON; exit with OUT_OF_MEMORY where it does not fit."""
    from jax.errors import JaxRuntimeError

    try:
        print(json.dumps(measure(case)))
    except JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" not in str(error):
            raise
        print(f"a batch of {case.batch} does not fit", file=sys.stderr, flush=True)
        os._exit(OUT_OF_MEMORY)  # at once: what the driver still holds is not asked


def measure(case: Case) -> dict[str, Any]:
    """Updates in a row as the training loop makes them: data made ahead by a thread, results left on the device."""
    dropout = {"attention_probs_dropout_prob": 0.0} if case.attention == "fused" else {}
    config = models.configuration_of(MODELS[case.model].model_copy(update=dropout), VOCABULARY)
    settings = Settings(config, precision=PRECISION, optimizer=Optimizer(kind="lamb"), attention=case.attention)
    engine = create("jax", settings)
    engine.assign(initial(engine.shapes, SEED, config.initializer_range))
    make, length, predictions = _data(case)
    numbers = range(1, WARM_UP_STEPS + case.steps + 1)
    start, result = 0.0, None
    for number, features in zip(numbers, prefetch(make, numbers), strict=True):
        if number == WARM_UP_STEPS + 1:
            np.asarray(result)
            start = time.perf_counter()
        result = engine.train(features, Scalars(1e-4, number))
    if not np.isfinite(np.asarray(result)).all():
        sys.exit(f"{case}: the loss is no number, so the speed means nothing")
    rate = case.steps * case.batch / (time.perf_counter() - start)
    operations = models.get(config.architecture).figures.flops_per_sequence(
        MODELS[case.model], vocab_size=VOCABULARY, length=length, predictions=predictions
    )
    mfu = machines.utilisation(rate * operations, engine.replicas, machines.peak_flops(engine.device, PRECISION))
    return {
        "length": length,
        "batch": case.batch,
        "rate": rate,
        "flops": rate * operations / engine.replicas,
        "mfu": mfu,
        "device": f"{engine.replicas} × {engine.device}",
    }


def _data(case: Case) -> tuple[Callable[[int], Features], int, int]:
    """What makes the batch of an update, and the length and masked positions of its sequences."""
    keys_of = np.arange(case.batch)

    def completed(features: Features, number: int) -> Features:
        features["dropout_keys"] = example_keys(SEED, number, keys_of)[None]
        features["example_weights"] = np.ones((1, case.batch), dtype=np.float32)
        return features

    if not case.records:
        fixed = full_batch(case.batch, case.length, case.predictions, VOCABULARY)
        synthetic = {name: values[None] for name, values in fixed.items()}
        return lambda number: completed(dict(synthetic), number), case.length, case.predictions
    records = RecordSet(Inputs.of(case.records), Limits(VOCABULARY, 2, 512))
    order = GlobalOrder(records.count, SEED)
    phase = Phase(name="a", records="r", steps=10**9, batch_size=case.batch, learning_rate=1e-4)

    def read(number: int) -> Features:
        features, _ = training_batch(records, order, schedule.update([phase], number), Share())
        return completed(features, number)

    return read, records.max_seq_length, records.max_predictions
