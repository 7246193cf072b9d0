"""The logs of a training run: metrics.jsonl, evaluations.jsonl, and event files for TensorBoard.

The JSON files belong to the result and depend on no clock. The event files also hold speeds and are not part of it:
if they cannot be written, training goes on without them.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from berth import storage
from berth.errors import BerthError
from berth.formats.results import EVALUATIONS, METRICS, Line, read_lines, write_lines
from berth.stage.output import Output
from trainer.loop.tensorboard import DIRECTORY, EventFile
from trainer.loop.window import Window
from trainer.schedules.schedule import Update

log = logging.getLogger("berth.train")

# Groups in TensorBoard, which shows figures only.
TRAIN, SPEED, EVALUATION = "train", "speed", "evaluation"
NO_FIGURES = {"step", "phase", "sequences"}


class MetricsLog:
    """The lines of metrics and evaluations, including those that an interrupted run logged up to its checkpoint.

    Args:
        output: The stage's output.
        done: Updates of the checkpoint that is continued; lines about later ones are dropped.
        is_writer: Whether this process writes; the others only keep the lines.
        next_sentence: Whether the model has the next-sentence head.
    """

    def __init__(self, output: Output, done: int, is_writer: bool, next_sentence: bool) -> None:
        self._output, self._is_writer, self._next_sentence = output, is_writer, next_sentence
        self.metrics = _lines_until(output.path(METRICS), done)
        self.evaluations = _lines_until(output.path(EVALUATIONS), done)
        purge_step = done + 1 if done else 0
        self._events: EventFile | None = None
        if is_writer:
            with self._without_events_at_failure():
                self._events = EventFile(output.path(DIRECTORY), purge_step)

    def add_metrics(self, update: Update, window: Window, speed: Mapping[str, float]) -> Line:
        """Add a line of metrics: means since the line before."""
        means = window.totals.means(self._next_sentence)
        line = {
            "step": update.number,
            "phase": update.phase.name,
            "loss": means["masked_lm_loss"] + means.get("next_sentence_loss", 0.0),
            **means,
            "learning_rate": update.learning_rate,
            "gradient_norm": window.gradient_norm / window.updates,
        }
        self.metrics.append(line)
        self._show(line, TRAIN)
        self._show({"step": update.number, **speed}, SPEED)
        return line

    def add_evaluation(self, line: Line) -> None:
        """Add the figures of an evaluation and write evaluations.jsonl at once."""
        self.evaluations.append(line)
        self._show(line, EVALUATION)
        if self._is_writer:
            write_lines(self._output.path(EVALUATIONS), self.evaluations)
            self._to_events(EventFile.flush)

    def write(self) -> None:
        """Write all lines; a resumed run drops those about steps after its checkpoint."""
        write_lines(self._output.path(METRICS), self.metrics)
        if self.evaluations:
            write_lines(self._output.path(EVALUATIONS), self.evaluations)
        self._to_events(EventFile.flush)

    def close(self) -> None:
        """Close the event file."""
        self._to_events(EventFile.close)

    def _show(self, line: Mapping[str, Any], group: str) -> None:
        figures = {f"{group}/{k}": v for k, v in line.items() if k not in NO_FIGURES}
        self._to_events(lambda events: events.add(line["step"], figures))

    def _to_events(self, do: Callable[[EventFile], None]) -> None:
        if self._events is not None:
            with self._without_events_at_failure():
                do(self._events)

    @contextlib.contextmanager
    def _without_events_at_failure(self) -> Iterator[None]:
        """Warn once about an event file that cannot be written, and write no more to it."""
        try:
            yield
        except (OSError, BerthError) as error:
            log.warning("training goes on without event files for TensorBoard: %s", error)
            events, self._events = self._events, None
            if events is not None:
                with contextlib.suppress(OSError, BerthError):
                    events.close()


def _lines_until(uri: str, step: int) -> list[Line]:
    """The lines up to a step, that of the checkpoint an interrupted run resumes from; none for step 0."""
    return [line for line in read_lines(uri) if line["step"] <= step] if step and storage.exists(uri) else []
