"""The machine table: all shapes by name, and what devices can do at most by the name that their driver reports.

Sources: GKE's "Plan TPUs in GKE" and "About GPUs in GKE" (accelerator labels, topologies, machine types), compared with
system_characteristics.py of https://github.com/AI-Hypercomputer/xpk.
"""

from __future__ import annotations

import difflib
from importlib import import_module
from types import MappingProxyType

from berth.errors import UsageError
from berth.machines.shapes import Family, Shape

# Modules of this package, one an accelerator family, in the order of the printed table.
FAMILIES = (
    "tpu_v5e",
    "tpu_v6e",
    "tpu_v3",
    "tpu_v4",
    "tpu_v5p",
    "t4",
    "l4",
    "v100",
    "a100",
    "h100",
    "h200",
    "b200",
)


def _family(module: str) -> Family:
    family: Family = import_module(f"berth.machines.{module}").FAMILY
    return family


_FAMILIES = tuple(map(_family, FAMILIES))
SHAPES = MappingProxyType({shape.name: shape for family in _FAMILIES for shape in family.shapes})
# The longest name first: "H100 PCIe" is a more special case than "H100".
_PEAKS = sorted(
    ((name, chip.device_peak_flops) for family in _FAMILIES for chip in family.chips for name in chip.driver_names),
    key=lambda item: -len(item[0]),
)


def shape(name: str, where: str) -> Shape:
    """The shape of that name.

    Args:
        name: For instance ``v5litepod-16`` or ``l4-1``.
        where: The flag or recipe key with the name, for the error.

    Raises:
        UsageError: if there is none.
    """
    if name not in SHAPES:
        close = difflib.get_close_matches(name, SHAPES, 3)
        raise UsageError(
            "there is no such machine shape",
            where=where,
            found=name,
            expected=f"for instance {', '.join(close or ['v5litepod-16', 'l4-1'])}",
            fix="`berth k8s --shapes` lists them.",
        )
    return SHAPES[name]


def peak_flops(device: str, precision: str) -> float | None:
    """Dense peak of a device in FLOP/s; None where it is not known.

    Args:
        device: The name its driver reports, such as ``NVIDIA H100 80GB HBM3`` or ``TPU v4``.
        precision: Keras dtype policy. The table holds 16-bit arithmetic: for ``float32`` the result is None, since
            libraries may or may not compute it in faster formats.
    """
    if not precision.startswith("mixed_"):
        return None
    return next((peak for name, peak in _PEAKS if name.lower() in device.lower()), None)


def utilisation(flops_per_second: float, devices: int, peak: float | None) -> float | None:
    """Model FLOP/s utilisation, 0 to 1; None where the peak is not known.

    Defined in appendix B of "PaLM" (Chowdhery et al. 2022, https://arxiv.org/abs/2204.02311).

    Args:
        flops_per_second: Operations that the model's mathematics needs for what was trained on, each second.
        devices: Number of devices.
        peak: Of one device, FLOP/s.
    """
    return flops_per_second / (devices * peak) if peak else None


def table() -> str:
    """All shapes as text, one a line."""
    lines = [
        f"{'name':<16}{'machines':>9}  {'chips each':>10}  {'GB a chip':>9}  {'TFLOP/s':>7}  {'topology':<10}"
        f"{'machine type':<20}accelerator"
    ]
    lines += [
        f"{shape.name:<16}{shape.hosts:>9}  {shape.chips:>10}  {shape.chip.memory_gb:>9}  "
        f"{shape.chip.peak_flops / 1e12:>7,.0f}  {shape.topology or '-':<10}{shape.machine_type:<20}{shape.accelerator}"
        for shape in SHAPES.values()
    ]
    return "\n".join(lines)
