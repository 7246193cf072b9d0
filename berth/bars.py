"""Progress bars on a terminal, by rich: name, bar, done of total, rate, time left, figures."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn
from rich.table import Column
from rich.text import Text

from berth import formatting

# Over how many seconds the rate is averaged.
SECONDS_OF_RATE = 30.0


class _Counted(ProgressColumn):
    """Done of total with the unit, rate, and the time left; without a unit, the time so far."""

    def render(self, task: Task) -> Text:
        if not (unit := task.fields["unit"]):
            return Text(formatting.duration(task.elapsed or 0.0))
        parts = [formatting.counted(int(task.completed), None if task.total is None else int(task.total), unit)]
        if task.speed:
            parts.append(formatting.rate(task.speed, unit))
        if (left := task.time_remaining) is not None and not task.finished:
            parts.append(f"{formatting.duration(left)} left")
        return Text(", ".join(parts), no_wrap=True, overflow="ellipsis")


def console() -> Console:
    """Standard error as rich's console."""
    return Console(file=sys.stderr, highlight=False, soft_wrap=False)


def bars(screen: Console) -> Progress:
    """Bars that are drawn by themselves, as a context manager, or as a part of a larger display.

    A bar has the fields ``unit`` and ``figures`` (text).
    """
    return Progress(
        TextColumn("{task.description}", markup=False, table_column=Column(no_wrap=True)),
        BarColumn(bar_width=None, table_column=Column(ratio=1, min_width=6, max_width=40)),
        _Counted(table_column=Column(no_wrap=True, overflow="ellipsis")),
        TextColumn("{task.fields[figures]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
        console=screen,
        transient=True,
        redirect_stdout=False,
        refresh_per_second=5,
        speed_estimate_period=SECONDS_OF_RATE,
    )
