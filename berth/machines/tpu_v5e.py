"""TPU v5e: slices of GKE's ``ct5lp`` machines. GKE offers eight chips as one machine or as two; one is used here."""

from __future__ import annotations

from berth.machines.shapes import Chip, Family, tpu_slices

# https://cloud.google.com/tpu/docs/v5e, "System architecture". JAX calls the chip "TPU v5 lite".
CHIP = Chip(driver_names=("TPU v5 lite", "TPU v5e"), memory_gb=16, peak_flops=197e12)

FAMILY = Family(
    (
        *tpu_slices("v5litepod", "tpu-v5-lite-podslice", "ct5lp-hightpu", CHIP, "1x1 2x2"),
        *tpu_slices("v5litepod", "tpu-v5-lite-podslice", "ct5lp-hightpu", CHIP, "2x4", chips_per_host=8),
        *tpu_slices("v5litepod", "tpu-v5-lite-podslice", "ct5lp-hightpu", CHIP, "4x4 4x8 8x8 8x16 16x16"),
    )
)
