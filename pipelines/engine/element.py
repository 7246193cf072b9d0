"""One element's work, in whatever process: the function's call, and what the shards count that it completes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from berth.stage.output import counting
from pipelines.engine.resources import core


@dataclass(frozen=True)
class Done:
    """What came of an element: the function's result, and what the shards count that it completed."""

    result: Any
    counters: dict[str, int]


def perform(function: Callable[[Any], Any], element: Any) -> Done:
    """Call a function on one of the shared cores."""
    with core(), counting() as counters:
        return Done(function(element), dict(counters))
