"""The speed of a training run: sequences and model FLOP/s, and the utilisation of the devices."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from berth import machines
from trainer.schedules.schedule import Update


@dataclass
class Speed:
    """Counts sequences and operations since the last measurement; pauses (evaluations, checkpoints) do not count.

    Args:
        operations: Floating-point operations of one sequence, by the name of the phase.
        devices: Number of devices.
        peak: Peak FLOP/s of one device; None if unknown.
    """

    operations: Mapping[str, int]
    devices: int
    peak: float | None
    _sequences: int = 0
    _operations: int = 0
    _since: float = field(default_factory=time.monotonic)

    def count(self, update: Update) -> None:
        """Count an update."""
        self._sequences += update.phase.batch_size
        self._operations += update.phase.batch_size * self.operations[update.phase.name]

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Do not count the time spent in this block."""
        started = time.monotonic()
        yield
        self._since += time.monotonic() - started

    def measure(self) -> dict[str, float]:
        """The speed since the last measurement.

        Returns:
            `sequences_per_second`, `model_flops_per_second` and, if the peak is known, `model_flops_utilisation`.
        """
        seconds = max(time.monotonic() - self._since, 1e-9)
        speed = {
            "sequences_per_second": self._sequences / seconds,
            "model_flops_per_second": self._operations / seconds,
        }
        if (share := machines.utilisation(self._operations / seconds, self.devices, self.peak)) is not None:
            speed["model_flops_utilisation"] = share
        self._sequences, self._operations, self._since = 0, 0, time.monotonic()
        return speed


def as_text(speed: Mapping[str, float]) -> dict[str, str]:
    """The speed, formatted for the progress bar."""
    shown = {"sequences": f"{speed['sequences_per_second']:.0f}/s"}
    if "model_flops_utilisation" in speed:
        return {**shown, "MFU": f"{speed['model_flops_utilisation']:.1%}"}
    unit, scale = ("TFLOP/s", 1e12) if speed["model_flops_per_second"] >= 1e12 else ("GFLOP/s", 1e9)
    return {**shown, unit: f"{speed['model_flops_per_second'] / scale:.3g}"}
