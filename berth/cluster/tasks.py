"""The settings of a Kubeflow pipeline's tasks from the recipe's `cluster` section."""

from __future__ import annotations

from typing import TYPE_CHECKING

from berth.cluster import jobset
from berth.errors import UsageError
from berth.machines import GPU, Shape, machines_of, node_selector, tolerations
from berth.recipe import Cluster, Recipe, TaskResources

if TYPE_CHECKING:
    from kfp.dsl import PipelineTask

LONGEST_BACKOFF = "3600s"
# Resources of a task that only starts a JobSet on other machines and follows it.
FOLLOWER = TaskResources(cpus=1, memory_gib=4)
USER = 1000  # of the image; set explicitly, since images for Dataflow start as root


def configure(task: PipelineTask, cluster: Cluster) -> None:
    """Set image, resources, placement, retries, timeout and caching of a task by the stage it runs.

    Training on several machines is a JobSet; its task only follows and needs few resources.

    Raises:
        UsageError: if a stage requests an unknown machine shape, or several machines: a task is one pod.
    """
    from kfp import kubernetes

    stage = task.component_spec.name
    resources = cluster.task(stage)
    if stage == jobset.STAGE and is_distributed(cluster):
        kept = {name: getattr(resources, name) for name in ("retries", "backoff_seconds", "timeout_hours", "cache")}
        resources = FOLLOWER.model_copy(update=kept)
        # Of all tasks only this one may create JobSets. Their account is the same: the pipeline's.
        kubernetes.use_secret_as_volume(task, secret_name=jobset.SECRET, mount_path=jobset.TOKEN_DIRECTORY)
    if cluster.image is not None:
        task.set_container_image(cluster.image)
    kubernetes.set_security_context(task, run_as_user=USER, run_as_group=USER, run_as_non_root=True)
    cpus, memory = f"{resources.cpus:g}", f"{resources.memory_gib}Gi"
    task.set_cpu_request(cpus).set_cpu_limit(cpus).set_memory_request(memory).set_memory_limit(memory)
    machine = _one_machine(stage, resources)
    if machine:
        task.set_accelerator_type(machine.resource).set_accelerator_limit(machine.chips)
    for label, value in node_selector(resources, machine).items():
        kubernetes.add_node_selector(task, label, value)
    for toleration in tolerations(resources, machine):
        kubernetes.add_toleration(task, **toleration)
    if machine and machine.resource == GPU and machine.chips > 1:
        # NCCL exchanges data between the GPUs of a machine through shared memory; a pod's default is 64 MiB.
        kubernetes.empty_dir_mount(task, volume_name="shared-memory", mount_path="/dev/shm", medium="Memory")
    if resources.retries:
        task.set_retry(
            resources.retries,
            backoff_duration=f"{resources.backoff_seconds}s",
            backoff_factor=2.0,
            backoff_max_duration=LONGEST_BACKOFF,
        )
    if resources.timeout_hours is not None:
        kubernetes.set_timeout(task, seconds=max(1, round(resources.timeout_hours * 3600)))
    task.set_caching_options(resources.cache)


def check_engines(recipe: Recipe) -> None:
    """Check that stages on TPUs run there: JAX does, TensorFlow does not, and fine-tuning is TensorFlow's.

    Raises:
        UsageError: if one would hold a TPU without using it.
    """
    for stage in ("train", "evaluate", "finetune"):
        where = f"cluster.stages.{stage}"
        machine, _ = machines_of(recipe.cluster.task(stage), where)
        if machine is None or not machine.is_tpu or (stage == jobset.STAGE and is_distributed(recipe.cluster)):
            continue  # a JobSet on TPUs sets the engine itself
        if stage == "finetune" and recipe.fine_tuning:
            raise UsageError(
                "fine-tuning does not run on a TPU", where=where, found=machine.name, expected="a GPU or none"
            )
        if stage != "finetune" and recipe.training.engine != "jax":
            raise UsageError(
                "the recipe's engine does not run on a TPU",
                where=where,
                found=f"{machine.name} and training.engine: {recipe.training.engine}",
                fix="Use the other engine: --set training.engine=jax",
            )


def is_distributed(cluster: Cluster) -> bool:
    """Whether training runs on several machines."""
    return jobset.machines(cluster)[1] > 1


def _one_machine(stage: str, resources: TaskResources) -> Shape | None:
    where = f"cluster.stages.{stage}"
    machine, count = machines_of(resources, where)
    if count > 1:
        raise UsageError(
            "a task of a pipeline runs on one machine",
            where=where,
            found=f"{count} machines",
            fix="Choose a shape of one machine; only training can use several.",
        )
    return machine
