"""NVIDIA V100: N1 machines."""

from __future__ import annotations

from berth.machines.shapes import Chip, Family, gpu_machines

# NVIDIA's data sheet ("Tensor Core").
CHIP = Chip(driver_names=("V100",), memory_gb=16, peak_flops=125e12)
PCIE = Chip(driver_names=("V100-PCIE",), memory_gb=16, peak_flops=112e12)

FAMILY = Family(
    gpu_machines("v100", "nvidia-tesla-v100", CHIP, {1: "n1-standard-8", 4: "n1-standard-32", 8: "n1-standard-64"}),
    other_chips=(PCIE,),
)
