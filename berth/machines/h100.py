"""NVIDIA H100: A3 machines."""

from __future__ import annotations

from berth.machines.shapes import Chip, Family, gpu_machines

# NVIDIA's data sheet ("Tensor Core"; half of the figures with sparsity).
CHIP = Chip(driver_names=("H100",), memory_gb=80, peak_flops=989.5e12)
PCIE = Chip(driver_names=("H100 PCIe",), memory_gb=80, peak_flops=756.5e12)
NVL = Chip(driver_names=("H100 NVL",), memory_gb=94, peak_flops=835.5e12)

FAMILY = Family(
    (
        *gpu_machines("h100-80gb", "nvidia-h100-80gb", CHIP, {8: "a3-highgpu-8g"}),
        *gpu_machines("h100-mega-80gb", "nvidia-h100-mega-80gb", CHIP, {8: "a3-megagpu-8g"}),
    ),
    other_chips=(PCIE, NVL),
)
