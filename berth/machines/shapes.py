"""What a row of the machine table holds: the chip, how many of them, and how GKE labels their nodes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

GPU, TPU = "nvidia.com/gpu", "google.com/tpu"


@dataclass(frozen=True)
class Chip:
    """One type of accelerator.

    Args:
        driver_names: Parts of the names that drivers report for it, such as ``A100`` in ``NVIDIA A100-SXM4-80GB``.
        memory_gb: Memory of one chip in 10^9 bytes, as its vendor states it.
        peak_flops: Dense peak of one chip in 16-bit floating point with 32-bit sums, FLOP/s.
        devices: Devices that it is for TensorFlow and JAX, each with a part of a batch and a copy of the model.
    """

    driver_names: tuple[str, ...]
    memory_gb: int
    peak_flops: float
    devices: int = 1

    @property
    def device_peak_flops(self) -> float:
        """Dense peak of one device, FLOP/s."""
        return self.peak_flops / self.devices


@dataclass(frozen=True)
class Shape:
    """One kind of machine, or of a slice of machines that work as one.

    Args:
        name: As a recipe names it. TPU v3, v4 and v5p are named by TensorCores, two a chip; the others by chips.
        resource: Kubernetes' name of the accelerator.
        accelerator: GKE's label of the accelerator.
        machine_type: Compute Engine's machine type.
        chip: The accelerator itself.
        chips: Accelerators in one machine.
        hosts: Machines; more than one only for a TPU slice.
        topology: Arrangement of a TPU slice's chips; empty for GPUs.
    """

    name: str
    resource: str
    accelerator: str
    machine_type: str
    chip: Chip
    chips: int
    hosts: int = 1
    topology: str = ""

    @property
    def devices(self) -> int:
        """Devices in one machine."""
        return self.chips * self.chip.devices

    @property
    def is_tpu(self) -> bool:
        """Whether it is a TPU slice."""
        return self.resource == TPU

    @property
    def node_selector(self) -> dict[str, str]:
        """Labels of the nodes that are of this shape."""
        if self.is_tpu:
            return {
                "cloud.google.com/gke-tpu-accelerator": self.accelerator,
                "cloud.google.com/gke-tpu-topology": self.topology,
            }
        return {"cloud.google.com/gke-accelerator": self.accelerator}


@dataclass(frozen=True)
class Family:
    """The machines of one accelerator family: what one file of this package defines.

    Args:
        shapes: The machine shapes that a recipe can name.
        other_chips: Variants that drivers report but no shape has, such as PCIe cards: their peak is known.
    """

    shapes: tuple[Shape, ...]
    other_chips: tuple[Chip, ...] = ()

    @property
    def chips(self) -> tuple[Chip, ...]:
        """All chips of the family, each once."""
        return tuple(dict.fromkeys([*(shape.chip for shape in self.shapes), *self.other_chips]))


def tpu_slices(
    prefix: str,
    accelerator: str,
    machine: str,
    chip: Chip,
    topologies: str,
    *,
    cores_per_chip: int = 1,
    chips_per_host: int = 4,
) -> tuple[Shape, ...]:
    """TPU slices, one for each topology.

    Args:
        prefix: Of the shapes' names; the number of chips (or cores) follows.
        accelerator: GKE's label.
        machine: Compute Engine's machine type without the number of chips.
        chip: The accelerator.
        topologies: Separated by blanks, such as ``1x1 2x2``.
        cores_per_chip: What names count of a chip.
        chips_per_host: Chips in one machine; a smaller slice is one machine.
    """
    shapes = []
    for topology in topologies.split():
        chips = math.prod(map(int, topology.split("x")))
        per_host = min(chips, chips_per_host)
        shapes.append(
            Shape(
                name=f"{prefix}-{chips * cores_per_chip}",
                resource=TPU,
                accelerator=accelerator,
                machine_type=f"{machine}-{per_host}t",
                chip=chip,
                chips=per_host,
                hosts=chips // per_host,
                topology=topology,
            )
        )
    return tuple(shapes)


def gpu_machines(prefix: str, accelerator: str, chip: Chip, machine_types: Mapping[int, str]) -> tuple[Shape, ...]:
    """GPU machines, one for each number of GPUs.

    Args:
        prefix: Of the shapes' names; the number of GPUs follows.
        accelerator: GKE's label.
        chip: The accelerator.
        machine_types: Compute Engine's machine types by their number of GPUs.
    """
    return tuple(
        Shape(f"{prefix}-{count}", GPU, accelerator, machine, chip, count) for count, machine in machine_types.items()
    )
