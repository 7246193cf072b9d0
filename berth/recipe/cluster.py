"""The section of the recipe about clusters. Results do not depend on it."""

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
# Keys and values of labels (kubernetes.io, "Labels and selectors"), which taints share.
LabelKey = Annotated[
    str,
    Field(
        pattern=r"^([a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$",
        description="the key of a Kubernetes label",
    ),
]
LabelValue = Annotated[
    str,
    Field(pattern=r"^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$", description="the value of a Kubernetes label"),
]
# A container image with a tag other than `latest`, a digest, or both.
_IMAGE_PATH = r"[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?::[0-9]+)?(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*"
_IMAGE_TAG, _IMAGE_DIGEST = r":(?!latest(?:@|$))[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", r"@sha256:[0-9a-f]{64}"
IMAGE_REFERENCE = re.compile(f"{_IMAGE_PATH}(?:{_IMAGE_TAG}|(?:{_IMAGE_TAG})?{_IMAGE_DIGEST})")
# A directory that pods share. Only characters that mean nothing to a shell, to Kubernetes ($(NAME)) or to YAML.
SHARED_DIRECTORY = re.compile(r"(?:gs://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]|/[\w.=-]+)(?:/[\w.=-]+)*/?")


class Toleration(Section):
    """A taint of nodes that a pod tolerates, with Kubernetes' keys."""

    key: LabelKey
    """Key of the taint."""
    operator: Literal["Exists", "Equal"] = "Exists"
    """Tolerate every value of the key, or only `value`."""
    value: LabelValue | None = None
    """Value of the taint, for `operator: Equal`."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Effect to tolerate. By default all."""


class TaskResources(Section):
    """Resources of one stage on a cluster, and what happens when it fails. Requests equal limits."""

    cpus: Annotated[float, Field(gt=0.0)] = 4.0
    """Number of CPU cores."""
    memory_gib: PositiveInt = 16
    """Memory in GiB."""
    accelerator: str | None = None
    """Machine shape, as `berth k8s --shapes` lists them, for example `l4-1` or `v5litepod-16`. By default none."""
    hosts: PositiveInt = 1
    """Number of machines that train together (`berth k8s`). A TPU slice has the hosts of its shape instead."""
    spot: bool = False
    """Run on spot machines, which are cheaper but may be preempted at any time."""
    node_selector: dict[LabelKey, LabelValue] = {}
    """Labels that a node must have, in addition to those of the accelerator."""
    tolerations: list[Toleration] = []
    """Taints to tolerate, in addition to those of the accelerator and of spot machines."""
    retries: Annotated[int, Field(ge=0)] = 2
    """Number of times a failed task is restarted. It continues from what it has completed."""
    backoff_seconds: PositiveInt = 60
    """Seconds before the first retry. Doubled for each further retry, up to an hour."""
    timeout_hours: Annotated[float, Field(gt=0.0)] | None = None
    """Hours after which a task is stopped, and a job of `berth k8s` ends as failed (training: after each restart). By
    default there is no limit."""
    cache: bool = False
    """Use the cache of Kubeflow Pipelines. Without it, a finished stage ends within seconds as well, and also notices a
    changed input file or a deleted output, which the cache does not."""


class Dataflow(Section):
    """Machines for Beam jobs with `-- --runner=DataflowRunner`. Flags given after `--` take precedence."""

    project: Annotated[str, Field(pattern=r"^([a-z0-9.-]+:)?[a-z][-a-z0-9]{4,28}[a-z0-9]$")] | None = None
    """Google Cloud project of the jobs. Without it the flag --project is needed."""
    region: Annotated[str, Field(pattern=r"^[a-z]+-[a-z]+[0-9]+$")] | None = None
    """Region of the machines, preferably that of the bucket. Without it the flag --region is needed."""
    machine_type: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]+$")] = "n2-standard-8"
    """Machine type of the workers. Each core processes one shard or part at a time and needs up to 1 GiB of memory."""
    disk_gb: Annotated[int, Field(ge=30)] = 50
    """Disk of a worker in GB. It holds the image and a copy of each file that is being written."""
    max_workers: PositiveInt = 8
    """Maximum number of machines. A job gets no more than its shards can keep busy."""
    service_account: Annotated[str, Field(pattern=r"^[a-z0-9-]+@[a-z0-9.-]+$")] | None = None
    """E-mail address of the workers' service account. By default the project's default account."""
    labels: dict[
        Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")], Annotated[str, Field(pattern=r"^[a-z0-9_-]{0,63}$")]
    ] = {}
    """Labels of the jobs and their machines, for example for billing. `berth-stage` and `berth-version` are added."""


class Cluster(Section):
    """Where and how the stages run on Kubernetes and Dataflow. Results do not depend on it."""

    image: str | None = None
    """Container image, by digest (`REGISTRY/NAME@sha256:…`, recommended) or by tag. By default that of the environment
    variable BERTH_IMAGE; without either, nothing is compiled for a cluster."""
    namespace: DnsLabel = "berth"
    """Kubernetes namespace of the jobs that `berth k8s` renders."""
    workspace: str | None = None
    """gs:// URI of the workspace. The option `--workspace` takes precedence."""
    service_account: DnsLabel = "berth"
    """Kubernetes service account of the pipeline's tasks. Jobs of `berth k8s` use those of k8s/base."""
    queue: DnsLabel = "berth"
    """Kueue LocalQueue of the jobs."""
    max_restarts: Annotated[int, Field(ge=0)] = 10
    """Number of times a training job is restarted from its newest checkpoint."""
    termination_grace_seconds: PositiveInt = 300
    """Seconds that a stopped training job has to save a checkpoint. Spot machines give 15 to 30 at most."""
    dataflow: Dataflow = Dataflow()
    """Beam jobs on Dataflow."""
    defaults: TaskResources = TaskResources()
    """Resources of all stages."""
    stages: dict[Name, TaskResources] = {}
    """Resources by stage (`extract`, `records`, `train` …). Keys that are not given are taken from `defaults`."""

    @model_validator(mode="before")
    @classmethod
    def _inherit(cls, content: Any) -> Any:
        """Fill each stage's missing values from the given defaults."""
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
                f"image {self.image!r} is not an image by tag or digest (REGISTRY/NAME:TAG, REGISTRY/NAME@sha256:…); "
                "the tag `latest` is refused because it does not identify what ran"
            )
        if self.workspace is not None and not SHARED_DIRECTORY.fullmatch(self.workspace):
            raise ValueError(f"workspace {self.workspace!r} is neither a gs:// URI nor an absolute path")
        return self

    def task(self, stage: str) -> TaskResources:
        """The resources of a stage."""
        return self.stages.get(stage, self.defaults)
