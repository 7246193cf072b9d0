"""What the engines need of an optimizer: the interface that each registered optimizer fulfils."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from berth.recipe import Optimizer as Options

Tensor = Any  # float32, of whichever engine runs


class Update(NamedTuple):
    """A variable and its slots after an update.

    Args:
        value: The variable.
        slots: Its slots, in the order of `Optimizer.slots`.
    """

    value: Tensor
    slots: tuple[Tensor, ...]


class Optimizer(Protocol):
    """An optimizer as pure functions of arrays, which both engines call in their compiled step.

    Slots begin with zeros, in the shape of their variable.
    """

    slots: tuple[str, ...]
    """Names of the slots of each variable: VARIABLE/SLOT in checkpoints."""

    def __init__(self, options: Options) -> None:
        """Take the recipe's settings."""

    def scalars(self, learning_rate: float, update: int) -> tuple[float, ...]:
        """The numbers of one update that are the same for all variables, computed outside of the compiled step.

        Args:
            learning_rate: From the schedule.
            update: Number of this update since the optimizer's state was reset, from 1.
        """

    def update(
        self, name: str, value: Tensor, gradient: Tensor, slots: Sequence[Tensor], scalars: Sequence[Tensor]
    ) -> Update:
        """One update of one variable.

        Args:
            name: The variable's name; decides about weight decay.
            value: The variable, float32.
            gradient: Its clipped gradient, of the same shape.
            slots: Its slots, in the order of `slots`.
            scalars: From :meth:`scalars`.
        """
