"""Contradictions in a recipe: it runs, but is hardly what its author meant."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from berth.formatting import size
from berth.planning.accelerators import Machines
from berth.planning.sizes import WRITTEN_PER_SECOND
from berth.recipe import Recipe

SPOT_GRACE_SECONDS = 30  # https://cloud.google.com/kubernetes-engine/docs/concepts/spot-vms: 15 s for some pods


def contradictions(
    recipe: Recipe,
    model: Mapping[str, Any],
    records: Mapping[str, Mapping[str, Any]],
    machines: Machines | None,
) -> list[str]:
    """Warnings, one for each contradiction, naming the key.

    Args:
        recipe: The recipe.
        model: The plan of the model.
        records: The plan of each record set, by name.
        machines: The accelerators it is trained on; None if not known.
    """
    return [*_records(recipe, records), *_phases(recipe, machines), *_intervals(recipe), *_grace(recipe, model)]


def _records(recipe: Recipe, records: Mapping[str, Mapping[str, Any]]) -> list[str]:
    found = []
    used = {phase.records for phase in recipe.training.phases}
    for name, entry in records.items():
        if name not in used and name != recipe.evaluation.records:
            found.append(f"records.{name}: no phase is trained on these records.")
        needed = entry["duplicates_needed"]
        if needed is not None and entry["duplicates"] < needed:
            found.append(
                f"records.{name}.dupe_factor is {entry['duplicates']}, but the phases make {entry['passes']:.2f} "
                f"passes over the text: each record is seen {entry['epochs']:.2f} times, always with the same masks. "
                f"{needed} would do."
            )
    return found


def _phases(recipe: Recipe, machines: Machines | None) -> list[str]:
    found = []
    for phase in recipe.training.phases:
        key = f"training.phases.{phase.name}"
        length = phase.schedule_steps
        if (end := phase.warmup_steps + phase.start_warmup_step) >= length and phase.warmup_steps:
            whole = "the phase" if phase.schedule is None else "its schedule"
            found.append(
                f"{key}: the warm-up ends at step {end:,}, {whole} has {length:,}: the rate never reaches "
                f"{phase.learning_rate:g}, or falls at once."
            )
        if machines is not None and phase.batch_size % (parts := machines.replicas * phase.accumulation):
            nearest = max(parts, round(phase.batch_size / parts) * parts)
            found.append(
                f"{key}.batch_size {phase.batch_size:,} cannot be divided evenly over {machines.replicas} devices"
                + (f" and {phase.accumulation} micro-batches" if phase.accumulation > 1 else "")
                + f"; {nearest:,} can."
            )
    return found


def _intervals(recipe: Recipe) -> list[str]:
    found = []
    total = sum(phase.steps for phase in recipe.training.phases)
    every = recipe.training.checkpoint_every_steps
    if every > total:
        found.append(
            f"training.checkpoint_every_steps is {every:,}, the training run has {total:,} steps: a run that is "
            "interrupted starts again from the beginning."
        )
    for name, task in recipe.fine_tuning.items():
        if task.every_steps is not None and task.every_steps >= total:
            found.append(
                f"fine_tuning.{name}.every_steps is {task.every_steps:,}, the training run has {total:,} steps: only "
                "its last checkpoint is fine-tuned."
            )
    return found


def _grace(recipe: Recipe, model: Mapping[str, Any]) -> list[str]:
    """Whether a training job that is stopped has the time to save."""
    is_spot, seconds = recipe.cluster.task("train").spot, model["checkpoint_seconds"]
    given = recipe.cluster.termination_grace_seconds
    grace = min(given, SPOT_GRACE_SECONDS) if is_spot else given
    if seconds <= grace:
        return []
    whose = (
        f"cluster.stages.train.spot: a spot machine has {grace} s at most to end"
        if grace < given
        else f"cluster.termination_grace_seconds is {grace:,}"
    )
    return [
        f"{whose}, but a checkpoint of {size(model['checkpoint_bytes'])} takes {seconds:,.0f} s at "
        f"{size(WRITTEN_PER_SECOND)}/s, as slow storage writes: a job that is stopped may lose the updates since its "
        f"last checkpoint (training.checkpoint_every_steps is {recipe.training.checkpoint_every_steps:,})."
    ]
