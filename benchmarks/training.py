"""Training speed: an update of each engine beside those of others, the reading of records, and accelerators.

    python benchmarks/training.py [--records GLOB] [--rounds N]            needs: pip install keras-hub jax
    python benchmarks/training.py --quickstart
    python benchmarks/training.py --accelerator [--records-128 GLOB] [--records-512 GLOB]
                                                                           needs: see docs/performance.md

On a CPU each engine runs in a process of its own. What is compared takes turns, so that other load on the machine
strikes both; the ratios are the figures to look at: medians over the rounds, of time and of user CPU. All use the tanh
form of GELU, as keras_hub does.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from berth import log

ROUNDS = 15
SECONDS_OF_READING = 3
BATCHES_OF_READING = (64, 512, 4096)
GOLDEN = Path(__file__).parents[1] / "tests" / "golden" / "records"
RECORDS_128, RECORDS_512 = GOLDEN / "finbert-128-cased.tfrecord.gz", GOLDEN / "mlperf-512-cased.tfrecord.gz"
OTHERS = {"tensorflow": "keras_hub", "jax": "plain JAX"}


def take_turns(steps: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Milliseconds and user CPU milliseconds of each program in each round."""
    for step in steps.values():
        step()
        step()
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            start, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_utime
            step()
            took = time.perf_counter() - start
            times[name].append((1000 * took, 1000 * (resource.getrusage(resource.RUSAGE_SELF).ru_utime - used)))
    return times


def compare(engine: str, rounds: int) -> None:
    """Print one engine's line of the table."""
    os.environ["KERAS_BACKEND"] = engine
    from training_parts import engine_step

    ours = engine_step.make_step(engine)
    if engine == "tensorflow":
        from training_parts.keras_hub_bert import make_step
    else:
        from training_parts.jax_bert import make_step
    times = take_turns({"berth": ours, "other": make_step()}, rounds)
    medians = [[statistics.median(one[which] for one in times[name]) for name in times] for which in (0, 1)]
    ratios = [
        statistics.median(a[which] / b[which] for a, b in zip(times["berth"], times["other"], strict=True))
        for which in (0, 1)
    ]
    (time_ours, time_theirs), (cpu_ours, cpu_theirs) = medians
    print(
        f"{engine:12} {time_ours:6.0f} ms, {cpu_ours:6.0f} CPU   {OTHERS[engine]:>10} {time_theirs:6.0f} ms, "
        f"{cpu_theirs:6.0f} CPU   ratio {ratios[0]:.2f}, {ratios[1]:.2f} CPU",
        flush=True,
    )


def quickstart(rounds: int) -> None:
    """Print what share of the speed of plain matrix products the quickstart's training reaches."""
    os.environ["KERAS_BACKEND"] = "jax"
    from training_parts.products import IN_A_ROW, flops, make_products, make_update

    from berth.recipe import file as recipe_file

    recipe = recipe_file.load("quickstart")
    times = take_turns({"update": make_update(recipe), "products": make_products(recipe)}, rounds)
    for which, unit in enumerate(("s", "CPU s")):
        rates = {
            name: IN_A_ROW * flops(recipe) / 1e6 / statistics.median(one[which] for one in taken)
            for name, taken in times.items()
        }
        print(
            f"the quickstart's update {rates['update']:4.0f} GFLOP/{unit}, matrix products of its shapes "
            f"{rates['products']:4.0f} GFLOP/{unit}: {rates['update'] / rates['products']:.0%}",
            flush=True,
        )


def reading_rate(pattern: str, batch: int) -> tuple[int, float, float]:
    """Tokens in a record, and records a second and a CPU second, read in the order of training, decoded and checked."""
    import numpy as np

    from berth.stage.inputs import Inputs
    from trainer.data.block_order import block_order
    from trainer.data.records import Limits, RecordSet

    records = RecordSet(Inputs.of(pattern), Limits(10**6, 2, 512))
    total = int(records.table.sizes.sum())
    order = block_order(records.table.records, total, streams=64, window_bytes=512 << 20, seed=1)
    records.read(np.arange(min(8, records.count)))
    count, start, used = 0, time.perf_counter(), time.process_time()
    while time.perf_counter() - start < SECONDS_OF_READING:
        records.read(order.records(np.arange(count, count + batch)))
        count += batch
    return records.max_seq_length, count / (time.perf_counter() - start), count / (time.process_time() - used)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--records", default=str(RECORDS_512), help="TFRecord files to read")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="rounds of the comparison")
    parser.add_argument("--accelerator", action="store_true", help="BERT-Base and BERT-Large on the devices JAX finds")
    parser.add_argument("--records-128", default=str(RECORDS_128), help="records of 128 tokens for --accelerator")
    parser.add_argument("--records-512", default=str(RECORDS_512), help="records of 512 tokens for --accelerator")
    parser.add_argument("--steps", type=int, default=30, help="updates timed for --accelerator")
    parser.add_argument("--check", action="store_true", help="with --accelerator: a tiny model, to see that it runs")
    parser.add_argument("--quickstart", action="store_true", help="the quickstart's update beside matrix products")
    parser.add_argument("--engine", help=argparse.SUPPRESS)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    log.setup()
    if arguments.engine:
        compare(arguments.engine, arguments.rounds)
    elif arguments.quickstart:
        quickstart(arguments.rounds)
    elif arguments.accelerator or arguments.case:
        os.environ["KERAS_BACKEND"] = "jax"
        from training_parts import accelerator

        if arguments.case:
            accelerator.run(accelerator.Case(**json.loads(arguments.case)))
        else:
            accelerator.table(
                {128: arguments.records_128, 512: arguments.records_512}, arguments.steps, arguments.check
            )
    else:
        from training_parts.small import BATCH, HIDDEN, LAYERS, LENGTH

        print(f"One update, {LAYERS} layers of {HIDDEN}, batch {BATCH} x {LENGTH}, {os.cpu_count()} cores", flush=True)
        for engine in OTHERS:
            arguments_of_child = ["--engine", engine, "--rounds", str(arguments.rounds)]
            subprocess.run([sys.executable, __file__, *arguments_of_child], check=True)
        for pattern in dict.fromkeys([arguments.records, str(RECORDS_128)]):
            for batch in BATCHES_OF_READING:
                length, rate, of_cpu = reading_rate(pattern, batch)
                print(
                    f"Reading records of {length} tokens, {batch} at a time: {rate:,.0f} records/s, "
                    f"{of_cpu:,.0f} a CPU second"
                )


if __name__ == "__main__":
    main()
