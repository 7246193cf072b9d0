"""Event files: what TensorBoard's own reader finds in them, locally and in Cloud Storage, without TensorFlow."""

import subprocess
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from berth import storage
from trainer.loop.tensorboard import EventFile


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
    (uri,) = storage.glob(storage.Pattern(f"{bucket}/run/.tensorboard", "*"))
    (tmp_path / storage.basename(uri)).write_bytes(storage.read_bytes(uri))
    assert shown(tmp_path, "train/loss") == {10: 3.0}
    file.close()
    (tmp_path / storage.basename(uri)).write_bytes(storage.read_bytes(uri))
    assert shown(tmp_path, "train/loss") == {10: 3.0, 20: 2.0}


def test_neither_tensorflow_nor_torch_is_loaded():
    code = (
        "import sys, trainer.loop.tensorboard, berth.machines, trainer.models.bert.figures; print(*sorted(sys.modules))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"tensorflow", "torch", "keras", "jax"} & set(loaded)
