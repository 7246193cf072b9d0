"""Progress of long operations: a bar on a terminal, rare log lines elsewhere, events in a task of `berth run`."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Protocol

from berth import formatting, log, task_events

SECONDS_BETWEEN_LINES = 10.0
SECONDS_BETWEEN_EVENTS = 0.25


class _Shown(Protocol):
    """How progress is shown."""

    def update(self, done: int, figures: Mapping[str, object], is_new: bool) -> None:
        """Show the work done so far and the newest figures; ``is_new``: these have just been given."""

    def close(self) -> None:
        """The operation has ended."""


class Progress:
    """Counts work done towards a total; use as a context manager.

    On a terminal it draws one bar. Elsewhere it logs the same figures (done/total, elapsed < remaining, rate) at most
    every ten seconds, so that log files stay readable. In a task of `berth run` that process shows them.

    Args:
        name: Name of the operation; also the name of the logger (``berth.NAME``).
        total: Total number of units; None if unknown.
        unit: Name of the unit. ``"B"`` (bytes) is scaled to kB, MB, GB.
        done: Units that were done before; they do not count for the rate.
    """

    def __init__(self, name: str, total: int | None, unit: str = "step", done: int = 0) -> None:
        kind = _Events if task_events.is_task() else _Bar if log.has_screen() else _Lines
        self._shown: _Shown = kind(name, total, unit, done)
        self._done = done
        self._figures: dict[str, object] = {}

    def update(self, done: int = 1, **figures: object) -> None:
        """Add ``done`` units; ``figures`` (for example the loss) are shown after the bar."""
        self._done += done
        self._figures = figures or self._figures
        self._shown.update(self._done, self._figures, bool(figures))

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._shown.close()


class _Lines:
    """Log lines."""

    def __init__(self, name: str, total: int | None, unit: str, done: int) -> None:
        self._log = logging.getLogger(f"berth.{name}")
        self._total, self._unit, self._before = total, unit, done
        self._started = self._last = time.monotonic()

    def update(self, done: int, figures: Mapping[str, object], is_new: bool) -> None:
        now = time.monotonic()
        if done > self._before and now - self._last >= SECONDS_BETWEEN_LINES:
            self._last = now
            self._log.info("%s", line(done, self._before, self._total, self._unit, now - self._started, figures))

    def close(self) -> None:
        pass


class _Bar:
    """A bar on the terminal. One inside another's block is not drawn: rich draws one display at a time."""

    _is_open = False

    def __init__(self, name: str, total: int | None, unit: str, done: int) -> None:
        from berth import bars

        self._bars = None if _Bar._is_open else bars.bars(bars.console())
        if self._bars is not None:
            _Bar._is_open = True
            self._task = self._bars.add_task(name, completed=done, total=total, unit=unit, figures="")
            self._bars.start()

    def update(self, done: int, figures: Mapping[str, object], is_new: bool) -> None:
        if self._bars is not None:
            self._bars.update(self._task, completed=done, figures=formatting.figures(figures))

    def close(self) -> None:
        if self._bars is not None:
            _Bar._is_open = False
            self._bars.stop()


class _Events:
    """Events for `berth run`, which shows the outermost operation of each task."""

    _open = 0

    def __init__(self, name: str, total: int | None, unit: str, done: int) -> None:
        self._is_outermost = _Events._open == 0
        _Events._open += 1
        self._content = {"progress": name, "total": total, "unit": unit}
        self._sent = 0.0
        self._newest: tuple[int, Mapping[str, object]] | None = (done, {})
        self._send()

    def update(self, done: int, figures: Mapping[str, object], is_new: bool) -> None:
        self._newest = (done, figures)
        if is_new or time.monotonic() - self._sent >= SECONDS_BETWEEN_EVENTS:
            self._send()

    def close(self) -> None:
        self._send()
        _Events._open -= 1

    def _send(self) -> None:
        if self._is_outermost and self._newest is not None:
            done, figures = self._newest
            texts = {name: str(each) for name, each in figures.items()}
            task_events.send(**self._content, done=done, figures=texts)
            self._newest, self._sent = None, time.monotonic()


def line(done: int, before: int, total: int | None, unit: str, seconds: float, figures: Mapping[str, object]) -> str:
    """Progress as one line: ``120/2,600 steps [16 s<5 min 30 s, 7.5 step/s, loss=5.31]``.

    Args:
        done: Units done.
        before: How many of them before these seconds.
        total: All units.
        unit: Their name.
        seconds: How long it has taken.
        figures: Other figures.
    """
    rate = (done - before) / seconds if seconds > 0 else 0.0
    left = formatting.duration((total - done) / rate) if total is not None and rate else "?"
    times = f"{formatting.duration(seconds)}<{left}"
    parts = filter(None, (times, formatting.rate(rate, unit), formatting.figures(figures)))
    return f"{formatting.counted(done, total, unit)} [{', '.join(parts)}]"
