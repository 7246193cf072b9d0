"""What pods run: the commands of the rendered JobSet, as processes with the environment that a cluster gives them."""

import errno
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from berth.cluster import manifests
from berth.stage import Stage, Workspace, run
from berth.stage import run_index as runs
from support.trainer_files import RECORDS, VOCABULARY, changed
from trainer import pod
from trainer.checkpoints import checkpoint

HOSTS = 2
IMAGE = "registry.example.org/berth:1.0"
STEPS = 60
# Compiling takes long where other tests run too.
SECONDS = 400
# A node: a network that exists in namespaces of its own, with an address for each pod.
NODE = """
set -e
mount -t tmpfs none /run && mkdir /run/netns
ip link set lo up && ip link add cni0 type bridge && ip link set cni0 up
for pod in $(seq 0 $(($0 - 1))); do
  ip netns add pod$pod
  ip link add veth$pod type veth peer name eth0 netns pod$pod && ip link set veth$pod master cni0 up
  ip -n pod$pod addr add 10.0.0.$((pod + 1))/24 dev eth0
  ip -n pod$pod link set eth0 up && ip -n pod$pod link set lo up
done
echo ready
exec sleep infinity
"""
# A pod: its own network and host name; the others' names resolve, as they do by the headless service.
POD = 'mount --bind "$0" /etc/hosts && hostname "$1" && shift && exec "$@"'


def stage(workspace, name, parameters=None, **files):
    """A finished stage that holds the given files; returns its directory."""

    def work(output):
        for target, source in files.items():
            shutil.copyfile(source, output.path(target.replace("__", ".")))

    return run(Stage(name, 1, parameters or {}), Workspace(str(workspace)), work).uri


@pytest.fixture(params=["jax"])
def recipe(request, tiny_recipe):
    """One phase, so that there is one program to compile, for two devices."""
    phase = {**tiny_recipe.training.phases[0].model_dump(), "steps": STEPS, "batch_size": 8}
    return changed(tiny_recipe, training={"phases": [phase], "engine": request.param, "checkpoint_every_steps": 5})


@pytest.fixture
def prepare(recipe):
    """Makes a workspace with the data of the recipe, as the job data-prep leaves it."""

    def prepare(workspace):
        made = {**recipe.records["short"].identity(), "lower_case": recipe.vocabulary.lower_case}
        directories = {
            "records short": stage(workspace, "records", made, part__tfrecord__gz=RECORDS),
            "vocabulary": stage(workspace, "vocab", vocab__txt=VOCABULARY),
            "evaluation set": stage(workspace, "evalset", eval__tfrecord__gz=RECORDS),
        }
        runs.record_data(str(workspace), recipe, directories)

    return prepare


class JobSet:
    """The pods of a rendered JobSet, as processes."""

    def __init__(self, recipe, workspace, directory):
        destination = manifests.Placement(IMAGE, str(workspace), None, HOSTS)
        config, content, self.manifest = manifests.job(recipe, "train", destination)
        self.name = self.manifest["metadata"]["name"]
        (job,) = self.manifest["spec"]["replicatedJobs"]
        self.job = job["name"]
        (self.container,) = job["template"]["spec"]["template"]["spec"]["containers"]
        (self.fatal,) = [
            rule["onExitCodes"]["values"]
            for rule in job["template"]["spec"]["podFailurePolicy"]["rules"]
            if "onExitCodes" in rule
        ]
        self.processes = []
        self.config, self.directory = config["data"], Path(directory)
        self.directory.mkdir(exist_ok=True)
        (self.directory / "recipe.yaml").write_text(content["data"]["recipe.yaml"])
        self.hosts = [f"{self.name}-{self.job}-0-{number}" for number in range(HOSTS)]
        names = [f"10.0.0.{number + 1} {host}.{self.name} {host}\n" for number, host in enumerate(self.hosts)]
        (self.directory / "hosts").write_text("127.0.0.1 localhost\n" + "".join(names))
        self.node = None

    def environment(self, number):
        """What the cluster's controllers and the manifest put into a pod's environment."""
        annotations = {
            "jobset.sigs.k8s.io/jobset-name": self.name,
            "jobset.sigs.k8s.io/replicatedjob-name": self.job,
            "jobset.sigs.k8s.io/job-index": "0",
        }
        variables = {"JOB_COMPLETION_INDEX": str(number), **self.config}
        for variable in self.container["env"]:
            if "value" in variable:
                variables[variable["name"]] = variable["value"]
            else:
                path = variable["valueFrom"]["fieldRef"]["fieldPath"]
                variables[variable["name"]] = annotations[
                    path.removeprefix("metadata.annotations['").removesuffix("']")
                ]
        return variables

    def start(self):
        """All pods at once. Returns their processes."""
        if self.node is None:
            command = ["unshare", "--map-root-user", "--mount", "--net", "bash", "-c", NODE, str(HOSTS)]
            self.node = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
            assert self.node.stdout.readline() == "ready\n"
        processes = []
        for number in range(HOSTS):
            variables = self.environment(number)
            words = [*self.container["command"], *self.container["args"]]
            for name, value in variables.items():
                words = [word.replace(f"$({name})", value) for word in words]
            words = [word.replace("/etc/berth", str(self.directory)) for word in words]
            assert words[0] == "python"
            command = [
                "nsenter",
                "--target",
                str(self.node.pid),
                "--user",
                "--preserve-credentials",
                "--mount",
                "--net",
            ]
            command += ["ip", "netns", "exec", f"pod{number}", "unshare", "--mount", "--uts"]
            command += ["sh", "-c", POD, str(self.directory / "hosts"), self.hosts[number]]
            # The image's own environment: an installed Berth, and JAX for the processor.
            environment = {**os.environ, **variables, "JAX_PLATFORMS": "cpu"}
            with open(self.directory / f"pod-{number}.log", "ab") as log:
                processes.append(
                    subprocess.Popen([*command, sys.executable, *words[1:]], env=environment, stdout=log, stderr=log)
                )
        self.processes += processes
        return processes

    def end(self):
        """Nothing survives a test that fails."""
        for process in [*self.processes, *filter(None, [self.node])]:
            process.kill()
            process.wait()
        if self.node is not None:
            self.node.stdout.close()

    def logs(self):
        return "".join(path.read_text() for path in sorted(self.directory.glob("pod-*.log")))


@pytest.fixture
def jobset(recipe, tmp_path):
    """Makes a JobSet over a workspace."""
    made = []

    def make(workspace):
        made.append(JobSet(recipe, tmp_path / workspace, tmp_path / f"{workspace}-pods"))
        return made[-1]

    yield make
    for each in made:
        each.end()


def wait_for_checkpoint(workspace, recipe, step):
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        directory = runs.training(str(workspace), recipe)
        if directory and any(saved >= step for saved in checkpoint.list_steps(directory)):
            return
        time.sleep(0.05)
    pytest.fail("no checkpoint appeared")


def result(workspace, recipe):
    """The files of a training run that another one must equal byte for byte."""
    directory = Path(runs.training(str(workspace), recipe))
    names = [checkpoint.name(STEPS), "metrics.jsonl", "training.json"]
    return {name: (directory / name).read_bytes() for name in names}


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("recipe", ["jax", "tensorflow"], indirect=True)
def test_two_hosts_train_to_the_end_also_when_one_is_lost_and_when_they_are_stopped(recipe, prepare, jobset, tmp_path):
    prepare(tmp_path / "calm")
    calm = jobset("calm")
    assert [process.wait(timeout=SECONDS) for process in calm.start()] == [0, 0], calm.logs()

    prepare(tmp_path / "rough")
    rough = jobset("rough")

    # One host disappears: the other one ends with a status that lets the JobSet start all again.
    first, second = rough.start()
    wait_for_checkpoint(tmp_path / "rough", recipe, 10)
    second.send_signal(signal.SIGKILL)
    assert second.wait() == -signal.SIGKILL
    status = first.wait(timeout=SECONDS)
    assert status != 0 and status not in rough.fatal, rough.logs()

    # One host gets SIGTERM: all save at the same step and end, with a status that does the same.
    first, second = rough.start()
    wait_for_checkpoint(tmp_path / "rough", recipe, 30)
    second.send_signal(signal.SIGTERM)
    assert [process.wait(timeout=SECONDS) for process in (first, second)] == [143, 143], rough.logs()
    assert 143 not in rough.fatal

    assert [process.wait(timeout=SECONDS) for process in rough.start()] == [0, 0], rough.logs()
    assert "continuing after step" in rough.logs()
    assert result(tmp_path / "rough", recipe) == result(tmp_path / "calm", recipe)


def test_without_data_the_pod_says_how_to_make_it_and_is_not_started_again(recipe, tmp_path, capfd, monkeypatch):
    for name in ("JOBSET_NAME", "TF_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "recipe.yaml").write_text(recipe.model_dump_json())
    arguments = [str(tmp_path / "recipe.yaml"), "--workspace", str(tmp_path / "w")]
    for work in ("train", "evaluate"):
        assert pod.main([work, *arguments]) in JobSet(recipe, tmp_path / "w", tmp_path / "pods").fatal
        assert "no data for the recipe" in capfd.readouterr().err


def test_a_pod_that_lacks_variables_of_its_jobset_is_not_started_again(recipe, tmp_path, capfd, monkeypatch):
    monkeypatch.setenv("JOBSET_NAME", "train-tiny")
    (tmp_path / "recipe.yaml").write_text(recipe.model_dump_json())
    assert pod.main(["train", str(tmp_path / "recipe.yaml"), "--workspace", str(tmp_path)]) == 2
    assert "which pod of its JobSet this is are missing" in capfd.readouterr().err


@pytest.mark.parametrize(("number", "expected"), [(errno.EIO, 75), (errno.EPERM, 70)])
def test_an_error_of_the_system_starts_the_pod_again(number, expected, recipe, tmp_path, capfd, monkeypatch):
    monkeypatch.delenv("JOBSET_NAME", raising=False)
    (tmp_path / "recipe.yaml").write_text(recipe.model_dump_json())

    def fail(*_):
        raise OSError(number, os.strerror(number), "/data/file")

    monkeypatch.setattr(runs, "data", fail)
    assert pod.main(["train", str(tmp_path / "recipe.yaml"), "--workspace", str(tmp_path / "w")]) == expected
    assert "/data/file: the operating system reports an error" in capfd.readouterr().err


def test_an_error_that_nobody_expected_starts_the_pod_again(recipe, tmp_path, capfd, monkeypatch):
    monkeypatch.delenv("JOBSET_NAME", raising=False)
    (tmp_path / "recipe.yaml").write_text(recipe.model_dump_json())
    monkeypatch.setattr(runs, "data", lambda *_: 1 / 0)
    status = pod.main(["train", str(tmp_path / "recipe.yaml"), "--workspace", str(tmp_path / "w")])
    assert status not in {0, *JobSet(recipe, tmp_path / "w", tmp_path / "pods").fatal}
    assert "ZeroDivisionError" in capfd.readouterr().err
