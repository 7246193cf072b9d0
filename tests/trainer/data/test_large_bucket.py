"""An epoch of 2 GB of records in a bucket, with faults in the middle: each block is fetched once; memory is bounded."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from berth import storage
from support.record_blocks import FRAME, RECORDS, write_shard
from support.storage_proxy import StorageProxy
from support.trainer_files import changed

SHARDS, BLOCKS = 240, 8
FAULTS = ["drop", "deaf", "cut", 503, 429, lambda content: content[:-9] + b"?" + content[-8:]]

SCRIPT = """
import json, sys, time
import numpy as np
from berth import retry
from berth.recipe import Recipe
from berth.stage.inputs import Inputs, InputFile
from support.record_blocks import LIMITS, numbers_of, peak_memory
from trainer.data.batches import Batches
from trainer.data.records import Share, prefetch

retry.LONGEST_WAIT_SECONDS = 0.01
given = json.load(sys.stdin)
recipe = Recipe.model_validate(given["recipe"])
files = tuple(InputFile(**file) for file in given["files"])
made = Batches(recipe, {"short": Inputs(files, ("gs://",), False)}, LIMITS)
steps, start, used = recipe.training.phases[0].steps, time.monotonic(), time.process_time()
seen = np.zeros(made.sets["short"].count, np.int64)
for features, _ in prefetch(lambda number: made.read(number, Share()), range(1, steps + 1)):
    np.add.at(seen, numbers_of(features).ravel(), 1)
seconds, cpu = time.monotonic() - start, time.process_time() - used
made.buffer.close()
total = int(made.sets["short"].table.sizes.sum())
assert (seen == 1).all(), np.bincount(seen)
print(json.dumps({"peak": peak_memory(), "bytes": total, "seconds": seconds,
                  "cpu": cpu, "records": len(seen)}))
"""


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_an_epoch_of_a_large_bucket(bucket, tiny_recipe, tmp_path, capsys):
    files = []
    for shard in range(SHARDS):
        name = f"{shard:05d}.tfrecord"
        write_shard(str(tmp_path), name, shard * BLOCKS * RECORDS, BLOCKS)
        for part in (name, f"{name}.index"):
            with storage.atomic_write(f"{bucket}/large/{part}") as file:
                file.write((tmp_path / part).read_bytes())
        uri, sha256 = f"{bucket}/large/{name}", storage.sha256(str(tmp_path / name))
        revision = storage.revision(uri)
        size = BLOCKS * RECORDS * FRAME
        files.append({"uri": uri, "name": name, "size": size, "sha256": sha256, "revision": revision})
        (tmp_path / name).unlink()
    batch = 3840
    steps = SHARDS * BLOCKS * RECORDS // batch
    assert steps * batch == SHARDS * BLOCKS * RECORDS
    phase = {"name": "a", "records": "short", "steps": steps, "batch_size": batch, "learning_rate": 0.1}
    recipe = changed(tiny_recipe, training={"phases": [phase]})
    root = Path(__file__).parents[3]
    with StorageProxy(os.environ["STORAGE_EMULATOR_HOST"]) as proxy:
        proxy.faults = [(f"/large/{shard:05d}.tfrecord\\?", kind, 1) for shard, kind in enumerate(FAULTS * 5, 100)]
        process = subprocess.run(
            [sys.executable, "-c", SCRIPT],
            input=json.dumps({"recipe": recipe.model_dump(mode="json"), "files": files}),
            capture_output=True,
            text=True,
            cwd=root,
            env={
                **os.environ,
                "PYTHONPATH": f"{root}:{root / 'tests'}",
                "STORAGE_EMULATOR_HOST": proxy.url,
            },
        )
        requests = [request for request in proxy.requests if "/download/" in request and ".index" not in request]
        assert process.returncode == 0, process.stderr
        assert proxy.faults == []
        # A block at the border of two streams is read by both.
        assert 0 <= len(requests) - SHARDS * BLOCKS - len(FAULTS * 5) < recipe.training.order_streams
    figures = json.loads(process.stdout)
    assert figures["peak"] < 2_000_000_000
    size, seconds = figures["bytes"], figures["seconds"]
    report = (
        f"{size / 1e9:.2f} GB in {seconds:.0f} s ({size / seconds / 1e6:.0f} MB/s), {len(requests)} requests, "
        f"{1e6 * figures['cpu'] / figures['records']:.0f} us CPU a record, peak {figures['peak'] / 1e6:.0f} MB"
    )
    with capsys.disabled():
        sys.stdout.write(f"\n{report}\n")
