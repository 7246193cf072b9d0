"""The machine table: shapes as GKE names them, with memory and peak; peaks by the names of drivers."""

import math
from pathlib import Path

import pytest

from berth import machines
from berth.errors import UsageError
from berth.machines.registry import FAMILIES


@pytest.mark.parametrize("name", machines.SHAPES)
def test_a_shape_is_as_its_name_says(name):
    shape = machines.SHAPES[name]
    count = int(name.rsplit("-", 1)[1])
    cores = 2 if name.startswith(("v3-", "v4-", "v5p-")) else 1
    assert shape.hosts * shape.chips * cores == count
    if shape.is_tpu:
        assert math.prod(map(int, shape.topology.split("x"))) == shape.hosts * shape.chips
        assert shape.machine_type.endswith(f"-{shape.chips}t")
    else:
        assert shape.hosts == 1 and not shape.topology


def test_known_shapes():
    """Machine types and topologies as GKE's documentation lists them."""
    slice_ = machines.shape("v5litepod-16", "here")
    assert (slice_.accelerator, slice_.topology, slice_.hosts, slice_.chips, slice_.machine_type) == (
        "tpu-v5-lite-podslice",
        "4x4",
        4,
        4,
        "ct5lp-hightpu-4t",
    )
    assert machines.shape("v6e-8", "here").machine_type == "ct6e-standard-8t"
    assert machines.shape("v5p-8", "here").topology == "2x2x1"
    published = machines.shape("v3-128", "here")  # the machine of MLPerf's reference run
    assert (published.chips * published.hosts, published.hosts, published.machine_type) == (64, 16, "ct3p-hightpu-4t")
    assert published.node_selector == {
        "cloud.google.com/gke-tpu-accelerator": "tpu-v3-slice",
        "cloud.google.com/gke-tpu-topology": "8x8",
    }
    assert published.devices * published.hosts == 128
    assert machines.shape("v3-8", "here").machine_type == "ct3-hightpu-4t"
    assert machines.shape("l4-2", "here").machine_type == "g2-standard-24"
    assert machines.shape("h100-mega-80gb-8", "here").accelerator == "nvidia-h100-mega-80gb"
    assert len(machines.SHAPES) == len(machines.table().splitlines()) - 1


def test_an_unknown_shape_names_the_flag_and_close_ones():
    with pytest.raises(UsageError, match=r"--accelerator.*Found v5litepod-17.*v5litepod-1"):
        machines.shape("v5litepod-17", "--accelerator")


@pytest.mark.parametrize("shape", machines.SHAPES.values(), ids=lambda shape: shape.name)
def test_every_shape_has_memory_and_a_peak_that_its_drivers_name_leads_to(shape):
    assert shape.chip.memory_gb > 0
    for name in shape.chip.driver_names:
        assert machines.peak_flops(f"NVIDIA {name} x", "mixed_bfloat16") == shape.chip.device_peak_flops


def test_every_module_of_a_family_is_registered():
    folder = Path(machines.__file__).parent
    modules = {path.stem for path in folder.glob("*.py")} - {
        "__init__",
        "process_memory",
        "registry",
        "scheduling",
        "shapes",
    }
    assert modules == set(FAMILIES)


@pytest.mark.parametrize(
    ("device", "peak"),
    [
        ("NVIDIA H200", 989.5e12),
        ("NVIDIA H100 80GB HBM3", 989.5e12),
        ("NVIDIA H100 PCIe", 756.5e12),
        ("NVIDIA A100-SXM4-40GB", 312e12),
        ("Tesla V100-SXM2-16GB", 125e12),
        ("TPU v3", 61.5e12),  # a core: each of the two in a chip is a device
        ("TPU v4", 275e12),
        ("TPU v5 lite", 197e12),
        ("TPU v5p", 459e12),
        ("TPU v5", 459e12),
        ("TPU v6 lite", 918e12),
        ("cpu", None),
        ("NVIDIA GeForce RTX 3060", None),
    ],
)
def test_peaks_are_known_by_the_names_that_drivers_give(device, peak):
    assert machines.peak_flops(device, "mixed_bfloat16") == peak


def test_the_table_is_of_16_bit_arithmetic():
    assert machines.peak_flops("NVIDIA H200", "float32") is None


def test_utilisation():
    assert machines.utilisation(198e12, devices=2, peak=990e12) == pytest.approx(0.1)
    assert machines.utilisation(198e12, devices=2, peak=None) is None
