"""TPU v3: slices of GKE's ``ct3p`` machines and the single ``ct3``, named by TensorCores, two a chip."""

from __future__ import annotations

from berth.machines.shapes import Chip, Family, tpu_slices

# https://cloud.google.com/tpu/docs/v3, "System architecture". The two cores of a chip have 16 GB each and are two
# devices; from v4 on they are one.
CHIP = Chip(driver_names=("TPU v3",), memory_gb=32, peak_flops=123e12, devices=2)

FAMILY = Family(
    (
        *tpu_slices("v3", "tpu-v3-device", "ct3-hightpu", CHIP, "2x2", cores_per_chip=2),
        *tpu_slices("v3", "tpu-v3-slice", "ct3p-hightpu", CHIP, "4x4 4x8 8x8 8x16 16x16", cores_per_chip=2),
    )
)
