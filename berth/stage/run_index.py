"""The index of runs in a workspace: where a recipe's data and training run are, given only recipe and workspace.

A stage's directory is named by the digest of its inputs, so its name is unknown until they exist. When a run's data is
complete, and again when its training starts, a small file `WORKSPACE/runs/*.json` with the directories is written. Two
runs of the same recipe write the same bytes.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

from berth import storage
from berth.errors import BerthError, UsageError
from berth.formats.results import read_json
from berth.recipe import Recipe

DIRECTORY = "runs"
# Keys that neither data nor training depend on.
AFTER_TRAINING = {"name", "description", "fine_tuning", "export", "statistics", "published", "cluster"}
# Keys of the section `training` that are not part of the digest of a training run. One that an engine began continues
# with the other, as it does on other devices: the results agree to rounding. What is saved and logged, and how often,
# changes no weight; nor does where records are kept on their way.
HOW = {
    "engine",
    "attention",
    "steps_per_epoch",
    "checkpoint_every_steps",
    "keep_checkpoints",
    "log_every_steps",
    "read_buffer_mib",
    "read_cache",
    "read_cache_gib",
}
NOT_TRAINING = {**dict.fromkeys(AFTER_TRAINING, True), "training": HOW}
NOT_DATA = {*AFTER_TRAINING, "model", "initial_checkpoint", "initialization", "optimizer", "training"}
TRAIN = "train"
# Titles of the stages that training reads, as kfp/pretrain.py gives them.
VOCABULARY, EVALUATION_SET, RECORDS = "vocabulary", "evaluation set", "records "


def record_data(workspace: str, recipe: Recipe, stages: Mapping[str, str]) -> None:
    """Record where a recipe's data is.

    Args:
        workspace: URI of the workspace.
        recipe: The recipe.
        stages: URIs of the stages' directories by title. Only those that training reads are recorded.
    """
    read = {
        title: uri
        for title, uri in stages.items()
        if title in (VOCABULARY, EVALUATION_SET) or title.startswith(RECORDS)
    }
    _write(_uri(workspace, "data", recipe, NOT_DATA), workspace, read)


def record_training(workspace: str, recipe: Recipe, directory: str) -> None:
    """Record where a recipe's training writes to."""
    _write(_uri(workspace, TRAIN, recipe, NOT_TRAINING), workspace, {TRAIN: directory})


def data(workspace: str, recipe: Recipe) -> dict[str, str]:
    """URIs of the directories of a recipe's data by the titles of its stages.

    Raises:
        UsageError: if its data was not made in this workspace.
    """
    read = {RECORDS + phase.records for phase in recipe.training.phases}
    found = _read(_uri(workspace, "data", recipe, NOT_DATA), workspace, VOCABULARY, EVALUATION_SET, *read)
    if found is None:
        raise UsageError(
            "this workspace has no data for the recipe",
            where=workspace,
            fix=f"Make it: berth run RECIPE --workspace {workspace} --until data (in a cluster: the job data-prep).",
        )
    return found


def training(workspace: str, recipe: Recipe) -> str | None:
    """URI of the directory that a recipe's training writes to; None if it has not started."""
    found = _read(_uri(workspace, TRAIN, recipe, NOT_TRAINING), workspace, TRAIN)
    return None if found is None else found[TRAIN]


def _uri(workspace: str, kind: str, recipe: Recipe, excluded: Any) -> str:
    content = recipe.identity(exclude=excluded)
    digest = hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
    return storage.join(workspace, DIRECTORY, f"{kind}-{digest[:12]}.json")


def _write(uri: str, workspace: str, stages: Mapping[str, str]) -> None:
    relative = {title: os.path.relpath(directory, workspace) for title, directory in stages.items()}
    with storage.atomic_write(uri) as file:
        file.write((json.dumps(relative, indent=2) + "\n").encode())


def _read(uri: str, workspace: str, *needed: str) -> dict[str, str] | None:
    if not storage.exists(uri):
        return None
    content = read_json(uri)
    if not isinstance(content, dict) or not all(isinstance(content.get(title), str) for title in {*content, *needed}):
        raise BerthError(
            "the note about a run is damaged",
            where=uri,
            expected=f"the directories of {', '.join(sorted(needed))}",
            fix="Delete the file and run again: finished stages are kept.",
        )
    return {title: storage.join(workspace, path) for title, path in content.items()}
