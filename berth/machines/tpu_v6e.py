"""TPU v6e: slices of GKE's ``ct6e`` machines. GKE offers eight chips as one machine or as two; one is used here."""

from __future__ import annotations

from berth.machines.shapes import Chip, Family, tpu_slices

# https://cloud.google.com/tpu/docs/v6e, "System architecture". JAX calls the chip "TPU v6 lite".
CHIP = Chip(driver_names=("TPU v6",), memory_gb=32, peak_flops=918e12)

FAMILY = Family(
    (
        *tpu_slices("v6e", "tpu-v6e-slice", "ct6e-standard", CHIP, "1x1 2x2"),
        *tpu_slices("v6e", "tpu-v6e-slice", "ct6e-standard", CHIP, "2x4", chips_per_host=8),
        *tpu_slices("v6e", "tpu-v6e-slice", "ct6e-standard", CHIP, "4x4 4x8 8x8 8x16 16x16"),
    )
)
