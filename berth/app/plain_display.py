"""A local run without a terminal: a line when a stage starts, its log lines, and rare lines of progress."""

from __future__ import annotations

import logging
import re
import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from berth import formatting, progress
from berth.app.run_state import RunState

log = logging.getLogger("berth.run")

SECONDS_BETWEEN_LINES = 30.0
LOG_LINE = re.compile(r"\d\d:\d\d:\d\d \S")


class PlainDisplay:
    """Prints lines to standard error; a context manager.

    Args:
        state: How far the run is.
    """

    def __init__(self, state: RunState) -> None:
        self._state = state
        self._last = time.monotonic()

    def __enter__(self) -> PlainDisplay:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def started(self, number: int) -> None:
        """A task has started."""
        left = self._state.time_left()
        suffix = "" if left is None else f", about {formatting.duration(left)} left"
        log.info("stage %s%s", self._name(number), suffix)

    def ended(self, number: int) -> None:
        """A task has ended well. Its own log says so."""

    def received(self, number: int, event: Mapping[str, Any]) -> None:
        """A task has sent something."""
        before, _ = self._state.states[number].first
        if event.get("done", 0) > before and time.monotonic() - self._last >= SECONDS_BETWEEN_LINES:
            self._last = time.monotonic()
            arguments = (event["done"], before, event["total"], event["unit"])
            log.info(
                "stage %s: %s",
                self._name(number),
                progress.line(*arguments, self._state.seconds_of_progress(number), event["figures"]),
            )

    def line(self, text: str) -> None:
        """A task has written a line, which is in the run's log."""
        if LOG_LINE.match(text):
            print(text, file=sys.stderr, flush=True)  # noqa: T201  this is the log

    def _name(self, number: int) -> str:
        return f"{number + 1} of {len(self._state.states)}, {self._state.states[number].task.title}"
