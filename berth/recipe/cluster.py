"""The section of the recipe about clusters. Results never depend on it."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import (
    Field,
    PositiveInt,
    model_validator,
)

from berth.recipe.section import Name, Section

DnsLabel = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", description="a Kubernetes name")]
# A container image with a tag other than `latest`, a digest, or both.
_IMAGE_PATH = r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?::[0-9]+)?(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*"
_IMAGE_TAG, _IMAGE_DIGEST = r":(?!latest(?:@|$))[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", r"@sha256:[0-9a-f]{64}"
IMAGE_REFERENCE = re.compile(f"{_IMAGE_PATH}(?:{_IMAGE_TAG}|(?:{_IMAGE_TAG})?{_IMAGE_DIGEST})")
# A place that pods share. Only characters that mean nothing to a shell, to Kubernetes ($(NAME)) or to YAML.
SHARED_PLACE = re.compile(r"(?:gs://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]|/[\w.=-]+)(?:/[\w.=-]+)*/?")


class Toleration(Section):
    """A taint of nodes that a pod accepts, in Kubernetes' words."""

    key: str
    operator: Literal["Exists", "Equal"] = "Exists"
    value: str | None = None
    """Only with `operator: Equal`."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """null accepts all effects."""


class TaskResources(Section):
    """What one stage asks the cluster for, and what happens when it fails. Requests are limits."""

    cpus: Annotated[float, Field(gt=0.0)] = 4.0
    """Processor cores."""
    memory_gib: PositiveInt = 16
    """Memory in GiB."""
    accelerator: str | None = None
    """A machine shape of `berth k8s --shapes`, for instance `l4-1` or `v5litepod-16`; null asks for none."""
    hosts: PositiveInt = 1
    """Machines that train together (`berth k8s`). A TPU slice has the hosts of its shape instead."""
    spot: bool = False
    """Run on spot machines: cheaper, and taken away at any moment."""
    node_selector: dict[str, str] = {}
    """Labels a node must have, besides those that the accelerator asks for."""
    tolerations: list[Toleration] = []
    """Taints that are accepted, besides those of the accelerator and of spot machines."""
    retries: Annotated[int, Field(ge=0)] = 2
    """How often a failed task is started again. What it had completed is kept."""
    backoff_seconds: PositiveInt = 60
    """Seconds before the first retry; doubled each time, an hour at most."""
    timeout_hours: Annotated[float, Field(gt=0.0)] | None = None
    """Hours after which a task is stopped; null lets it run."""
    cache: bool = False
    """Let Kubeflow Pipelines answer from its own cache. Without it a finished stage answers within seconds, and notices
    what the cache does not: a changed input file, a deleted output."""


class Dataflow(Section):
    """Machines for Beam jobs that run with `-- --runner=DataflowRunner`. The same flags after `--` win."""

    project: Annotated[str, Field(pattern=r"^([a-z0-9.-]+:)?[a-z][-a-z0-9]{4,28}[a-z0-9]$")] | None = None
    """Google Cloud project that runs and pays for the jobs; null needs --project."""
    region: Annotated[str, Field(pattern=r"^[a-z]+-[a-z]+[0-9]+$")] | None = None
    """Region of the machines, best that of the bucket; null needs --region."""
    machine_type: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]+$")] = "n2-standard-8"
    """Machine type of the workers. A core works at one shard or part at a time, in up to 1 GiB of memory."""
    disk_gb: Annotated[int, Field(ge=30)] = 50
    """Disk of a worker in GB: image, and a copy of each file that is being written."""
    max_workers: PositiveInt = 8
    """Machines at most. A job gets as many as its shards keep busy, and no more."""
    service_account: Annotated[str, Field(pattern=r"^[a-z0-9-]+@[a-z0-9.-]+$")] | None = None
    """E-mail address of the account that workers run as; null takes the project's default account."""
    labels: dict[
        Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")], Annotated[str, Field(pattern=r"^[a-z0-9_-]{0,63}$")]
    ] = {}
    """Labels of the jobs and their machines, for instance for the bill; `berth-stage` and `berth-version` are added."""


class Cluster(Section):
    """Where and how the stages run on Kubernetes and Dataflow. Results do not depend on it."""

    image: str | None = None
    """Image by tag or digest (better: `REGISTRY/NAME@sha256:…`); null takes BERTH_IMAGE, or `berth-python`."""
    namespace: DnsLabel = "berth"
    """Kubernetes namespace of the jobs that `berth k8s` renders."""
    workspace: str | None = None
    """gs:// URI where everything is written and found again; `--workspace` says otherwise."""
    service_account: DnsLabel = "berth"
    """Kubernetes service account of the pipeline's tasks; jobs of `berth k8s` have one each, named in k8s/base."""
    queue: DnsLabel = "berth"
    """Kueue's LocalQueue that jobs wait in."""
    max_restarts: Annotated[int, Field(ge=0)] = 10
    """How often a training job is started again from its newest checkpoint."""
    termination_grace_seconds: PositiveInt = 300
    """Seconds a stopped training has to save a checkpoint. Spot machines give 15 to 30 whatever stands here."""
    dataflow: Dataflow = Dataflow()
    """Beam jobs on Dataflow."""
    defaults: TaskResources = TaskResources()
    """For all stages."""
    stages: dict[Name, TaskResources] = {}
    """By stage (`extract`, `records`, `train` …); what is not said here is taken from `defaults`."""

    @model_validator(mode="before")
    @classmethod
    def _inherit(cls, content: Any) -> Any:
        """Put the given defaults under each stage's own values."""
        if not isinstance(content, dict) or not isinstance(content.get("stages"), dict):
            return content
        defaults = content.get("defaults")
        if not isinstance(defaults, dict):
            return content
        stages = {
            name: {**defaults, **own} if isinstance(own, dict) else own for name, own in content["stages"].items()
        }
        return {**content, "stages": stages}

    @model_validator(mode="after")
    def _is_possible(self) -> Cluster:
        if self.image is not None and not IMAGE_REFERENCE.fullmatch(self.image):
            raise ValueError(
                f"image {self.image!r} is no image by tag or digest (REGISTRY/NAME:TAG, REGISTRY/NAME@sha256:…); "
                "the tag `latest` is refused: nobody could say later what ran"
            )
        if self.workspace is not None and not SHARED_PLACE.fullmatch(self.workspace):
            raise ValueError(f"workspace {self.workspace!r} is neither a gs:// URI nor an absolute path of a mount")
        return self

    def task(self, stage: str) -> TaskResources:
        """The resources of a stage."""
        return self.stages.get(stage, self.defaults)
