"""TPU v5p: slices of GKE's ``ct5p`` machines, named by TensorCores, two a chip."""

from __future__ import annotations

from berth.machines.shapes import Chip, Family, tpu_slices

# https://cloud.google.com/tpu/docs/v5p, "System architecture". JAX calls the chip "TPU v5p" or "TPU v5".
CHIP = Chip(driver_names=("TPU v5",), memory_gb=95, peak_flops=459e12)

FAMILY = Family(
    tpu_slices(
        "v5p",
        "tpu-v5p-slice",
        "ct5p-hightpu",
        CHIP,
        "2x2x1 2x2x2 2x2x4 2x4x4 4x4x4 4x4x8 4x8x8",
        cores_per_chip=2,
    )
)
