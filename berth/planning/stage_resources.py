"""What each stage of a recipe needs on a host: memory, temporary disk, and what it reads and writes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from berth import formatting
from berth.machines import process_memory as needs
from berth.planning.accelerators import Machines
from berth.recipe import Recipe, TaskResources

GIB = 1 << 30
# Bytes of a word of running text with the space after it: measured in the quickstart's excerpt of English Wikipedia.
BYTES_A_WORD = 6.0
# What the pods of k8s/ request and may use (ephemeral-storage).
POD_DISK_BYTES = 64 * GIB


@dataclass(frozen=True)
class StageResources:
    """One stage; None where something is not known.

    Attributes:
        stage: Its title in the pipeline.
        hosts: Machines that do it.
        workers: Worker processes on a host.
        memory_bytes: Of all processes on a host.
        disk_bytes: Of files on a host's own disk while they are written: those that go into a bucket are whole first.
        objects_read, bytes_read, objects_written, bytes_written: By one host.
    """

    stage: str
    hosts: int
    workers: int
    memory_bytes: int | None
    disk_bytes: int | None
    objects_read: int | None
    bytes_read: int | None
    objects_written: int | None
    bytes_written: int | None


def stage_resources(recipe: Recipe, planned: Mapping[str, Any], machines: Machines | None) -> list[StageResources]:
    """The stages from sentences on to training, in the pipeline's order.

    Args:
        recipe: The recipe.
        planned: The plan's keys ``model``, ``records``, ``phases``, ``total`` and ``corpus``.
        machines: The accelerators; None for one host.
    """
    return [*_data(recipe, planned), _training(recipe, planned, machines)]


def shortages(
    recipe: Recipe, planned: Mapping[str, Any], stages: Iterable[StageResources], machines: Machines | None
) -> Iterator[str]:
    """Warnings about what the named machines cannot hold of what the stages need."""
    for stage in stages:
        name = stage.stage.partition(" ")[0]
        limit = _task(recipe, name).memory_gib * GIB
        if stage.memory_bytes is not None and stage.memory_bytes > limit:
            yield (
                f"{stage.stage} needs {formatting.size(stage.memory_bytes)} of memory on a host, but "
                f"cluster.stages.{name}.memory_gib is {limit // GIB}."
            )
        if stage.disk_bytes is not None and stage.disk_bytes > POD_DISK_BYTES:
            yield (
                f"{stage.stage} writes files of {formatting.size(stage.disk_bytes)} to a host's own disk first, but "
                f"pods have {POD_DISK_BYTES // GIB} GiB."
            )
    if machines is not None:
        needed = planned["model"]["parameters"] * needs.TRAINING_BYTES_A_PARAMETER
        chip = machines.shape.chip
        if needed > (available := chip.memory_gb * 10**9 // chip.devices):
            yield (
                f"variables, gradients and moments take {formatting.size(needed)} on each device, but one of "
                f"{machines.shape.name} has {formatting.size(available)}."
            )


def _data(recipe: Recipe, planned: Mapping[str, Any]) -> Iterator[StageResources]:
    words = planned["corpus"]["words"]
    text = round(words * BYTES_A_WORD) if words is not None else None
    shards = next((entry["shards"] for entry in planned["records"].values() if entry["shards"]), None)
    shard = -(-text // shards) if text is not None and shards else None
    if recipe.corpus.prepared is None:
        yield _stage(recipe, "extract", needs.EXTRACT_BYTES, (None, None), (None, text))
        if recipe.corpus.filter is not None:
            yield _stage(recipe, "filter", needs.FILTER_BYTES, (None, text), (None, text))
        split = needs.SEGMENT_BYTES if shard is None else max(needs.SEGMENT_BYTES, 3 * shard)
        yield _stage(recipe, "segment", split, (None, text), (shards, text), shard)
    if recipe.vocabulary.path is None:
        yield _stage(recipe, "vocab", needs.VOCABULARY_BYTES, (shards, text), (1, None), extra=needs.ANALYSIS_BYTES)
    for name, options in recipe.records.items():
        entry = planned["records"][name]
        worker = needs.records_bytes(shard, options.dupe_factor) if shard is not None else None
        written = round(entry["bytes"]) if entry["bytes"] is not None else None
        largest = -(-written // entry["shards"]) if written is not None and entry["shards"] else None
        yield _stage(recipe, f"records {name}", worker, (shards, text), (entry["shards"], written), largest)


def _stage(
    recipe: Recipe,
    title: str,
    worker: int | None,
    read: tuple[int | None, int | None],
    written: tuple[int | None, int | None],
    largest: int | None = None,
    extra: int = 0,
) -> StageResources:
    """A data stage on one host.

    Args:
        recipe: The recipe.
        title: Its title.
        worker: Memory of a worker.
        read: Objects and bytes.
        written: Objects and bytes.
        largest: Bytes of the largest file that it writes.
        extra: Memory beside that of the workers.
    """
    task = _task(recipe, title.partition(" ")[0])
    fits = (task.memory_gib * GIB - needs.LAUNCHER_BYTES - extra) // worker if worker else int(task.cpus)
    workers = recipe.execution.workers or max(1, min(int(task.cpus), fits))
    memory = needs.LAUNCHER_BYTES + extra + workers * worker if worker is not None else None
    disk = workers * largest if largest is not None else None
    return StageResources(title, 1, workers, memory, disk, *read, *written)


def _training(recipe: Recipe, planned: Mapping[str, Any], machines: Machines | None) -> StageResources:
    hosts = machines.hosts if machines is not None else 1
    checkpoint = planned["model"]["checkpoint_bytes"]
    records = planned["records"]
    size = sum(phase["sequences"] * records[phase["records"]]["bytes_per_record"] for phase in planned["phases"])
    used = {phase["records"] for phase in planned["phases"]}
    shards = [records[name]["shards"] for name in used]
    return StageResources(
        "train",
        hosts,
        1,
        # The state, and the copy of it that is written while training goes on.
        needs.TRAINER_BYTES + recipe.training.read_buffer_mib * needs.MIB + 2 * checkpoint,
        checkpoint + (recipe.training.read_cache_gib << 30 if recipe.training.read_cache is not None else 0),
        2 * sum(shards) if None not in shards else None,  # each with its index
        round(size / hosts),
        planned["total"]["checkpoints"],
        planned["total"]["checkpoints"] * checkpoint,
    )


def _task(recipe: Recipe, stage: str) -> TaskResources:
    return recipe.cluster.task(stage)
