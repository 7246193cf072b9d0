"""Progress of long operations: a bar with rate and remaining time on a terminal, plain log lines elsewhere."""

from __future__ import annotations

import logging
import sys
from types import TracebackType
from typing import NoReturn

from tqdm import tqdm

from berth.log import terminal

SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """Counts work done towards a total; use as a context manager.

    On a terminal it draws one bar. Elsewhere it logs the same figures (done/total, elapsed < remaining, rate) at most
    every ten seconds, so that log files stay readable.

    Args:
        name: Name of the operation; also the name of the logger (``berth.NAME``).
        total: Total number of units; None if unknown.
        unit: Name of the unit. ``"B"`` (bytes) is scaled to k, M, G.
    """

    def __init__(self, name: str, total: int | None, unit: str = "step") -> None:
        self._log = logging.getLogger(f"berth.{name}")
        self._screen = terminal()
        spaced, plural = ("B", "B") if unit == "B" else (f" {unit}", f" {unit}s")
        self._bar: tqdm[NoReturn] = tqdm(
            total=total,
            desc=name,
            unit=spaced,
            unit_scale=unit == "B",
            file=self._screen if self._screen is not None else _Lines(self._log),
            mininterval=0.2 if self._screen is not None else SECONDS_BETWEEN_LINES,
            maxinterval=SECONDS_BETWEEN_LINES,
            leave=False,
            dynamic_ncols=self._screen is not None,
            position=None if self._screen is not None else 0,  # a nested bar would move the terminal's cursor
            # Log lines contain the figures without the bar.
            bar_format=None
            if self._screen is not None
            else "{n_fmt}/{total_fmt}" + plural + " [{elapsed}<{remaining}, {rate_fmt}{postfix}]",
        )

    def update(self, done: int = 1, **figures: object) -> None:
        """Add ``done`` units; ``figures`` (for example the loss) are shown after the bar."""
        if figures:
            self._bar.set_postfix(figures, refresh=False)
        self._bar.update(done)

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()
        if self._screen is not None and self._screen is not sys.stderr:
            self._screen.close()


class _Lines:
    """A file-like object that turns the output of tqdm into log lines, except for the first, empty one."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log

    def write(self, text: str) -> int:
        line = text.strip()
        if line and not line.startswith("0/") and not line.startswith("0.00/"):
            self._log.info("%s", line)
        return len(text)

    def flush(self) -> None:
        pass
