"""NVIDIA H200: A3 Ultra machines."""

from __future__ import annotations

from berth.machines.shapes import Chip, Family, gpu_machines

# NVIDIA's data sheet ("Tensor Core"; half of the figures with sparsity).
CHIP = Chip(driver_names=("H200",), memory_gb=141, peak_flops=989.5e12)
NVL = Chip(driver_names=("H200 NVL",), memory_gb=141, peak_flops=835.5e12)

FAMILY = Family(
    gpu_machines("h200-141gb", "nvidia-h200-141gb", CHIP, {8: "a3-ultragpu-8g"}),
    other_chips=(NVL,),
)
