"""NVIDIA T4: N1 machines."""

from __future__ import annotations

from berth.machines.shapes import Chip, Family, gpu_machines

# NVIDIA's data sheet ("Tensor Core").
CHIP = Chip(driver_names=("T4",), memory_gb=16, peak_flops=65e12)

FAMILY = Family(
    gpu_machines("t4", "nvidia-tesla-t4", CHIP, {1: "n1-standard-8", 2: "n1-standard-16", 4: "n1-standard-32"})
)
