"""NVIDIA A100: A2 machines, with 40 or 80 GB a chip."""

from __future__ import annotations

from berth.machines.shapes import Chip, Family, gpu_machines

# NVIDIA's data sheet ("Tensor Core"; without sparsity).
SMALL = Chip(driver_names=("A100-SXM4-40GB", "A100-PCIE-40GB"), memory_gb=40, peak_flops=312e12)
LARGE = Chip(driver_names=("A100",), memory_gb=80, peak_flops=312e12)

FAMILY = Family(
    (
        *gpu_machines(
            "a100-40gb", "nvidia-tesla-a100", SMALL, {count: f"a2-highgpu-{count}g" for count in (1, 2, 4, 8)}
        ),
        *gpu_machines(
            "a100-80gb", "nvidia-a100-80gb", LARGE, {count: f"a2-ultragpu-{count}g" for count in (1, 2, 4, 8)}
        ),
    )
)
