"""Training on several machines from a task of a pipeline: its JobSet trains, then the task finds the stage finished."""

import shutil
import threading

import pytest

from berth import retry
from berth.cluster import jobset, manifests
from berth.errors import BerthError, UsageError
from berth.stage import Stage, Workspace, run
from berth.stage import run_index as runs
from berth.stage.inputs import Inputs
from support.kubernetes_server import KubernetesServer
from support.trainer_files import RECORDS, VOCABULARY, changed
from trainer import pod
from trainer.loop.train import train

IMAGE = "registry.example.org/berth:1.0"


@pytest.fixture
def recipe(tiny_recipe):
    """Two hosts with a GPU each, in a namespace of their own."""
    cluster = {"namespace": "research", "stages": {"train": {"accelerator": "l4-1", "hosts": 2}}}
    return changed(tiny_recipe, cluster=cluster)


@pytest.fixture
def stages(recipe, tmp_path):
    """Directories of the data, by their titles."""

    def stage(name, target, source, **parameters):
        def work(output):
            shutil.copyfile(source, output.path(target))

        return run(Stage(name, 1, parameters, seed=recipe.seed), Workspace(str(tmp_path)), work).uri

    made = {**recipe.records["short"].identity(), "lower_case": recipe.vocabulary.lower_case}
    return {
        "records short": stage("records", "part.tfrecord.gz", RECORDS, **made),
        "vocabulary": stage("vocab", "vocab.txt", VOCABULARY),
        "evaluation set": stage("evalset", "eval.tfrecord.gz", RECORDS),
    }


def started(recipe, stages, tmp_path, server):
    how = {"image": IMAGE, "client": server.client, "seconds": 0.05}
    jobset.train(recipe=recipe, workspace=str(tmp_path), stages=stages, **how)


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch):
    """Attempts follow each other at once."""
    monkeypatch.setattr(retry, "LONGEST_WAIT_SECONDS", 0.01)


@pytest.mark.reproducibility
def test_the_jobset_trains_and_the_task_finds_the_stage_done(recipe, stages, tmp_path):
    def work(job):
        """What the pods do: the config maps give them recipe and workspace."""
        config_maps = {name: content for (kind, name), content in server.objects.items() if kind == "configmaps"}
        (workspace,) = [
            each["data"]["BERTH_WORKSPACE"] for each in config_maps.values() if "BERTH_WORKSPACE" in each["data"]
        ]
        (text,) = [each["data"]["recipe.yaml"] for each in config_maps.values() if "recipe.yaml" in each["data"]]
        pod.train(type(recipe).model_validate_json(text), workspace)
        return "Completed", "done"

    with KubernetesServer(work) as server:
        started(recipe, stages, tmp_path, server)
    (job,) = [content for (kind, _), content in server.objects.items() if kind == "jobsets"]
    assert job["spec"]["replicatedJobs"][0]["template"]["spec"]["completions"] == 2
    assert {namespace for _, _, namespace in server.calls} == {"research"}
    result = train(
        recipe=recipe,
        records={"short": Inputs.of_stage(stages["records short"], "*")},
        vocabulary=Inputs.of_stage(stages["vocabulary"], "vocab.txt"),
        destination=Workspace(str(tmp_path)),
    )
    assert result.was_up_to_date and result.uri == runs.training(str(tmp_path), recipe)


def finish(recipe, tmp_path):
    """Create the directory of a finished training run."""
    directory = tmp_path / "train" / "done"
    directory.mkdir(parents=True)
    (directory / "manifest.json").write_text("{}")
    runs.record_training(str(tmp_path), recipe, str(directory))


def rendered(recipe, tmp_path):
    """The JobSet that the task would start."""
    destination = manifests.Placement(IMAGE, str(tmp_path), *jobset.machines(recipe.cluster))
    return manifests.job(recipe, "train", destination)[-1]


def test_temporary_errors_are_tried_again(recipe, stages, tmp_path):
    finish(recipe, tmp_path)
    with KubernetesServer() as server:
        server.faults = [("", 503, 1), ("", 429, 1)]
        started(recipe, stages, tmp_path, server)
    created = [kind for method, kind, _ in server.calls if method == "POST"]
    assert created == ["configmaps", "configmaps", "jobsets"]


def test_a_running_jobset_is_followed(recipe, stages, tmp_path):
    finish(recipe, tmp_path)
    job = rendered(recipe, tmp_path)
    with KubernetesServer() as server:
        server.put(job)
        threading.Timer(0.3, server.end, (job, ("Completed", "done"))).start()
        started(recipe, stages, tmp_path, server)
    assert {method for method, _, _ in server.calls} == {"GET"}


def test_a_jobset_that_has_ended_is_replaced(recipe, stages, tmp_path):
    finish(recipe, tmp_path)
    with KubernetesServer() as server:
        server.put(rendered(recipe, tmp_path), ("Failed", "too many restarts"))
        started(recipe, stages, tmp_path, server)
    assert [method for method, kind, _ in server.calls if kind == "jobsets"][:3] == ["GET", "DELETE", "GET"]


def test_a_running_jobset_of_another_recipe_is_left_alone(recipe, stages, tmp_path):
    with KubernetesServer() as server:
        server.put(rendered(changed(recipe, seed=8), tmp_path))
        with pytest.raises(
            BerthError,
            match=r"jobset/train-tiny: a JobSet of this name is running for another recipe or workspace.*kubectl",
        ):
            started(recipe, stages, tmp_path, server)
    assert {method for method, _, _ in server.calls} == {"GET"}


def test_its_failure_is_the_tasks(recipe, stages, tmp_path):
    words = r"the training run failed\. Found host 1 ended with status 1\. .*kubectl"
    with (
        KubernetesServer(lambda job: ("Failed", "host 1 ended with status 1")) as server,
        pytest.raises(BerthError, match=words),
    ):
        started(recipe, stages, tmp_path, server)


def test_an_end_without_a_result_is_an_error(recipe, stages, tmp_path):
    with KubernetesServer() as server, pytest.raises(BerthError, match="the training run is not finished"):
        started(recipe, stages, tmp_path, server)


@pytest.mark.parametrize(("status", "attempts"), [(403, 1), (500, retry.ATTEMPTS)])
def test_a_refusal_is_an_error_after_the_attempts_of_the_policy(recipe, stages, tmp_path, status, attempts):
    with KubernetesServer() as server:
        server.faults = [("", status, 20)]
        with pytest.raises(BerthError, match=f"refuses a request.*{status}") as error:
            started(recipe, stages, tmp_path, server)
    assert error.value.exit_status == (75 if status >= 500 else 1)
    assert len(server.requests) == attempts


def test_outside_a_cluster_it_says_what_to_do(recipe, stages, tmp_path):
    with pytest.raises(UsageError, match=r"started by a task in their cluster.*berth k8s"):
        jobset.train(recipe=recipe, workspace=str(tmp_path), image=IMAGE, stages=stages)


def test_a_batch_that_the_machines_cannot_share_starts_nothing(recipe, stages, tmp_path):
    phases = [{**phase.model_dump(), "batch_size": 3, "accumulation": 1} for phase in recipe.training.phases]
    with KubernetesServer() as server, pytest.raises(UsageError, match="cannot be divided evenly"):
        started(changed(recipe, training={"phases": phases}), stages, tmp_path, server)
    assert server.requests == [] and server.objects == {}
