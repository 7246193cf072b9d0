"""What the machines of a plan can do at most."""

from __future__ import annotations

from dataclasses import dataclass

from berth.errors import UsageError
from berth.machines import Shape
from berth.machines import shape as shape_of
from berth.planning import flops

# The name that drivers give the device, for the peak: by the beginning of the shape's name.
DEVICES = {
    "v5litepod": "TPU v5 lite",
    "v6e": "TPU v6 lite",
    "v4": "TPU v4",
    "v5p": "TPU v5p",
    "t4": "T4",
    "l4": "L4",
    "v100": "V100",
    "a100": "A100",
    "h100": "H100",
    "h200": "H200",
    "b200": "B200",
}
PRECISION = "mixed_bfloat16"  # the table of peaks is of 16-bit arithmetic


@dataclass(frozen=True)
class Machines:
    """The accelerators that a training is planned for.

    Args:
        shape: One machine, or slice of machines.
        hosts: Machines of that shape; of a slice, the machines it consists of.
        utilisation: Share of the peak that a training is assumed to reach, 0 to 1.
    """

    shape: Shape
    hosts: int
    utilisation: float

    @classmethod
    def of(cls, name: str, hosts: int, utilisation: float, where: str) -> Machines:
        """The machines of a shape's name.

        Raises:
            UsageError: if there is no such shape, or the utilisation is no share.
        """
        if not 0.0 < utilisation <= 1.0:
            raise UsageError(
                "a utilisation is a share of the peak",
                where="--utilisation",
                found=f"{utilisation:g}",
                expected="more than 0, at most 1",
            )
        shape = shape_of(name, where)
        return cls(shape, max(hosts, shape.hosts), utilisation)

    @property
    def devices(self) -> int:
        """Accelerators in all machines together."""
        return self.shape.chips * self.hosts

    @property
    def peak(self) -> float:
        """What one of them can do at most, FLOP/s in 16 bits."""
        device = next(device for prefix, device in DEVICES.items() if self.shape.name.startswith(prefix))
        peak = flops.peak(device, PRECISION)
        assert peak is not None, device  # held by a test over all shapes
        return peak

    def hours(self, operations: int) -> float:
        """Hours for so many floating-point operations."""
        return operations / (self.devices * self.peak * self.utilisation) / 3600
