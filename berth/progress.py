"""Progress of long work: a bar with rate and remaining time on a terminal, plain log lines otherwise."""

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

    On a terminal it draws one bar. Elsewhere it logs a line at most every ten seconds, in the same words
    (done/total, elapsed < remaining, rate), so that a log file stays readable.

    Args:
        name: What is being worked on; also the logger's name (``berth.NAME``).
        total: Units of work in all; None where it is not known.
        unit: The unit's name. ``"B"`` (bytes) is scaled to k, M, G.
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
            position=None if self._screen is not None else 0,  # a bar inside another one moves the cursor of a screen
            # Without a terminal the bar itself is noise: only its figures are logged.
            bar_format=None
            if self._screen is not None
            else "{n_fmt}/{total_fmt}" + plural + " [{elapsed}<{remaining}, {rate_fmt}{postfix}]",
        )

    def update(self, done: int = 1, **figures: object) -> None:
        """Report ``done`` more units; ``figures`` (say, loss) are shown beside the bar."""
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
    """A file-like object that turns what tqdm draws into log lines; the first, empty drawing is left out."""

    def __init__(self, log: logging.Logger) -> None:
        self._log = log

    def write(self, text: str) -> int:
        line = text.strip()
        if line and not line.startswith("0/") and not line.startswith("0.00/"):
            self._log.info("%s", line)
        return len(text)

    def flush(self) -> None:
        pass
