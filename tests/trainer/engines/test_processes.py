"""The variables by which processes find each other: what is impossible is one clear error with status 2."""

import json

import pytest

from berth.errors import UsageError
from trainer.engines import processes
from trainer.engines.processes import Processes
from trainer.loop.hosts import process_number


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    for name in (processes.TENSORFLOW, processes.ADDRESS, processes.COUNT, processes.NUMBER):
        monkeypatch.delenv(name, raising=False)


def workers(count, **task):
    return json.dumps({"cluster": {"worker": [f"host-{n}:2222" for n in range(count)]}, "task": task})


def test_without_variables_there_is_one_process():
    assert processes.of_tensorflow() == processes.of_jax() == Processes()
    assert process_number() == 0


@pytest.mark.parametrize("text", ["{}", '{"cluster": {}}', workers(1), workers(1, type="worker", index=0)])
def test_a_single_worker_is_alone(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    assert processes.of_tensorflow() == Processes()


def test_a_worker_has_its_number(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", workers(3, type="worker", index=2))
    assert processes.of_tensorflow() == Processes(2, 3) and process_number() == 2


@pytest.mark.parametrize(
    "text",
    [
        "nonsense",
        "[]",
        "1" * 5000,
        "[" * 100_000,
        '{"cluster": []}',
        '{"cluster": {"worker": "host:1"}}',
        '{"cluster": {"worker": [1]}}',
        '{"task": 3}',
        json.dumps({"cluster": {"chief": ["a:1"], "worker": ["b:1"]}, "task": {"type": "worker", "index": 0}}),
        json.dumps({"cluster": {"worker": ["a:1"], "ps": ["b:1"]}, "task": {"type": "worker", "index": 0}}),
        workers(2, type="evaluator", index=0),
        workers(2, type="worker", index=2),
        workers(2, type="worker", index=-1),
        workers(2, type="worker", index="first"),
        workers(2, type="worker", index=1.0),
        workers(2, type="worker", index=10**400),
    ],
)
def test_an_impossible_tf_config_is_refused(monkeypatch, text):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(UsageError, match="TF_CONFIG") as error:
        process_number()
    assert error.value.exit_status == 2 and len(str(error.value)) < 500


def test_jax_needs_all_three(monkeypatch):
    monkeypatch.setenv("JAX_PROCESS_ID", "1")
    with pytest.raises(UsageError, match="JAX_PROCESS_ID without JAX_COORDINATOR_ADDRESS, JAX_NUM_PROCESSES"):
        process_number()
    monkeypatch.setenv("JAX_COORDINATOR_ADDRESS", "host-0:8476")
    monkeypatch.setenv("JAX_NUM_PROCESSES", "2")
    assert processes.of_jax() == Processes(1, 2, "host-0:8476") and process_number() == 1


@pytest.mark.parametrize(
    ("number", "count"), [("2", "2"), ("-1", "2"), ("x", "2"), ("0", "0"), ("0", "1e3"), ("0", "9" * 5000)]
)
def test_impossible_numbers_are_refused(monkeypatch, number, count):
    monkeypatch.setenv("JAX_COORDINATOR_ADDRESS", "host-0:8476")
    monkeypatch.setenv("JAX_PROCESS_ID", number)
    monkeypatch.setenv("JAX_NUM_PROCESSES", count)
    with pytest.raises(UsageError, match=f"Found JAX_PROCESS_ID={number}, JAX_NUM_PROCESSES={count[:80]}"):
        process_number()


def test_both_at_once_are_refused(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", workers(2, type="worker", index=0))
    monkeypatch.setenv("JAX_COORDINATOR_ADDRESS", "host-0:8476")
    monkeypatch.setenv("JAX_PROCESS_ID", "0")
    monkeypatch.setenv("JAX_NUM_PROCESSES", "2")
    with pytest.raises(UsageError, match="both describe processes"):
        process_number()
