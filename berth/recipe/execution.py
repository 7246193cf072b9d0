"""The section of the recipe about the machine that the data stages run on. Results do not depend on it."""

from __future__ import annotations

from pydantic import PositiveInt

from berth.recipe.section import Section


class Execution(Section):
    """How data stages use the machine that they run on."""

    workers: PositiveInt | None = None
    """Worker processes of a data stage that runs on one machine. By default, one for each core that the process may use
    (CPU affinity, control groups), as far as they fit in memory, and fewer for small inputs."""
