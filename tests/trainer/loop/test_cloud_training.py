"""Training in Cloud Storage: records, checkpoints and all outputs behave like local files, against an emulator."""

import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from berth import storage
from berth.stage import Directory
from berth.stage.inputs import Inputs
from support.trainer_files import GOLDEN, RECORDS, VOCABULARY, changed
from trainer import models
from trainer.checkpoints import checkpoint, safetensors
from trainer.checkpoints import initial_weights as weights
from trainer.checkpoints.checkpoint import Checkpoint
from trainer.data.records import Limits, RecordSet
from trainer.loop.train import train

ROOT = Path(__file__).parents[3]
LIMITS = Limits(vocab_size=2373, type_vocab_size=2, max_position_embeddings=64)
CLOCK = ("manifest.json", ".tensorboard")  # hold times


@pytest.fixture(scope="module")
def bucket(bucket):
    """With records, a vocabulary and a TF1 checkpoint in it."""
    for path in (RECORDS, VOCABULARY, *GOLDEN.glob("model/model.ckpt*")):
        with storage.atomic_write(f"{bucket}/in/{path.name}") as file:
            file.write(path.read_bytes())
    return bucket


def contents(directory):
    """The files of a training run, without those that hold times."""
    uris = storage.glob(storage.Pattern(directory, "**"))
    names = {uri: uri.removeprefix(directory).lstrip("/") for uri in uris}
    return {name: storage.read_bytes(uri) for uri, name in names.items() if not name.startswith(CLOCK)}


def test_records_are_read_from_a_bucket(bucket, records):
    there = RecordSet(Inputs.of(f"{bucket}/in/*.tfrecord.gz"), LIMITS)
    here = RecordSet(records, LIMITS)
    assert there.count == here.count
    order = np.arange(here.count)[::-7]
    for name, values in here.read(order).items():
        np.testing.assert_array_equal(there.read(order)[name], values)
    assert there.location(3).startswith(f"{bucket}/in/")


def test_checkpoints_in_a_bucket_are_written_found_and_pruned(bucket):
    directory = f"{bucket}/checkpoints"
    for step in (10, 20, 30):
        safetensors.write(storage.join(directory, checkpoint.name(step)), {"a": np.full(3, step)}, {"step": step})
    assert Checkpoint.find(directory).uri == f"{directory}/checkpoint-00000030.safetensors"
    checkpoint.prune(directory, 2, lambda step: True)
    assert checkpoint.list_steps(directory) == [20, 30]
    arrays, state = safetensors.read(Checkpoint.find(directory).uri)
    assert (arrays["a"] == 30).all() and state["step"] == 30


def test_a_tensorflow_checkpoint_in_a_bucket_is_fetched_by_our_own_client(bucket, golden):
    """TensorFlow's own support of gs:// has other credentials, and knows no emulator."""
    uri, shapes = f"{bucket}/in/model.ckpt-28252", {"bert/pooler/dense/kernel": (32, 32)}
    assert len(Checkpoint.find(uri).files.files) == 2
    found = weights.load(uri, shapes, models.get("bert"), seed=1, stddev=0.02)
    expected = weights.load(str(golden / "model.ckpt-28252"), shapes, models.get("bert"), seed=1, stddev=0.02)
    np.testing.assert_array_equal(found["bert/pooler/dense/kernel"], expected["bert/pooler/dense/kernel"])


SCRIPT = """
import sys
from berth import log
log.setup()
from berth.stage.inputs import Inputs
from berth.recipe import Recipe
from berth.stage import Directory
from trainer.loop.train import train
recipe, bucket = Recipe.model_validate_json(open(sys.argv[1]).read()), sys.argv[2]
train(recipe=recipe, records={"short": Inputs.of(bucket + "/in/*.tfrecord.gz")},
      vocabulary=Inputs.of(bucket + "/in/vocab.txt"), destination=Directory(bucket + "/out"))
"""


@pytest.mark.slow
def test_killed_and_continued_in_a_bucket_it_ends_as_an_undisturbed_local_run(
    bucket, tiny_recipe, records, vocabulary, tmp_path
):
    phases = [{**phase.model_dump(), "steps": 40} for phase in tiny_recipe.training.phases]
    recipe = changed(tiny_recipe, training={"phases": phases, "checkpoint_every_steps": 10})
    (tmp_path / "recipe.json").write_text(recipe.model_dump_json())

    def start():
        return subprocess.Popen([sys.executable, "-c", SCRIPT, str(tmp_path / "recipe.json"), bucket], cwd=ROOT)

    process = start()
    while not checkpoint.list_steps(f"{bucket}/out"):
        assert process.poll() is None
        time.sleep(0.01)
    process.kill()
    process.wait()
    saved = checkpoint.list_steps(f"{bucket}/out")
    assert not storage.exists(f"{bucket}/out/manifest.json") and saved[-1] < 80
    assert start().wait() == 0
    train(
        recipe=recipe, records={"short": records}, vocabulary=vocabulary, destination=Directory(str(tmp_path / "local"))
    )
    assert contents(f"{bucket}/out") == contents(str(tmp_path / "local"))
    # What is done is done, also for another process.
    again = train(
        recipe=recipe,
        records={"short": Inputs.of(f"{bucket}/in/*.tfrecord.gz")},
        vocabulary=Inputs.of(f"{bucket}/in/vocab.txt"),
        destination=Directory(f"{bucket}/out"),
    )
    assert again.was_up_to_date
