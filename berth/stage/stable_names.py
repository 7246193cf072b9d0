"""Stable names for results: `WORKSPACE/results/RECIPE/epoch-10/train` leads to the directory of a finished stage.

The directories of stages are named by digests. A name leads to the newest result of the recipe of that name.
"""

from __future__ import annotations

from berth import storage
from berth.recipe import Recipe

DIRECTORY = "results"


def checkpoint_name(recipe: Recipe, step: int) -> str:
    """The name of the model after a step: ``epoch-10`` at the end of an epoch of the recipe, otherwise ``step-100``."""
    per_epoch = recipe.training.steps_per_epoch
    return f"epoch-{step // per_epoch}" if per_epoch and step % per_epoch == 0 else f"step-{step}"


def link(workspace: str, recipe: Recipe, name: str, directory: str) -> str:
    """Let a name lead to a stage's directory, instead of where it led before.

    Args:
        workspace: URI of the workspace.
        recipe: The recipe of the run.
        name: Of the result, with ``/`` for a group: ``epoch-10/train``.
        directory: URI of the finished stage's directory.

    Returns:
        URI of the link.

    Raises:
        BerthError: if it cannot be written.
    """
    uri = storage.join(workspace, DIRECTORY, recipe.name, name)
    storage.link(uri, directory)
    return uri
