"""Event files: what TensorBoard's own reader finds in them, locally and in Cloud Storage, without TensorFlow."""

import subprocess
import sys
import time

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from berth import storage
from trainer.loop.speed import Speed, in_words
from trainer.loop.tensorboard import EventFile
from trainer.schedules.schedule import Update


def shown(directory, tag):
    """Steps and values of a tag as TensorBoard shows them."""
    found = EventAccumulator(str(directory)).Reload()
    return {event.step: event.value for event in found.Scalars(tag)}


def write(directory, purge_step, steps, value):
    file = EventFile(str(directory), purge_step)
    for step in steps:
        file.add(step, {"train/loss": value})
    file.close()


def test_scalars_are_shown_by_step(tmp_path):
    write(tmp_path, 0, [10, 20], 1.5)
    assert shown(tmp_path, "train/loss") == {10: 1.5, 20: 1.5}


def test_what_a_run_did_after_the_checkpoint_that_it_continues_from_is_hidden(tmp_path):
    write(tmp_path, 0, [10, 20, 30], 1.0)
    write(tmp_path, 21, [30, 40], 2.0)
    assert shown(tmp_path, "train/loss") == {10: 1.0, 20: 1.0, 30: 2.0, 40: 2.0}


def test_a_file_in_cloud_storage_appears_when_it_is_flushed(bucket, tmp_path):
    file = EventFile(f"{bucket}/run/.tensorboard", 0)
    file.add(10, {"train/loss": 3.0})
    file.flush()
    file.add(20, {"train/loss": 2.0})
    (uri,) = storage.glob(f"{bucket}/run/.tensorboard/*")
    (tmp_path / storage.basename(uri)).write_bytes(storage.read_bytes(uri))
    assert shown(tmp_path, "train/loss") == {10: 3.0}
    file.close()
    (tmp_path / storage.basename(uri)).write_bytes(storage.read_bytes(uri))
    assert shown(tmp_path, "train/loss") == {10: 3.0, 20: 2.0}


def test_neither_tensorflow_nor_torch_is_loaded():
    code = "import sys, trainer.loop.tensorboard, berth.planning.flops; print(*sorted(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"tensorflow", "torch", "keras", "jax"} & set(loaded)


def test_pauses_are_no_time_of_training(tiny_recipe):
    phase = tiny_recipe.training.phases[0]
    speed = Speed({phase.name: 10**9}, devices=2, peak=1e12)
    with speed.paused():
        time.sleep(0.5)
    speed.count(Update(number=1, phase=phase, step=0, since_reset=1, position=0))
    time.sleep(0.01)
    told = speed.told()
    assert 4 / 0.4 < told["sequences_per_second"] <= 4 / 0.01
    assert told["model_flops_per_second"] == pytest.approx(1e9 * told["sequences_per_second"])
    assert told["model_flops_utilisation"] == pytest.approx(told["model_flops_per_second"] / 2e12)
    assert speed.told()["sequences_per_second"] == 0


def test_speed_in_words():
    told = {"sequences_per_second": 1234.5, "model_flops_per_second": 2.5e12}
    assert in_words(told) == {"sequences": "1234/s", "TFLOP/s": "2.5"}
    assert in_words({**told, "model_flops_per_second": 3e9}) == {"sequences": "1234/s", "GFLOP/s": "3"}
    assert in_words({**told, "model_flops_utilisation": 0.412}) == {"sequences": "1234/s", "MFU": "41.2%"}
