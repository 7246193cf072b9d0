"""Cores and memory of this process, by control groups of both versions."""

import os

import pytest

from pipelines.engine import resources
from pipelines.engine.resources import default_workers, usable_cores, usable_memory

GIB = 1 << 30


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """Writes the files of a machine of eight cores and 32 GiB, and those given."""
    monkeypatch.setattr(resources, "PROC", str(tmp_path / "proc"))
    monkeypatch.setattr(resources, "CGROUPS", str(tmp_path / "cgroup"))
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)

    def write(files):
        for name, text in {"proc/meminfo": f"MemTotal: 1 kB\nMemAvailable:  {32 * GIB // 1024} kB\n", **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    return write


V2, V1 = "0::/kubepods/pod1\n", "5:memory:/docker/a\n4:cpu,cpuacct:/docker/a\n"


@pytest.mark.parametrize(
    ("files", "cores", "gib"),
    [
        ({}, 8, 32),
        ({"proc/self/cgroup": V2, "cgroup/kubepods/pod1/cpu.max": "max 100000\n"}, 8, 32),
        ({"proc/self/cgroup": V2, "cgroup/kubepods/pod1/cpu.max": "150000 100000\n"}, 2, 32),
        ({"proc/self/cgroup": V2, "cgroup/kubepods/cpu.max": "400000 100000\n"}, 4, 32),
        ({"proc/self/cgroup": V2, "cgroup/cpu.max": "50000 100000\n", "cgroup/memory.max": f"{4 * GIB}\n"}, 1, 4),
        ({"proc/self/cgroup": V2, "cgroup/kubepods/pod1/memory.max": "max\n"}, 8, 32),
        (
            {
                "proc/self/cgroup": V1,
                "cgroup/cpu/docker/a/cpu.cfs_quota_us": "300000\n",
                "cgroup/cpu/docker/a/cpu.cfs_period_us": "100000\n",
                "cgroup/memory/docker/a/memory.limit_in_bytes": f"{2 * GIB}\n",
            },
            3,
            2,
        ),
        (
            {
                "proc/self/cgroup": V1,
                "cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "cgroup/cpu/cpu.cfs_period_us": "100000\n",
                "cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            },
            8,
            32,
        ),
    ],
)
def test_affinity_quota_and_limits(machine, files, cores, gib):
    machine(files)
    assert usable_cores() == cores
    assert usable_memory() == gib * GIB


def test_workers_fit_in_memory_and_there_is_always_one(machine):
    machine({"proc/self/cgroup": V2, "cgroup/memory.max": f"{4 * GIB}\n"})
    assert default_workers(GIB) == 4
    assert default_workers(GIB // 2) == 8
    assert default_workers(5 * GIB) == 1
