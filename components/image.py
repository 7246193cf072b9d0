"""The default container image of components on a cluster; a recipe's `cluster.image` takes precedence."""

from __future__ import annotations

import os

from berth import __version__
from berth.errors import UsageError
from berth.recipe import IMAGE_REFERENCE

VARIABLE = "BERTH_IMAGE"


def image(given: str | None) -> str:
    """The given image, or that of this version of Berth.

    Raises:
        UsageError: if the given image has neither a tag other than `latest` nor a digest.
    """
    # The name contains "python" so that kfp.local knows that it can run components as plain Python processes.
    if not given:
        return f"berth-python:{__version__}"
    if not IMAGE_REFERENCE.fullmatch(given):
        raise UsageError(
            "this is not an image by tag or digest",
            where=VARIABLE,
            found=given,
            expected="REGISTRY/NAME@sha256:… or REGISTRY/NAME:TAG; the tag `latest` is refused",
        )
    return given


IMAGE = image(os.environ.get(VARIABLE))
