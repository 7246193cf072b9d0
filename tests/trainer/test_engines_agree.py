"""One recipe, six ways to train: both engines, on one device, two devices and two processes."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from trainer_files import RECORDS, VOCABULARY, changed

from trainer import checkpoint

SCRIPT = Path(__file__).with_name("run_engine.py")
ROOT = Path(__file__).parents[2]
STEPS = 20
WAYS = [(engine, places) for engine in ("tensorflow", "jax") for places in ("device", "devices", "processes")]


def free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def environments(engine, places):
    """The environment of each process of a training."""
    if places == "device":
        return [{}]
    if places == "devices":
        split = {"BERTH_TEST_DEVICES": "2"} if engine == "tensorflow" else {}
        return [split or {"XLA_FLAGS": "--xla_force_host_platform_device_count=2"}]
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    if engine == "jax":
        common = {"JAX_COORDINATOR_ADDRESS": addresses[0], "JAX_NUM_PROCESSES": "2"}
        return [{**common, "JAX_PROCESS_ID": str(index)} for index in range(2)]
    return [
        {"TF_CONFIG": json.dumps({"cluster": {"worker": addresses}, "task": {"type": "worker", "index": index}})}
        for index in range(2)
    ]


def train(engine, places, accumulation, dropout, output):
    arguments = [engine, str(STEPS), str(accumulation), str(dropout), str(output)]
    processes = [
        subprocess.Popen(
            [sys.executable, str(SCRIPT), *arguments],
            env={**os.environ, "PYTHONPATH": str(ROOT), "KERAS_BACKEND": engine, **environment},
        )
        for environment in environments(engine, places)
    ]
    assert [process.wait(timeout=200) for process in processes] == [0] * len(processes)
    return checkpoint.read(str(output))


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """TensorFlow on one device, without dropout and with it."""
    directory = tmp_path_factory.mktemp("reference")
    return {rate: train("tensorflow", "device", 1, rate, directory / str(rate))[0] for rate in (0.0, 0.1)}


@pytest.mark.slow
@pytest.mark.parametrize("dropout", [0.0, 0.1])
@pytest.mark.parametrize(("engine", "places"), WAYS)
def test_all_ways_of_training_end_with_the_same_weights(reference, engine, places, dropout, tmp_path):
    """With dropout too: masks depend on the example, not on where it is computed. Two micro-batches a step."""
    arrays, state = train(engine, places, 2, dropout, tmp_path / "out")
    assert state["replicas"] == (1 if places == "device" else 2)
    for name, expected in reference[dropout].items():
        if "adam" not in name and name != "sums":
            np.testing.assert_allclose(arrays[name], expected, atol=1e-5, err_msg=name)
    np.testing.assert_allclose(arrays["sums"], reference[dropout]["sums"], rtol=1e-5)


TRAIN = """
import sys
from berth import log
log.setup()
from berth.errors import BerthError
from berth.inputs import Inputs
from berth.recipe import Recipe
from berth.stage import Directory
from trainer.train import train
recipe, records, vocabulary, output = sys.argv[1:]
try:
    train(recipe=Recipe.model_validate_json(recipe), records={"short": Inputs.of(records)},
          vocabulary=Inputs.of(vocabulary), place=Directory(output))
except BerthError as error:
    print(error)
    sys.exit(error.exit_status)
"""


def start_stage(recipe, engine, places, directory):
    """Start the processes of a training stage that share an output directory."""
    recipe = changed(recipe, training={"engine": engine})
    return [
        subprocess.Popen(
            [sys.executable, "-c", TRAIN, recipe.model_dump_json(), str(RECORDS), str(VOCABULARY), str(directory)],
            env={**os.environ, "PYTHONPATH": str(ROOT), "KERAS_BACKEND": engine, **environment},
            stdout=subprocess.PIPE,
            text=True,
        )
        for environment in environments(engine, places)
    ]


def finish(processes):
    outputs = [process.communicate(timeout=200)[0] for process in processes]
    return [process.returncode for process in processes], outputs


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["tensorflow", "jax"])
def test_two_processes_stop_together_and_go_on_as_one(tiny_recipe, engine, tmp_path):
    """SIGTERM to one of two stops both at one step; a single process finishes as if nothing had happened."""
    phases = [{**phase.model_dump(), "steps": 400} for phase in tiny_recipe.training.phases]
    recipe = changed(tiny_recipe, training={"phases": phases, "checkpoint_every_steps": 50})
    processes = start_stage(recipe, engine, "processes", tmp_path / "out")
    while not list((tmp_path / "out").glob("checkpoint-*")):
        time.sleep(0.05)
        assert [process.poll() for process in processes] == [None, None]
    processes[1].send_signal(signal.SIGTERM)
    statuses, outputs = finish(processes)
    assert statuses == [143, 143]
    assert all("stopped by SIGTERM after step" in output for output in outputs)
    assert finish(start_stage(recipe, engine, "device", tmp_path / "out"))[0] == [0]
    assert finish(start_stage(recipe, engine, "device", tmp_path / "alone"))[0] == [0]
    arrays, alone = (checkpoint.read(str(tmp_path / name / checkpoint.name(800)))[0] for name in ("out", "alone"))
    for name, expected in alone.items():
        np.testing.assert_allclose(arrays[name], expected, atol=2e-3, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["tensorflow", "jax"])
def test_losing_a_process_ends_the_others_within_two_minutes(tiny_recipe, engine, tmp_path):
    phases = [{**phase.model_dump(), "steps": 10**6} for phase in tiny_recipe.training.phases]
    processes = start_stage(changed(tiny_recipe, training={"phases": phases}), engine, "processes", tmp_path / "out")
    while not list((tmp_path / "out").glob("checkpoint-*")):
        time.sleep(0.05)
    processes[1].kill()
    processes[1].communicate()
    output, _ = processes[0].communicate(timeout=120)
    assert processes[0].returncode not in (0, None)
    assert "another process of this training has ended" in output
