"""NVIDIA L4: G2 machines."""

from __future__ import annotations

from berth.machines.shapes import Chip, Family, gpu_machines

# NVIDIA's data sheet ("Tensor Core"; half of the figure with sparsity).
CHIP = Chip(driver_names=("L4",), memory_gb=24, peak_flops=121e12)

FAMILY = Family(
    gpu_machines(
        "l4", "nvidia-l4", CHIP, {1: "g2-standard-12", 2: "g2-standard-24", 4: "g2-standard-48", 8: "g2-standard-96"}
    )
)
