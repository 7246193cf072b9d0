"""TPU v4: slices of GKE's ``ct4p`` machines, named by TensorCores, two a chip."""

from __future__ import annotations

from berth.machines.shapes import Chip, Family, tpu_slices

# https://cloud.google.com/tpu/docs/v4, "System architecture".
CHIP = Chip(driver_names=("TPU v4",), memory_gb=32, peak_flops=275e12)

FAMILY = Family(
    tpu_slices(
        "v4",
        "tpu-v4-podslice",
        "ct4p-hightpu",
        CHIP,
        "2x2x1 2x2x2 2x2x4 2x4x4 4x4x4 4x4x8 4x8x8",
        cores_per_chip=2,
    )
)
