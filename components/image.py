"""The container image of components: given by the recipe or by the variable BERTH_IMAGE, never assumed."""

from __future__ import annotations

import os

from berth import __version__
from berth.errors import UsageError
from berth.recipe import IMAGE_REFERENCE

VARIABLE = "BERTH_IMAGE"
# Components name an image also where they run without one. The name contains "python" so that kfp.local runs them as
# plain Python processes.
NO_IMAGE = f"berth-python:{__version__}"


def image(given: str | None) -> str:
    """The given image; without one the name with which components run on this machine.

    Raises:
        UsageError: if the given image has neither a tag other than `latest` nor a digest.
    """
    if not given:
        return NO_IMAGE
    if not IMAGE_REFERENCE.fullmatch(given):
        raise UsageError(
            "this is not an image by tag or digest",
            where=VARIABLE,
            found=given,
            expected="REGISTRY/NAME@sha256:… or REGISTRY/NAME:TAG; the tag `latest` is refused",
        )
    return given


IMAGE = image(os.environ.get(VARIABLE))


def required(of_recipe: str | None = None) -> str:
    """The image of what is compiled for a cluster: the recipe's, otherwise that of the environment.

    Raises:
        UsageError: if none is given.
    """
    if of_recipe is None and IMAGE == NO_IMAGE:
        raise UsageError(
            "no image is given for the tasks",
            expected=f"--image REGISTRY/NAME@sha256:…, cluster.image in the recipe, or the variable {VARIABLE}",
            fix="Build and push one: docs/gke.md.",
        )
    return of_recipe or IMAGE
