"""Kubernetes manifests for a recipe: those of k8s/, completed from its `cluster` section and the shape of the machines.

The overlays in k8s/overlays patch the same files with kustomize; tests/k8s compares the results.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import LiteralScalarString

from berth import storage
from berth.cluster.manifest_text import escaped
from berth.errors import UsageError
from berth.machines import Shape, node_selector, tolerations
from berth.recipe import IMAGE_REFERENCE, SHARED_DIRECTORY, Recipe

INSTALLED = "package://berth_k8s"
# The kinds of jobs: the file of each, and the stage whose resources it gets.
SOURCES = {
    "data-prep": ("data-prep/job.yaml", "extract"),
    "train": ("train/jobset.yaml", "train"),
    "evaluate": ("evaluate/job.yaml", "evaluate"),
    "finetune": ("finetune/job.yaml", "finetune"),
}
# The jobs that run the engine of the recipe; on a TPU it is JAX.
WITH_ENGINE = ("train", "evaluate")
BASE = "base"
KUEUE_QUEUE = "kueue.x-k8s.io/queue-name"
ONE_SLICE = {"alpha.jobset.sigs.k8s.io/exclusive-topology": "cloud.google.com/gke-nodepool"}
# A host name has 63 characters, with "-workers-0-9999" and a suffix of Kubernetes; a pod of a job appends "-abcde".
LONGEST_NAME, LONGEST_JOB_NAME = 40, 57
HASH_LENGTH = 10

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Placement:
    """The image, workspace and machines of a job.

    Args:
        image: Container image by tag or digest.
        workspace: gs:// URI.
        machine: Shape of the machines; None for CPUs.
        hosts: Number of machines.
    """

    image: str
    workspace: str
    machine: Shape | None
    hosts: int = 1

    def __post_init__(self) -> None:
        if not IMAGE_REFERENCE.fullmatch(self.image):
            raise UsageError(
                "this is not an image by tag or digest",
                where="image",
                found=self.image,
                expected="REGISTRY/NAME@sha256:… or REGISTRY/NAME:TAG; the tag `latest` is refused",
            )
        if not SHARED_DIRECTORY.fullmatch(self.workspace):
            raise UsageError(
                "the pods cannot share this workspace",
                where="--workspace",
                found=self.workspace,
                expected="a gs:// URI or the absolute path of a shared mount",
            )
        if self.machine is not None and self.machine.is_tpu and self.hosts != self.machine.hosts:
            raise UsageError(
                "the number of hosts does not match the TPU slice",
                where="hosts",
                found=str(self.hosts),
                expected=f"{self.machine.hosts}, as the slice {self.machine.name} has",
                fix="Omit the number of hosts, or choose another slice.",
            )


def base(recipe: Recipe) -> list[Manifest]:
    """The manifests that every job needs: namespace, accounts, roles, queues."""
    kustomization = _read(f"{BASE}/kustomization.yaml")[0]
    documents = [document for name in kustomization["resources"] for document in _read(f"{BASE}/{name}")]
    for document in documents:
        if document["kind"] == "Namespace":
            document["metadata"]["name"] = recipe.cluster.namespace
        elif document["kind"] == "ClusterQueue":
            labels = document["spec"]["namespaceSelector"]["matchLabels"]
            labels["kubernetes.io/metadata.name"] = recipe.cluster.namespace
        elif document["kind"] == "RoleBinding":
            for subject in document["subjects"]:
                if "namespace" in subject:
                    subject["namespace"] = recipe.cluster.namespace
        elif document["kind"] == "LocalQueue":
            document["metadata"]["name"] = recipe.cluster.queue
        _set_namespace(document, recipe)
    return documents


def job(recipe: Recipe, kind: str, placement: Placement) -> list[Manifest]:
    """A job of a recipe and the config maps that it reads, whose names contain the hashes of their contents.

    For `finetune`, one job per fine-tuning task of the recipe.

    Args:
        recipe: The recipe.
        kind: `data-prep`, `train`, `evaluate` or `finetune`.
        placement: Image, workspace and machines.

    Raises:
        UsageError: if a batch cannot be divided among the devices, a job of one pod is given several machines, a job
            is given an accelerator that it cannot use, a name is too long, or the recipe has no fine-tuning task.
    """
    workspace = {"BERTH_WORKSPACE": placement.workspace}
    if kind != "finetune":
        return _job(recipe, kind, recipe.name, workspace, placement)
    if not recipe.fine_tuning:
        raise UsageError("the recipe has no fine-tuning task", where="fine_tuning", fix="Add a task to this section.")
    return [
        document
        for task in recipe.fine_tuning
        # Two hyphens: x and a_b are other names than x_a and b.
        for document in _job(
            recipe, kind, f"{recipe.name}--{task}", {**workspace, "BERTH_FINE_TUNING": task}, placement
        )
    ]


def _job(recipe: Recipe, kind: str, name: str, variables: Mapping[str, str], placement: Placement) -> list[Manifest]:
    source, stage = SOURCES[kind]
    (document,) = _read(source)
    _check_accelerator(kind, stage, placement)
    _check_length(recipe.name, LONGEST_NAME - len("data-prep-"), "name")
    _check_length(f"{kind}-{name}", LONGEST_JOB_NAME, "fine_tuning")
    document["metadata"]["name"] = f"{kind}-{name}".replace("_", "-")
    document["metadata"]["labels"][KUEUE_QUEUE] = recipe.cluster.queue
    if document["kind"] == "JobSet":
        _check_batches(recipe, placement)
        _set_hosts(document, recipe, placement)
        job_spec = document["spec"]["replicatedJobs"][0]["template"]["spec"]
    else:
        if placement.hosts > 1:
            raise UsageError(
                f"the job {kind} runs on one machine",
                where=f"cluster.stages.{stage}",
                found=f"{placement.hosts} machines",
                fix="Choose a shape of one machine.",
            )
        job_spec = document["spec"]
    _set_timeout(document, job_spec, recipe.cluster.task(stage).timeout_hours)
    pod = job_spec["template"]["spec"]
    if kind in WITH_ENGINE and placement.machine is not None and placement.machine.is_tpu:
        pod["containers"][0]["args"] += ["--set", "training.engine=jax"]
    _set_pod(pod, recipe, stage, placement)
    config = _config_map("berth", variables)
    content = _config_map("recipe", {"recipe.yaml": escaped(recipe.model_dump_json(indent=2)) + "\n"})
    pod["containers"][0]["envFrom"][0]["configMapRef"]["name"] = config["metadata"]["name"]
    (volume,) = [volume for volume in pod["volumes"] if volume["name"] == "recipe"]
    volume["configMap"]["name"] = content["metadata"]["name"]
    documents = [config, content, document]
    for each in documents:
        _set_namespace(each, recipe)
    return documents


def require_shared(workspace: str) -> None:
    """Refuse a workspace that the rendered pods would not find: no volume is mounted in them.

    Raises:
        UsageError: if it is not in Cloud Storage.
    """
    if not storage.is_cloud(workspace):
        raise UsageError(
            "the pods of this job have no volume with this workspace",
            where="--workspace",
            found=workspace,
            expected="a gs:// URI",
        )


def _read(name: str) -> list[Manifest]:
    return list(YAML(typ="safe", pure=True).load_all(storage.read_text(f"{INSTALLED}/{name}")))


def _set_namespace(document: Manifest, recipe: Recipe) -> None:
    if "namespace" in document["metadata"]:
        document["metadata"]["namespace"] = recipe.cluster.namespace


def _set_hosts(document: Manifest, recipe: Recipe, placement: Placement) -> None:
    spec = document["spec"]
    spec["failurePolicy"]["maxRestarts"] = recipe.cluster.max_restarts
    job_spec = spec["replicatedJobs"][0]["template"]["spec"]
    job_spec["parallelism"] = job_spec["completions"] = placement.hosts
    container = job_spec["template"]["spec"]["containers"][0]
    (hosts,) = [variable for variable in container["env"] if variable["name"] == "BERTH_HOSTS"]
    hosts["value"] = str(placement.hosts)
    job_spec["template"]["spec"]["terminationGracePeriodSeconds"] = recipe.cluster.termination_grace_seconds
    if placement.machine is not None and placement.machine.is_tpu:
        document["metadata"]["annotations"] = dict(ONE_SLICE)


def _set_pod(pod: Manifest, recipe: Recipe, stage: str, placement: Placement) -> None:
    resources = recipe.cluster.task(stage)
    container = pod["containers"][0]
    container["image"] = placement.image
    amounts = dict(container["resources"]["requests"])
    amounts |= {"cpu": f"{resources.cpus:g}", "memory": f"{resources.memory_gib}Gi"}
    if placement.machine is not None:
        amounts[placement.machine.resource] = str(placement.machine.chips)
    container["resources"] = {"requests": amounts, "limits": dict(amounts)}
    if selector := node_selector(resources, placement.machine):
        pod["nodeSelector"] = selector
    if accepted := tolerations(resources, placement.machine):
        pod["tolerations"] = accepted


def _config_map(name: str, data: Mapping[str, str]) -> Manifest:
    digest = hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
    metadata = {"name": f"{name}-{digest[:HASH_LENGTH]}", "namespace": ""}
    readable = {key: LiteralScalarString(value) if "\n" in value else value for key, value in data.items()}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": readable}


def _check_length(name: str, longest: int, where: str) -> None:
    if len(name) > longest:
        raise UsageError(
            "the name is too long for a Kubernetes host name",
            where=where,
            found=name,
            expected=f"at most {longest} characters",
        )


def _set_timeout(document: Manifest, job_spec: Manifest, hours: float | None) -> None:
    """Let a job end as failed after some hours, without another attempt."""
    if hours is None:
        return
    job_spec["activeDeadlineSeconds"] = max(1, round(hours * 3600))
    if document["kind"] == "JobSet":
        document["spec"]["failurePolicy"]["rules"][0]["onJobFailureReasons"].append("DeadlineExceeded")


def _check_accelerator(kind: str, stage: str, placement: Placement) -> None:
    """Refuse accelerators that a job would hold without using them."""
    machine = placement.machine
    if machine is None or kind in WITH_ENGINE or (kind == "finetune" and not machine.is_tpu):
        return
    raise UsageError(
        f"the job {kind} cannot use this accelerator",
        where=f"--accelerator, cluster.stages.{stage}.accelerator",
        found=machine.name,
        expected="a GPU or none" if kind == "finetune" else "none",
        fix="Give this stage another one in the recipe's cluster.stages, or none.",
    )


def _check_batches(recipe: Recipe, placement: Placement) -> None:
    """Check the batch sizes before any machine is requested; the trainer checks them again."""
    devices = placement.hosts * (placement.machine.devices if placement.machine is not None else 1)
    for phase in recipe.training.phases:
        if phase.batch_size % (devices * phase.accumulation):
            raise UsageError(
                f"the batch of phase {phase.name!r} cannot be divided evenly",
                where=f"training.phases.{phase.name}.batch_size",
                found=f"{phase.batch_size} sequences for {devices} devices and {phase.accumulation} micro-batches",
                fix=f"Choose a multiple of {devices * phase.accumulation}.",
            )
