"""A training run of more steps: whether another run is the beginning of it, and how it continues that one's files.

The updates up to a checkpoint do not depend on those after it. So a run whose recipe has another phase at its end, or a
longer last phase with the same learning rates, is the same run up to there.
"""

from __future__ import annotations

import json
import logging
import shutil
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from berth import storage
from berth.recipe import Phase
from berth.stage import Identity, Workspace
from berth.stage.identity import others
from berth.stage.output import Output
from trainer.checkpoints import checkpoint
from trainer.loop.slice import LOGS
from trainer.schedules import schedule

log = logging.getLogger("berth.train")


def is_beginning(there: Identity, now: Identity, directory: str) -> bool:
    """Whether the files of another training run, up to its newest checkpoint, are those of this one.

    Args:
        there: What that run depends on.
        now: What this one depends on.
        directory: URI of that run's output.
    """
    if _without_phases(there) != _without_phases(now) or "until" in now.parameters:
        return False
    steps = checkpoint.list_steps(directory)
    phases = [_phases(each) for each in (there, now)]
    return bool(steps) and all(phases) and _agree(phases[0], phases[1], steps[-1])


def copy_beginning(now: Identity, workspace: Workspace, output: Output) -> None:
    """Copy logs and newest checkpoint of the longest run in a workspace that is the beginning of this one.

    Does nothing if there is none, or there are checkpoints already.
    """
    if checkpoint.list_steps(output.uri):
        return
    found = {
        checkpoint.list_steps(directory)[-1]: directory
        for directory, there in others(storage.join(workspace.uri, now.name))
        if there.digest != now.digest and is_beginning(there, now, directory)
    }
    if not found:
        return
    step = max(found)
    log.info("continuing the training run in %s after step %d", found[step], step)
    # The checkpoint last: once it is there, all are.
    for name in (*LOGS, checkpoint.name(step)):
        uri = storage.join(found[step], name)
        if storage.exists(uri):
            with storage.open_read(uri) as source, storage.atomic_write(output.path(name)) as target:
                shutil.copyfileobj(source, target)


def _without_phases(identity: Identity) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(identity.model_dump_json())
    content["parameters"].get("training", {}).pop("phases", None)
    return content


def _phases(identity: Identity) -> list[Phase]:
    try:
        return [Phase.model_validate_json(json.dumps(each)) for each in identity.parameters["training"]["phases"]]
    except (KeyError, TypeError, ValidationError):  # of another version of Berth
        return []


def _agree(first: Sequence[Phase], second: Sequence[Phase], step: int) -> bool:
    """Whether two lists of phases determine the same updates up to this one."""
    for one, other in zip(first, second, strict=False):
        if one != other:
            same = one.model_dump(exclude={"steps"}) == other.model_dump(exclude={"steps"})
            last = min(one.steps, other.steps)
            rates = (schedule.learning_rate(one, each) == schedule.learning_rate(other, each) for each in range(step))
            return same and step <= last and all(rates)
        step -= one.steps
        if step <= 0:
            return True
    return False
