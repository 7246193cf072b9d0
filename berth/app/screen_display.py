"""A local run on a terminal: finished stages, and below them one display: stage, time left, bars, curve of the loss."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from rich.console import Group
from rich.live import Live
from rich.progress import TaskID
from rich.text import Text

from berth import bars, formatting
from berth.app.run_state import RunState

PROBLEM_LINE = re.compile(r"\d\d:\d\d:\d\d \S+: (WARNING|ERROR|CRITICAL): ")
REFRESHES_PER_SECOND = 4
CURVE_WIDTH = 60


class ScreenDisplay:
    """Draws on the terminal that is standard error; a context manager.

    Args:
        state: How far the run is.
    """

    def __init__(self, state: RunState) -> None:
        self._state = state
        self._console = bars.console()
        self._bars = bars.bars(self._console)
        self._rows: dict[int, TaskID] = {}
        self._live = Live(
            get_renderable=self._draw,
            console=self._console,
            transient=True,
            redirect_stdout=False,
            refresh_per_second=REFRESHES_PER_SECOND,
        )

    def __enter__(self) -> ScreenDisplay:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def started(self, number: int) -> None:
        """A task has started."""
        title = self._state.states[number].task.title
        self._rows[number] = self._bars.add_task(title, total=1, unit="", figures="")

    def ended(self, number: int) -> None:
        """A task has ended well."""
        self._bars.remove_task(self._rows.pop(number))
        state = self._state.states[number]
        text = "up to date" if state.was_up_to_date else formatting.duration(self._state.seconds(number))
        self._print(f"{number + 1:>3} of {len(self._state.states)}  {state.task.title:<20} {text}")

    def received(self, number: int, event: Mapping[str, Any]) -> None:
        """A task has sent something."""
        if "progress" not in event or number not in self._rows:
            return
        row = self._rows[number]
        shown = {"unit": event["unit"], "figures": formatting.figures(event["figures"])}
        if event["done"] == self._state.states[number].first[0]:  # an operation begins
            self._bars.reset(row, total=event["total"], completed=event["done"], **shown)
        else:
            self._bars.update(row, total=event["total"], completed=event["done"], **shown)

    def line(self, text: str) -> None:
        """A task has written a line, which is in the run's log."""
        if PROBLEM_LINE.match(text):
            self._print(text)

    def _print(self, text: str) -> None:
        self._console.print(Text(text), soft_wrap=True)

    def _draw(self) -> Group:
        parts: list[Any] = [self._header(), self._bars]
        if curve := self._curve():
            parts.append(curve)
        return Group(*parts)

    def _header(self) -> Text:
        with self._state.lock:
            running = [state.task.number + 1 for state in self._state.states if state.is_running]
            left = self._state.time_left()
        numbers = " and ".join(map(str, running)) or "…"
        parts = [f"stage{'s' if len(running) > 1 else ''} {numbers} of {len(self._state.states)}"]
        if left is not None:
            parts.append(f"about {formatting.duration(left)} left")
        parts.append(f"{formatting.duration(self._state.elapsed())} so far")
        return Text(", ".join(parts), style="bold", no_wrap=True, overflow="ellipsis")

    def _curve(self) -> Text | None:
        """The loss so far, of a terminal that shows blocks; None without one."""
        with self._state.lock:
            losses = next((list(s.losses) for s in self._state.states if s.is_running and len(s.losses) > 1), None)
        if losses is None or self._console.options.ascii_only:
            return None
        width = min(CURVE_WIDTH, max(1, self._console.width - 24))
        line = f"loss {losses[0]:.2f} {formatting.sparkline(losses, width)} {losses[-1]:.2f}"
        return Text(line, no_wrap=True, overflow="ellipsis")
