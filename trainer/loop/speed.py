"""How fast a training is: sequences and model FLOP/s, and the share of what the devices could do."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from berth import machines
from trainer.schedules.schedule import Update


@dataclass
class Speed:
    """Counts what was trained on since it was last told; pauses (evaluations, checkpoints) do not count.

    Args:
        operations: Floating-point operations of one sequence, by the name of the phase.
        devices: How many there are.
        peak: FLOP/s of one device at most; None where it is not known.
    """

    operations: Mapping[str, int]
    devices: int
    peak: float | None
    _sequences: int = 0
    _operations: int = 0
    _since: float = field(default_factory=time.monotonic)

    def count(self, update: Update) -> None:
        """An update was made."""
        self._sequences += update.phase.batch_size
        self._operations += update.phase.batch_size * self.operations[update.phase.name]

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Time in this block is not time of training."""
        started = time.monotonic()
        yield
        self._since += time.monotonic() - started

    def told(self) -> dict[str, float]:
        """`sequences_per_second`, `model_flops_per_second` and, where the peak is known, `model_flops_utilisation`."""
        seconds = max(time.monotonic() - self._since, 1e-9)
        speed = {
            "sequences_per_second": self._sequences / seconds,
            "model_flops_per_second": self._operations / seconds,
        }
        if (share := machines.utilisation(self._operations / seconds, self.devices, self.peak)) is not None:
            speed["model_flops_utilisation"] = share
        self._sequences, self._operations, self._since = 0, 0, time.monotonic()
        return speed


def in_words(speed: Mapping[str, float]) -> dict[str, str]:
    """The same for the progress bar."""
    words = {"sequences": f"{speed['sequences_per_second']:.0f}/s"}
    if "model_flops_utilisation" in speed:
        return {**words, "MFU": f"{speed['model_flops_utilisation']:.1%}"}
    unit, scale = ("TFLOP/s", 1e12) if speed["model_flops_per_second"] >= 1e12 else ("GFLOP/s", 1e9)
    return {**words, unit: f"{speed['model_flops_per_second'] / scale:.3g}"}
