"""A pod of a JobSet: its variables, and those from which the engines find each other."""

import json

import pytest

from berth.errors import UsageError
from trainer.loop.hosts import Pod, process_number

POD = {
    "JOBSET_NAME": "train-x",
    "REPLICATED_JOB_NAME": "workers",
    "JOB_INDEX": "0",
    "JOB_COMPLETION_INDEX": "1",
    "BERTH_HOSTS": "3",
}


def test_hosts_have_the_names_of_the_headless_service():
    pod = Pod.of(POD)
    assert [pod.host(number) for number in range(2)] == ["train-x-workers-0-0.train-x", "train-x-workers-0-1.train-x"]


def test_tensorflow_gets_all_hosts_and_its_number(monkeypatch):
    settings = Pod.of(POD).settings("tensorflow")
    assert json.loads(settings["TF_CONFIG"]) == {
        "cluster": {"worker": [f"train-x-workers-0-{number}.train-x:2222" for number in range(3)]},
        "task": {"type": "worker", "index": 1},
    }
    monkeypatch.setenv("TF_CONFIG", settings["TF_CONFIG"])
    assert process_number() == 1


def test_jax_gets_the_first_host_and_its_number(monkeypatch):
    settings = Pod.of(POD).settings("jax")
    assert settings == {
        "JAX_COORDINATOR_ADDRESS": "train-x-workers-0-0.train-x:8476",
        "JAX_NUM_PROCESSES": "3",
        "JAX_PROCESS_ID": "1",
    }
    monkeypatch.delenv("TF_CONFIG", raising=False)
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    assert process_number() == 1


@pytest.mark.parametrize("engine", ["tensorflow", "jax"])
def test_a_single_pod_needs_to_find_nobody(engine):
    assert Pod.of({**POD, "BERTH_HOSTS": "1", "JOB_COMPLETION_INDEX": "0"}).settings(engine) == {}


def test_outside_a_jobset_there_is_no_pod():
    assert Pod.of({"BERTH_HOSTS": "3"}) is None


@pytest.mark.parametrize("missing", sorted(set(POD) - {"JOBSET_NAME"}))
def test_a_missing_variable_is_an_error(missing):
    with pytest.raises(UsageError, match=f"no {missing}"):
        Pod.of({**POD, missing: ""})


@pytest.mark.parametrize(
    "change", [{"JOB_COMPLETION_INDEX": "3"}, {"BERTH_HOSTS": "two"}, {"BERTH_HOSTS": "27275807"}, {"JOB_INDEX": "-1"}]
)
def test_impossible_variables_are_an_error(change):
    with pytest.raises(
        UsageError, match=r"do not say which pod of its JobSet this is.*less than BERTH_HOSTS.*berth k8s"
    ):
        Pod.of({**POD, **change})
