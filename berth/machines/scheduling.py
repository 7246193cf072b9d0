"""How Kubernetes finds nodes of a shape for a stage: labels and taints."""

from __future__ import annotations

from berth.machines.registry import shape
from berth.machines.shapes import Shape
from berth.recipe import TaskResources

SPOT = "cloud.google.com/gke-spot"


def machines_of(resources: TaskResources, where: str) -> tuple[Shape | None, int]:
    """The shape of the machines that a stage requests, None for CPUs, and their number.

    Args:
        resources: What it requests.
        where: The recipe key of the request, for the error.

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
    """Taints that a task accepts, as Kubernetes writes them."""
    accepted = []
    if machine:  # GKE taints its accelerator nodes so that ordinary pods stay away
        accepted.append({"key": machine.resource, "operator": "Exists", "effect": "NoSchedule"})
    if resources.spot:
        accepted.append({"key": SPOT, "operator": "Equal", "value": "true", "effect": "NoSchedule"})
    return accepted + [toleration.model_dump(exclude_none=True) for toleration in resources.tolerations]
