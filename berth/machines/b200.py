"""NVIDIA B200: A4 machines, whose GPUs have 180 GB each."""

from __future__ import annotations

from berth.machines.shapes import Chip, Family, gpu_machines

# NVIDIA's data sheet ("Tensor Core"; half of the figure with sparsity).
CHIP = Chip(driver_names=("B200",), memory_gb=180, peak_flops=2250e12)

FAMILY = Family(gpu_machines("b200", "nvidia-b200", CHIP, {8: "a4-highgpu-8g"}))
