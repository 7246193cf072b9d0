"""The manifests under test, as kustomize and `berth k8s` give them, and what is read from them."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from berth import machines
from berth.cluster import manifests
from berth.recipe import file as recipe_file

Manifest = dict[str, Any]

K8S = Path(__file__).parents[2] / "k8s"
OVERLAYS = sorted(path.name for path in (K8S / "overlays").iterdir())
IMAGE = "europe-docker.pkg.dev/p/r/berth@sha256:" + "0123456789abcdef" * 4
WORKSPACE = "gs://bucket/workspace"
LARGE = "training.phases=[{name: a, records: short, steps: 2, batch_size: 8192, learning_rate: 0.1}]"
# The quickstart's own batches, of 8 sequences, cannot be divided by all of these machines' devices.
BATCHES = ["training.phases.0.batch_size=64", "training.phases.1.batch_size=64"]
TASK = "fine_tuning.sst2={task: sst2, data: 'gs://bucket/sst2'}"


def kustomize(directory: Path) -> list[Manifest]:
    """What `kubectl apply -k` would send."""
    command = ["kubectl", "kustomize", str(directory)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return list(YAML(typ="safe").load_all(output))


def rendered(kind: str, *settings: str, shape: str = "", hosts: int = 1) -> list[Manifest]:
    """What `berth k8s` prints for the quickstart with larger batches."""
    machine = machines.SHAPES[shape] if shape else None
    count = machine.hosts if machine is not None and machine.is_tpu else hosts
    placement = manifests.Placement(IMAGE, WORKSPACE, machine, count)
    return manifests.job(recipe_file.load("quickstart", [*BATCHES, *settings]), kind, placement)


RENDERED: dict[str, Callable[[], list[Manifest]]] = {
    "base": lambda: manifests.base(recipe_file.load("quickstart")),
    "data-prep": lambda: rendered("data-prep"),
    "train on CPUs": lambda: rendered("train", hosts=2),
    "train on GPUs": lambda: rendered("train", shape="l4-4", hosts=2),
    "train on spot GPUs": lambda: rendered("train", "cluster.stages.train.spot=true", shape="h100-80gb-8"),
    "train on a slice": lambda: rendered("train", shape="v5litepod-16"),
    "train on MLPerf's slice": lambda: rendered("train", LARGE, shape="v3-128"),
    "evaluate": lambda: rendered("evaluate", shape="l4-1"),
    "finetune": lambda: rendered("finetune", TASK, shape="l4-1"),
}


def of_kind(documents: Iterable[Manifest], *kinds: str) -> list[Manifest]:
    """The manifests of some kinds."""
    return [document for document in documents if document["kind"] in kinds]


def jobs(documents: list[Manifest]) -> list[Manifest]:
    """Specs of all batch jobs, those inside JobSets too."""
    inner = [
        job["template"]["spec"] for jobset in of_kind(documents, "JobSet") for job in jobset["spec"]["replicatedJobs"]
    ]
    return [document["spec"] for document in of_kind(documents, "Job")] + inner


def templates(documents: list[Manifest]) -> list[Manifest]:
    """Templates of all pods."""
    return [job["template"] for job in jobs(documents)] + [
        document["spec"]["template"] for document in of_kind(documents, "Deployment")
    ]


def containers(documents: list[Manifest]) -> list[Manifest]:
    """Containers of all pods."""
    return [container for template in templates(documents) for container in template["spec"]["containers"]]
