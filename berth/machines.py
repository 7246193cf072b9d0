"""The machine shapes that a recipe can ask for by name: TPU slices and GPU machines of GKE.

Sources: GKE's "Plan TPUs in GKE" and "About GPUs in GKE" (accelerator labels, topologies, machine types), compared with
system_characteristics.py of https://github.com/AI-Hypercomputer/xpk. Where GKE has eight v5e or v6e chips as one
machine or as two, it is the one here.
"""

from __future__ import annotations

import difflib
import math
from dataclasses import dataclass
from itertools import chain
from types import MappingProxyType

from berth.errors import UsageError
from berth.recipe import TaskResources

GPU, TPU = "nvidia.com/gpu", "google.com/tpu"
SPOT = "cloud.google.com/gke-spot"


@dataclass(frozen=True)
class Shape:
    """One kind of machine, or of a slice of machines that work as one.

    Args:
        name: As a recipe names it. TPU v4 and v5p are named by TensorCores, two a chip; the others by chips.
        resource: Kubernetes' name of the accelerator.
        accelerator: GKE's label of the accelerator.
        machine_type: Compute Engine's machine type.
        chips: Accelerators in one machine.
        hosts: Machines; more than one only for a TPU slice.
        topology: Arrangement of a TPU slice's chips; empty for GPUs.
    """

    name: str
    resource: str
    accelerator: str
    machine_type: str
    chips: int
    hosts: int = 1
    topology: str = ""

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


def _slices(
    prefix: str, accelerator: str, machine: str, topologies: str, cores_per_chip: int = 1, chips_per_host: int = 4
) -> list[Shape]:
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
                chips=per_host,
                hosts=chips // per_host,
                topology=topology,
            )
        )
    return shapes


def _gpus(prefix: str, accelerator: str, machine_types: dict[int, str]) -> list[Shape]:
    return [Shape(f"{prefix}-{count}", GPU, accelerator, machine, count) for count, machine in machine_types.items()]


_ALL = chain(
    _slices("v5litepod", "tpu-v5-lite-podslice", "ct5lp-hightpu", "1x1 2x2"),
    _slices("v5litepod", "tpu-v5-lite-podslice", "ct5lp-hightpu", "2x4", chips_per_host=8),
    _slices("v5litepod", "tpu-v5-lite-podslice", "ct5lp-hightpu", "4x4 4x8 8x8 8x16 16x16"),
    _slices("v6e", "tpu-v6e-slice", "ct6e-standard", "1x1 2x2"),
    _slices("v6e", "tpu-v6e-slice", "ct6e-standard", "2x4", chips_per_host=8),
    _slices("v6e", "tpu-v6e-slice", "ct6e-standard", "4x4 4x8 8x8 8x16 16x16"),
    _slices("v4", "tpu-v4-podslice", "ct4p-hightpu", "2x2x1 2x2x2 2x2x4 2x4x4 4x4x4 4x4x8 4x8x8", cores_per_chip=2),
    _slices("v5p", "tpu-v5p-slice", "ct5p-hightpu", "2x2x1 2x2x2 2x2x4 2x4x4 4x4x4 4x4x8 4x8x8", cores_per_chip=2),
    _gpus("t4", "nvidia-tesla-t4", {1: "n1-standard-8", 2: "n1-standard-16", 4: "n1-standard-32"}),
    _gpus("l4", "nvidia-l4", {1: "g2-standard-12", 2: "g2-standard-24", 4: "g2-standard-48", 8: "g2-standard-96"}),
    _gpus("v100", "nvidia-tesla-v100", {1: "n1-standard-8", 4: "n1-standard-32", 8: "n1-standard-64"}),
    _gpus("a100-40gb", "nvidia-tesla-a100", {count: f"a2-highgpu-{count}g" for count in (1, 2, 4, 8)}),
    _gpus("a100-80gb", "nvidia-a100-80gb", {count: f"a2-ultragpu-{count}g" for count in (1, 2, 4, 8)}),
    _gpus("h100-80gb", "nvidia-h100-80gb", {8: "a3-highgpu-8g"}),
    _gpus("h100-mega-80gb", "nvidia-h100-mega-80gb", {8: "a3-megagpu-8g"}),
    _gpus("h200-141gb", "nvidia-h200-141gb", {8: "a3-ultragpu-8g"}),
    _gpus("b200", "nvidia-b200", {8: "a4-highgpu-8g"}),
)
SHAPES = MappingProxyType({shape.name: shape for shape in _ALL})


def shape(name: str, where: str) -> Shape:
    """The shape of that name.

    Args:
        name: For instance ``v5litepod-16`` or ``l4-1``.
        where: The flag or key that names it, for the error.

    Raises:
        UsageError: if there is none.
    """
    if name not in SHAPES:
        close = difflib.get_close_matches(name, SHAPES, 3)
        raise UsageError(
            "there is no such machine shape",
            where=where,
            found=name,
            expected=f"for instance {', '.join(close or ['v5litepod-16', 'l4-1'])}",
            fix="`berth k8s --shapes` lists them.",
        )
    return SHAPES[name]


def machines_of(resources: TaskResources, where: str) -> tuple[Shape | None, int]:
    """The shape of the machines that a stage asks for, None for CPUs, and how many there are.

    Args:
        resources: What it asks for.
        where: The key that says so, for the error.

    Raises:
        UsageError: if there is no such shape.
    """
    machine = shape(resources.accelerator, f"{where}.accelerator") if resources.accelerator else None
    return machine, max(resources.hosts, machine.hosts if machine is not None else 1)


def node_selector(resources: TaskResources, machine: Shape | None) -> dict[str, str]:
    """Labels that a node must have for a task."""
    selector = dict(machine.node_selector) if machine else {}
    if resources.spot:
        selector[SPOT] = "true"
    return {**selector, **resources.node_selector}


def tolerations(resources: TaskResources, machine: Shape | None) -> list[dict[str, str]]:
    """Taints that a task accepts, in Kubernetes' words."""
    accepted = []
    if machine:  # GKE taints its accelerator nodes so that ordinary pods stay away
        accepted.append({"key": machine.resource, "operator": "Exists", "effect": "NoSchedule"})
    if resources.spot:
        accepted.append({"key": SPOT, "operator": "Equal", "value": "true", "effect": "NoSchedule"})
    return accepted + [toleration.model_dump(exclude_none=True) for toleration in resources.tolerations]


def table() -> str:
    """All shapes as text, one a line."""
    lines = [f"{'name':<16}{'machines':>9}  {'chips each':>10}  {'topology':<10}{'machine type':<20}accelerator"]
    lines += [
        f"{shape.name:<16}{shape.hosts:>9}  {shape.chips:>10}  {shape.topology or '-':<10}"
        f"{shape.machine_type:<20}{shape.accelerator}"
        for shape in SHAPES.values()
    ]
    return "\n".join(lines)
