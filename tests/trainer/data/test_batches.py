"""Batches of a training run: from sets far larger than memory, the same for any number of hosts."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from berth.stage.inputs import Inputs
from support import record_blocks
from support.record_blocks import LIMITS, RECORDS, numbers_of, write_shard
from support.trainer_files import changed
from trainer.data.batches import Batches
from trainer.data.order import permute
from trainer.data.records import Share

MIB = 1 << 20


def recipe_of(tiny_recipe, steps=4, batch_size=64, **training):
    phase = {"name": "a", "records": "short", "steps": steps, "batch_size": batch_size, "learning_rate": 0.1}
    return changed(tiny_recipe, training={"phases": [phase], **training})


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """Three files of three blocks each."""
    directory = tmp_path_factory.mktemp("shards")
    for shard in range(3):
        write_shard(str(directory), f"{shard}.tfrecord", shard * 3 * RECORDS, 3)
    return Inputs.of(f"{directory}/*.tfrecord")


def test_the_global_order_gives_the_batches_that_it_always_gave(tiny_recipe, shards):
    made = Batches(recipe_of(tiny_recipe, order="global"), {"short": shards}, LIMITS)
    for number in (1, 3):
        expected = permute((number - 1) * 64 + np.arange(64), 9 * RECORDS, tiny_recipe.seed)
        assert numbers_of(made.read(number, Share())[0])[0].tolist() == expected.tolist()
        half = numbers_of(made.read(number, Share(1, 2))[0])[0]
        assert half.tolist() == expected[32:].tolist()


def test_a_set_smaller_than_the_windows_has_the_same_batches_in_both_orders(tiny_recipe, shards):
    both = [Batches(recipe_of(tiny_recipe, order=order), {"short": shards}, LIMITS) for order in ("blocks", "global")]
    read = [numbers_of(each.read(2, Share())[0]).tolist() for each in both]
    assert read[0] == read[1]


@pytest.mark.parametrize("buffer", [1, 1024])
def test_an_epoch_has_each_record_once_whatever_the_buffer(tiny_recipe, shards, buffer):
    """With windows of 2 MiB for 9 MiB of records, read ahead and, with a small buffer, dropped before they are used."""
    count = 9 * RECORDS
    recipe = recipe_of(
        tiny_recipe, steps=40, batch_size=count // 9, order_streams=4, order_window_mib=2, read_buffer_mib=buffer
    )
    made = Batches(recipe, {"short": shards}, LIMITS)
    read = np.concatenate([numbers_of(made.read(number, Share())[0])[0] for number in range(1, 10)])
    assert sorted(read.tolist()) == list(range(count))
    assert made.buffer.used <= max(buffer * MIB, 3 * MIB)
    made.buffer.close()


def test_every_phase_and_each_set_is_read_through_one_buffer(tiny_recipe, shards):
    phase = {"steps": 2, "batch_size": 64, "learning_rate": 0.1}
    phases = [{"name": name, "records": name, **phase} for name in ("short", "long")]
    sets = {"long": tiny_recipe.model_dump()["records"]["short"]}
    recipe = changed(tiny_recipe, training={"phases": phases}, records=sets)
    made = Batches(recipe, {"short": shards, "long": shards}, LIMITS)
    for number in range(1, 5):
        made.read(number, Share())
    assert made.buffer.used == sum(block.size for block in made.buffer._held.values()) <= 10 * MIB


def test_a_large_set_in_the_global_order_is_warned_of(tiny_recipe, shards, caplog):
    Batches(recipe_of(tiny_recipe, order="global", read_buffer_mib=4), {"short": shards}, LIMITS)
    assert "order: global then reads a whole block for each record" in caplog.text


SCRIPT = """
import sys
from pathlib import Path
import numpy as np
from berth import storage
from berth.recipe import Recipe
from berth.stage.inputs import Inputs
from support.record_blocks import LIMITS, RECORDS, FRAME, block, numbers_of, peak_memory, sparse_shard
from trainer.data.batches import Batches
from trainer.data.records import Share, batch_records
from trainer.schedules import schedule

SHARDS, BLOCKS = 500, 744  # 780 MB each
directory = Path(sys.argv[1])
recipe = Recipe.model_validate_json(sys.stdin.read())
files = tuple(sparse_shard(directory / f"{n:05d}.tfrecord", n, BLOCKS) for n in range(SHARDS))
read = []
plain = storage.read_range
def counted(uri, start, size, known=None):
    read.append(size)
    return plain(uri, start, size, known)
storage.read_range = counted
storage.open_read = None  # what reads a file as a whole, were it there

made = Batches(recipe, {"short": Inputs(files, (str(directory),), False)}, LIMITS)
assert made.sets["short"].count == SHARDS * BLOCKS * RECORDS > 150_000_000
assert read == []  # no record is read to start

update = schedule.update(recipe.training.phases, 2)
numbers, _ = batch_records(made._orders["short"], update, Share())
for number in np.unique(numbers // RECORDS).tolist():  # what is read there must be records
    with open(files[number // BLOCKS].uri, "r+b") as file:
        file.seek(number % BLOCKS * RECORDS * FRAME)
        file.write(block(number * RECORDS))

whole, places = made.read(2, Share())
assert numbers_of(whole).tolist() == numbers.tolist()
assert sum(read) <= 256 * RECORDS * FRAME, sum(read)
joined = np.empty(256, np.int64)
for process in range(8):
    part, places = made.read(2, Share(process, 8))
    joined[places.ravel()] = numbers_of(part).ravel()
assert joined.tolist() == numbers.ravel().tolist()
print(peak_memory(), sum(read))
"""


def test_training_on_390_gb_starts_without_reading_records(tiny_recipe, tmp_path):
    """500 sparse files of 780 MB: no record is read to start, a batch reads its blocks; on 8 hosts, the same batch."""
    recipe = recipe_of(tiny_recipe, steps=4, batch_size=256)
    root = Path(record_blocks.__file__).parents[2]
    process = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(tmp_path)],
        input=recipe.model_dump_json(),
        capture_output=True,
        text=True,
        cwd=root,
        env={**os.environ, "PYTHONPATH": f"{root}:{root / 'tests'}"},
    )
    assert process.returncode == 0, process.stderr
    peak, _ = map(int, process.stdout.split())
    assert peak < 1_000_000_000
