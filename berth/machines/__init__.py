"""Machines: the shapes that a recipe can name, one file an accelerator family; how Kubernetes schedules onto them."""

from berth.machines.registry import SHAPES, peak_flops, shape, table, utilisation
from berth.machines.scheduling import SPOT, machines_of, node_selector, tolerations
from berth.machines.shapes import GPU, TPU, Chip, Family, Shape, gpu_machines, tpu_slices

__all__ = [
    "GPU",
    "SHAPES",
    "SPOT",
    "TPU",
    "Chip",
    "Family",
    "Shape",
    "gpu_machines",
    "machines_of",
    "node_selector",
    "peak_flops",
    "shape",
    "table",
    "tolerations",
    "tpu_slices",
    "utilisation",
]
