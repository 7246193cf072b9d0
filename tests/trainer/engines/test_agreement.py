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

from support.trainer_files import RECORDS, VOCABULARY, changed
from trainer.checkpoints import checkpoint, safetensors

SCRIPT = Path(__file__).with_name("run_engine.py")
ROOT = Path(__file__).parents[3]
IMPORT_PATH = os.pathsep.join((str(ROOT), str(ROOT / "tests")))
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
            env={**os.environ, "PYTHONPATH": IMPORT_PATH, "KERAS_BACKEND": engine, **environment},
        )
        for environment in environments(engine, places)
    ]
    assert [process.wait(timeout=200) for process in processes] == [0] * len(processes)
    return safetensors.read(str(output))


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """TensorFlow on one device, without dropout and with it."""
    directory = tmp_path_factory.mktemp("reference")
    return {rate: train("tensorflow", "device", 1, rate, directory / str(rate))[0] for rate in (0.0, 0.1)}


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["tensorflow", "jax"])
def test_what_a_checkpoint_is_written_from_is_a_copy(engine, tmp_path):
    """The script asserts it."""
    train(engine, "device", 1, 0.0, tmp_path / "out")


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
import os, sys
from berth import log
log.setup()
if devices := os.environ.get("BERTH_TEST_DEVICES"):
    import tensorflow as tf
    kinds = [tf.config.LogicalDeviceConfiguration()] * int(devices)
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], kinds)
from berth.errors import BerthError
from berth.stage.inputs import Inputs
from berth.recipe import Recipe
from berth.stage import Directory
from trainer.loop.train import train
recipe, records, vocabulary, output = Recipe.model_validate_json(sys.argv[1]), Inputs.of(sys.argv[2]), *sys.argv[3:]
try:
    train(recipe=recipe, records={"short": records}, vocabulary=Inputs.of(vocabulary), destination=Directory(output),
          evaluation=records if recipe.evaluation.is_during_training else None)
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
            env={**os.environ, "PYTHONPATH": IMPORT_PATH, "KERAS_BACKEND": engine, **environment},
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
    arrays, alone = (safetensors.read(str(tmp_path / name / checkpoint.name(800)))[0] for name in ("out", "alone"))
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
    assert "another process of this training run has ended" in output


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["tensorflow", "jax"])
def test_float16_with_its_loss_scale_trains_the_same_in_two_processes(tiny_recipe, engine, tmp_path):
    recipe = changed(tiny_recipe, training={"precision": "mixed_float16"})
    for places in ("device", "processes"):
        statuses, outputs = finish(start_stage(recipe, engine, places, tmp_path / places))
        assert set(statuses) == {0}, outputs
    one, two = (safetensors.read(str(tmp_path / places / checkpoint.name(12)))[0] for places in ("device", "processes"))
    for name, expected in one.items():
        if name.startswith("loss_scale/"):
            assert two[name] == expected
        elif not name.endswith(
            ("/adam_m", "/adam_v", "key/bias")
        ):  # the key's bias has no gradient but rounding errors
            np.testing.assert_allclose(two[name], expected, atol=5e-4, err_msg=name)


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["tensorflow", "jax"])
def test_a_loss_that_is_no_number_stops_either_engine_with_the_step(tiny_recipe, engine, tmp_path):
    phase = {**tiny_recipe.training.phases[0].model_dump(), "learning_rate": 1e38, "warmup_steps": 0}
    recipe = changed(tiny_recipe, training={"phases": [phase]}, optimizer={"clip_global_norm": None})
    statuses, outputs = finish(start_stage(recipe, engine, "device", tmp_path / "out"))
    assert statuses == [1]
    assert "the loss or the gradient is not a finite number at step 2. Found no checkpoint yet" in outputs[0]


@pytest.fixture(scope="module")
def evaluated(tiny_recipe, tmp_path_factory):
    """A recipe with a target that is reached after step 6, and the evaluations up to it on one device."""
    model = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    recipe = changed(tiny_recipe, model=model, evaluation={"every_steps": 2, "batch_size": 25})
    directory = tmp_path_factory.mktemp("evaluated")
    assert finish(start_stage(recipe, "tensorflow", "device", directory / "out"))[0] == [0]
    lines = lines_of(directory / "out" / "evaluations.jsonl")
    losses = [line["masked_lm_loss"] for line in lines]
    assert losses[1] > losses[2] > losses[3] + 1e-3
    target = {"metric": "masked_lm_loss", "value": (losses[2] + losses[3]) / 2}
    return changed(recipe, evaluation={"target": target}), lines[:4]


def lines_of(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.slow
@pytest.mark.parametrize(("engine", "places"), WAYS)
def test_all_ways_of_training_evaluate_the_same_and_end_at_the_target(evaluated, engine, places, tmp_path):
    """Each device computes its share of a batch (26 where two share 25); all processes end at the same step."""
    recipe, expected = evaluated
    processes = start_stage(recipe, engine, places, tmp_path / "out")
    statuses, outputs = finish(processes)
    assert statuses == [0] * len(processes), outputs
    lines = lines_of(tmp_path / "out" / "evaluations.jsonl")
    assert [line["step"] for line in lines] == [0, 2, 4, 6]
    for line, other in zip(lines, expected, strict=True):
        for name in ("masked_lm_loss", "next_sentence_loss"):
            assert line[name] == pytest.approx(other[name], rel=1e-5)
        for name in ("masked_lm_accuracy", "next_sentence_accuracy"):
            assert line[name] == pytest.approx(other[name], abs=0.005)  # of equally likely answers, one must be chosen
    assert json.loads((tmp_path / "out" / "training.json").read_text())["ended"] == {
        "step": 6,
        "sequences": 24,
        "target_reached": True,
    }
