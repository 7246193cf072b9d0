"""Phase, position in the data and learning rate of each optimizer update, by its number."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from berth.recipe import Phase


@dataclass(frozen=True)
class Update:
    """One optimizer update, as the recipe's phases determine it from its number alone.

    Args:
        number: Counted through all phases, from 1.
        phase: Its phase.
        step: Updates of this phase made before it, from 0.
        since_reset: Its number since the optimizer's state was last reset, from 1.
        position: Index of its batch's first record in the endless sequence of epochs of its record set. Phases with the
            same record set continue in it.
    """

    number: int
    phase: Phase
    step: int
    since_reset: int
    position: int

    @property
    def learning_rate(self) -> float:
        """The rate of this update."""
        return learning_rate(self.phase, self.step)

    @property
    def is_reset(self) -> bool:
        """Whether the optimizer's state is reset before this update."""
        return self.since_reset == 1

    @property
    def is_last_of_phase(self) -> bool:
        """Whether the phase ends with this update."""
        return self.step + 1 == self.phase.steps


def total_updates(phases: Sequence[Phase]) -> int:
    """Updates in all phases together."""
    return sum(phase.steps for phase in phases)


def update(phases: Sequence[Phase], number: int) -> Update:
    """The update of this number (from 1).

    Raises:
        IndexError: if the phases have fewer.
    """
    before, since_reset = 0, 0
    used: Counter[str] = Counter()  # records taken from each set by earlier phases
    for phase in phases:
        if phase.optimizer_state == "reset":
            since_reset = 0
        if number <= before + phase.steps:
            step = number - before - 1
            position = used[phase.records] + step * phase.batch_size
            return Update(number, phase, step, since_reset + step + 1, position)
        before += phase.steps
        since_reset += phase.steps
        used[phase.records] += phase.steps * phase.batch_size
    raise IndexError(f"there are {before} updates, none has the number {number}")


def sequences(phases: Sequence[Phase], number: int) -> int:
    """Sequences trained on in all updates up to this number; 0 before the first."""
    total = 0
    for phase in phases:
        steps = min(phase.steps, number)
        total += steps * phase.batch_size
        number -= steps
    return total


def learning_rate(phase: Phase, step: int) -> float:
    """The rate of one optimizer update, as google-research/bert's and MLPerf's `optimization.py` compute it.

    Warm-up and decay count the steps of the schedule: those of the phase or, if it continues a schedule, also those
    before it. The decay counts from the schedule's first step, whether it warms up or not. Warm-up counts from
    `start_warmup_step`: with a negative one the first step already has a rate above zero. A constant rate is
    `end_learning_rate` equal to `learning_rate`.

    Args:
        phase: The phase of the recipe.
        step: Updates of this phase made before this one, from 0.
    """
    step += phase.first_step
    warmed_up = step - phase.start_warmup_step
    if phase.warmup_steps and warmed_up < phase.warmup_steps:
        return phase.learning_rate * warmed_up / phase.warmup_steps
    remaining = 1.0 - min(step, phase.schedule_steps) / phase.schedule_steps
    return float((phase.learning_rate - phase.end_learning_rate) * remaining**phase.power + phase.end_learning_rate)
