"""The container image that components run in on a cluster, unless the recipe's `cluster.image` names another."""

from __future__ import annotations

import os

from berth import __version__
from berth.errors import UsageError
from berth.recipe import IMAGE_REFERENCE

VARIABLE = "BERTH_IMAGE"


def image(given: str | None) -> str:
    """The image: the given one, or that of this version.

    Raises:
        UsageError: if the given one has neither a tag other than `latest` nor a digest.
    """
    # The name holds "python" so that kfp.local, which runs components as plain Python processes, knows that it can.
    if not given:
        return f"berth-python:{__version__}"
    if not IMAGE_REFERENCE.fullmatch(given):
        raise UsageError(
            "this is no image by tag or digest",
            where=VARIABLE,
            found=given,
            expected="REGISTRY/NAME@sha256:… or REGISTRY/NAME:TAG; the tag `latest` is refused",
        )
    return given


IMAGE = image(os.environ.get(VARIABLE))
