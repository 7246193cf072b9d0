"""Checkpoints are written while training goes on; whatever happens, there is a whole one, and no other file."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from random import Random

import pytest

from berth import retry, storage
from berth.errors import BerthError, TemporaryError
from berth.storage import cloud, cloud_upload
from support.storage_proxy import StorageProxy
from support.toy_engine import ToyEngine
from support.toy_training import contents, train_toy, while_writing
from trainer.checkpoints import checkpoint, safetensors
from trainer.loop import background
from trainer.loop.loop import InterruptedTrainingError

FIRST = checkpoint.name(4)


class AtOnce:
    """In place of the thread: training waits for each checkpoint, as it did before there was one."""

    def __init__(self, target, **options):
        self.start = target

    def join(self):
        """It has ended."""


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Files of a run that waited for each checkpoint."""
    directory = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(background, "Thread", AtOnce)
        train_toy(str(directory))
    return contents(directory)


def engine_that(happens):
    """An engine that calls a function with the number of the update before each."""

    class Engine(ToyEngine):
        def train(self, features, scalars):
            happens(scalars.update)
            return super().train(features, scalars)

    return Engine


def whole(directory):
    """The steps of the checkpoints in a directory; each is read with its checksums."""
    steps = checkpoint.list_steps(str(directory))
    for step in steps:
        safetensors.read(str(directory / checkpoint.name(step)))
    return steps


def test_training_goes_on_meanwhile_and_the_files_are_the_same(undisturbed, tmp_path):
    gate, there = threading.Event(), []

    def look(number):
        if number == 7:
            there.append((tmp_path / FIRST).exists())
            gate.set()

    with while_writing(lambda name, piece: gate.wait() if (name, piece) == (FIRST, 3) else None):
        train_toy(str(tmp_path), engine_that(look))
    assert there == [False]
    assert contents(tmp_path) == undisturbed


@pytest.mark.parametrize("seed", range(4))
def test_the_files_do_not_depend_on_how_fast_they_are_written(undisturbed, tmp_path, seed):
    """Nor do those that are deleted: the best so far, and the newest, may be still on their way."""
    random = Random(seed)
    pauses = {checkpoint.name(step): random.choice((0.0, 0.02)) for step in range(13)}
    with while_writing(lambda name, piece: time.sleep(pauses[name])):
        train_toy(str(tmp_path), engine_that(lambda number: time.sleep(random.choice((0.0, 0.01)))))
    assert contents(tmp_path) == undisturbed


@pytest.mark.parametrize("fails", [8, 12])
def test_a_save_that_fails_is_raised_and_deletes_nothing(undisturbed, tmp_path, fails):
    def full(name, piece):
        if (name, piece) == (checkpoint.name(fails), 3):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), name)

    with while_writing(full), pytest.raises((BerthError, OSError), match="No space left"):
        train_toy(str(tmp_path))
    assert whole(tmp_path)[-1] < fails
    assert {4: [], 8: [4], 12: [8]}[fails] == [step for step in whole(tmp_path) if step % 4 == 0][-1:]
    assert not list(tmp_path.glob(".*.tmp")) and not (tmp_path / "manifest.json").exists()
    train_toy(str(tmp_path))
    assert contents(tmp_path) == undisturbed


def test_the_error_reaches_the_loop_at_the_next_step(tmp_path):
    failed, reached = threading.Event(), []

    def fail(name, piece):
        if name == FIRST:
            failed.set()
            raise BerthError("cannot write here")

    def look(number):
        reached.append(number)
        if number == 5:
            failed.wait()
            time.sleep(0.05)  # until the thread has noted it

    with while_writing(fail), pytest.raises(BerthError, match="cannot write here"):
        train_toy(str(tmp_path), engine_that(look))
    assert reached[-1] <= 6


def test_sigterm_during_a_save_ends_with_a_whole_checkpoint(undisturbed, tmp_path):
    gate = threading.Event()

    def stop(number):
        if number == 6:
            os.kill(os.getpid(), signal.SIGTERM)
            threading.Timer(0.05, gate.set).start()  # while the loop waits

    with (
        while_writing(lambda name, piece: gate.wait() if (name, piece) == (FIRST, 3) else None),
        pytest.raises(InterruptedTrainingError, match="stopped by SIGTERM after step 6 of 12"),
    ):
        train_toy(str(tmp_path), engine_that(stop))
    assert whole(tmp_path)[-1] == 6
    assert not list(tmp_path.glob(".*.tmp"))
    train_toy(str(tmp_path))
    assert contents(tmp_path) == undisturbed


@pytest.fixture
def uploads(bucket, monkeypatch):
    """A proxy before the bucket, in which checkpoints are uploaded in parts."""
    with StorageProxy(os.environ["STORAGE_EMULATOR_HOST"]) as server:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", server.url)
        monkeypatch.setattr(retry, "LONGEST_WAIT_SECONDS", 0.01)
        monkeypatch.setattr(cloud_upload, "LARGE_BYTES", 100_000)
        monkeypatch.setattr(cloud_upload, "PART_BYTES", 50_000)
        cloud.client.cache_clear()
        yield server
        cloud.client().close()
        cloud.client.cache_clear()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of a dropped connection
def test_an_upload_that_fails_in_the_middle_leaves_the_checkpoint_before(undisturbed, uploads, bucket):
    place = f"{bucket}/model"
    uploads.faults = [
        (f"PUT .*{FIRST}.*partNumber=2", "drop", 1),
        (f"PUT .*{checkpoint.name(8)}.*partNumber=2", 503, 99),
    ]
    with pytest.raises(TemporaryError, match=rf"{checkpoint.name(8)}: Cloud Storage cannot be reached"):
        train_toy(place)
    assert 4 in checkpoint.list_steps(place) and 8 not in checkpoint.list_steps(place)
    assert not storage.exists(f"{place}/manifest.json")
    uploads.faults = []
    train_toy(place)
    names = [name for name in storage.names_below(place) if not name.startswith(".") and name != "manifest.json"]
    assert {name: storage.read_bytes(f"{place}/{name}") for name in names} == undisturbed
    parts, manifest = (
        max(number for number, request in enumerate(uploads.requests) if what in request)
        for what in ("partNumber", "ifGenerationMatch=0")
    )
    assert parts < manifest


SCRIPT = """
import sys, berth.stage, trainer.loop
sys.path.append("tests")
from support.toy_training import main
main(*sys.argv[1:])
"""


@pytest.fixture
def started(tmp_path):
    """Start a training run in a process of its own; the seconds are those of each piece of a checkpoint."""

    def start(seconds):
        root = Path(__file__).parents[3]
        return subprocess.Popen([sys.executable, "-c", SCRIPT, str(tmp_path / "out"), str(seconds)], cwd=root)

    return start


def send_during_save(process, directory, step, number):
    """Send a signal when a part of the checkpoint of a step is written; returns the status with which it ends."""
    while not any(path.stat().st_size for path in directory.glob(f".{checkpoint.name(step)}.*.tmp") if path.exists()):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(number)
    return process.wait()


@pytest.mark.reproducibility
def test_a_process_stopped_in_the_middle_of_a_save_has_saved_all(undisturbed, tmp_path, started):
    directory = tmp_path / "out"
    assert send_during_save(started(0.05), directory, 4, signal.SIGTERM) == 143
    assert whole(directory)
    assert not list(directory.glob(".*.tmp"))
    assert started(0).wait() == 0
    assert contents(directory) == undisturbed


@pytest.mark.reproducibility
def test_a_process_killed_in_the_middle_of_a_save_has_the_checkpoint_before(undisturbed, tmp_path, started):
    directory = tmp_path / "out"
    for step in (4, 8, 12):
        assert send_during_save(started(0.05), directory, step, signal.SIGKILL) == -signal.SIGKILL
        assert [each for each in whole(directory) if each % 4 == 0] == ([step - 4] if step > 4 else [])
        assert list(directory.glob(".*.tmp"))
    assert started(0).wait() == 0
    assert contents(directory) == undisturbed
    assert not list(directory.glob(".*.tmp"))
