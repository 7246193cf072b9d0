"""How far a local run is: its tasks' states, progress and losses, and the time left, learnt from earlier runs."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from berth.app.pipeline_tasks import PipelineTask

# Components whose progress says how long they take; that of others covers a part of their work.
STEADY = ("train", "finetune")
# An extrapolation from less work than this is worthless.
SMALLEST_SHARE = 0.01


@dataclass
class TaskState:
    """What is known of a task. Times are seconds of a monotonic clock.

    ``progress`` is the newest event of its outermost operation (`berth/progress.py`), ``first`` the work done, and the
    time, when that operation began.
    """

    task: PipelineTask
    started: float | None = None
    ended: float | None = None
    was_up_to_date: bool = False
    progress: Mapping[str, Any] | None = None
    first: tuple[int, float] = (0, 0.0)
    losses: list[float] = field(default_factory=list)

    @property
    def is_running(self) -> bool:
        """Whether it has started and not ended."""
        return self.started is not None and self.ended is None


class RunState:
    """How far a run is. Several threads may use it.

    Args:
        tasks: The tasks, in their order.
        known: Seconds that tasks took before, by title.
        slots: How many run at once at most.
        clock: The time in seconds.
    """

    def __init__(
        self,
        tasks: Sequence[PipelineTask],
        known: Mapping[str, float],
        slots: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.states = [TaskState(task) for task in tasks]
        self._known, self._slots, self._clock = known, slots, clock
        self._began = clock()
        self.lock = threading.RLock()

    def start(self, number: int) -> None:
        """A task has started."""
        with self.lock:
            self.states[number].started = self._clock()

    def end(self, number: int) -> None:
        """A task has ended."""
        with self.lock:
            self.states[number].ended = self._clock()

    def receive(self, number: int, event: Mapping[str, Any]) -> None:
        """Take over what a task has sent."""
        with self.lock:
            state = self.states[number]
            if "up_to_date" in event:
                state.was_up_to_date = bool(event["up_to_date"])
            if "progress" not in event:
                return
            before = state.progress
            if before is None or any(before[key] != event[key] for key in ("progress", "total")):
                state.first = (event["done"], self._clock())
            state.progress = event
            with contextlib.suppress(KeyError, ValueError):
                if not before or event["figures"] != before["figures"]:
                    state.losses.append(float(event["figures"]["loss"]))

    def seconds(self, number: int) -> float:
        """How long a task has been running, or ran."""
        with self.lock:
            state = self.states[number]
            return 0.0 if state.started is None else (state.ended or self._clock()) - state.started

    def seconds_of_progress(self, number: int) -> float:
        """How long the operation that a task is at has been going on."""
        return self._clock() - self.states[number].first[1]

    def elapsed(self) -> float:
        """How long the run has been going on."""
        return self._clock() - self._began

    def taken(self) -> dict[str, float]:
        """Seconds that the tasks took which did their whole work, by title: what the next run learns from."""
        return {
            state.task.title: round(self.seconds(state.task.number), 1)
            for state in self.states
            if state.ended is not None and not state.was_up_to_date
        }

    def time_left(self) -> float | None:
        """Seconds until the run ends; None if that is unknown: as long as training is to come and never ran here.

        Other tasks of which nothing is known count as nothing. It is at least the longest chain of tasks that wait for
        each other, and the work that is left, divided among the tasks that run at once.
        """
        with self.lock:
            left: list[float] = []
            chains: list[float] = []
            for state in self.states:
                seconds = self._left(state)
                if seconds is None and state.task.component == "train":
                    return None
                left.append(seconds or 0.0)
                chains.append(left[-1] + max((chains[number] for number in state.task.after), default=0.0))
            return max(max(chains), sum(left) / self._slots) or None

    def _left(self, state: TaskState) -> float | None:
        """Seconds until a task ends, if it began now; None if that is unknown."""
        if state.ended is not None:
            return 0.0
        known = self._known.get(state.task.title)
        if state.started is None:
            return known
        extrapolated = self._extrapolated(state)
        if known is not None and (extrapolated is None or state.task.component not in STEADY):
            return max(0.0, known - self.seconds(state.task.number))
        return extrapolated

    def _extrapolated(self, state: TaskState) -> float | None:
        """Seconds that a task's operation needs at the rate so far; None as long as too little is done."""
        if state.progress is None or not (total := state.progress["total"]):
            return None
        before, since = state.first
        done = state.progress["done"]
        if done - before < SMALLEST_SHARE * total or done <= before:
            return None
        return float((self._clock() - since) * (total - done) / (done - before))
