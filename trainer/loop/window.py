"""The sums of a training run since the last line of its metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trainer.models.metrics import SUMS, Totals


@dataclass
class Window:
    """Sums since the last line of metrics, and results that are still on the device."""

    totals: Totals = field(default_factory=Totals)
    gradient_norm: float = 0.0
    updates: int = 0
    pending: list[Any] = field(default_factory=list)

    def fetch(self) -> int | None:
        """Fetch the pending results; waits for the device.

        Returns:
            None if all are finite; else how many updates before the newest one a loss or gradient was first not finite.
        """
        broken = None
        for before, result in zip(range(len(self.pending) - 1, -1, -1), self.pending, strict=True):
            vector = np.asarray(result, dtype=np.float64)
            if broken is None and not np.isfinite(vector).all():
                broken = before
            self.totals.add(vector[: len(SUMS)])
            self.gradient_norm += float(vector[len(SUMS)])
            self.updates += 1
        self.pending.clear()
        return broken

    def state(self) -> dict[str, Any]:
        """As JSON; doubles survive it exactly."""
        return {"sums": self.totals.values.tolist(), "gradient_norm": self.gradient_norm, "updates": self.updates}

    @classmethod
    def restored(cls, state: Mapping[str, Any]) -> Window:
        """From :meth:`state`."""
        return cls(Totals(np.array(state["sums"])), state["gradient_norm"], state["updates"])
