"""Cores and memory that this process may use, and the cores that the stages of one local run share."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator

# Set by `berth run`: a directory with one file for each core that its tasks share.
SHARED_CORES_VARIABLE = "BERTH_SHARED_CORES"
PROC, CGROUPS = "/proc", "/sys/fs/cgroup"
# What a worker may need unless its stage says something else.
WORKER_BYTES = 1 << 30
# How often a process looks for a free core. Elements take seconds.
WAIT_SECONDS = 0.02
# cgroup version 1 writes this, rounded to pages, where there is no limit.
NO_LIMIT = 1 << 60


def usable_cores() -> int:
    """Cores that this process may use: by its affinity and by the CPU quota of its control groups, rounded up."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for directory in _groups("cpu"):
        quota, period = _words(directory, "cpu.max") or (
            *_words(directory, "cpu.cfs_quota_us"),
            *_words(directory, "cpu.cfs_period_us"),
        ) or ("max", "")  # fmt: skip
        if quota.isdecimal() and period.isdecimal() and int(period):
            cores = min(cores, max(1, -(-int(quota) // int(period))))
    return cores


def usable_memory() -> int:
    """Bytes of memory that this process may use: what the machine has available, at most its control groups' limits."""
    memory = NO_LIMIT
    for line in _lines(f"{PROC}/meminfo"):
        if line.startswith("MemAvailable:"):
            memory = int(line.split()[1]) * 1024
    for directory in _groups("memory"):
        for name in ("memory.max", "memory.limit_in_bytes"):
            if (limit := "".join(_words(directory, name))).isdecimal():
                memory = min(memory, int(limit))
    return memory


def default_workers(memory: int) -> int:
    """As many workers as there are cores and as fit in memory, at least one.

    Args:
        memory: Bytes that one worker needs.
    """
    return max(1, min(usable_cores(), usable_memory() // memory))


def share_cores(directory: str, cores: int) -> None:
    """Let this process's children share so many cores: create a directory with a file for each."""
    os.mkdir(directory)
    for core in range(cores):
        with open(os.path.join(directory, str(core)), "wb"):
            pass


@contextlib.contextmanager
def core() -> Iterator[None]:
    """Hold one of the shared cores; waits for a free one. Without shared cores nothing is waited for.

    A core is a file lock: it becomes free when its holder ends, however it ends.
    """
    directory = os.environ.get(SHARED_CORES_VARIABLE)
    if directory is None:
        yield
        return
    names = sorted(os.listdir(directory))
    while True:
        for name in names:
            with open(os.path.join(directory, name), "wb") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    continue
                yield
                return
        time.sleep(WAIT_SECONDS)


def _groups(controller: str) -> Iterator[str]:
    """Directories of the control groups, versions 1 and 2, that limit this process, with their ancestors.

    A container often sees its own group as the root: then the path in /proc does not exist, but the root does.
    """
    for line in _lines(f"{PROC}/self/cgroup"):
        number, controllers, path = line.split(":", 2)
        if number != "0" and controller not in controllers.split(","):
            continue
        root = CGROUPS if number == "0" else f"{CGROUPS}/{controller}"
        while True:
            yield root + path.rstrip("/")
            if path in ("", "/"):
                break
            path = os.path.dirname(path)


def _words(directory: str, name: str) -> list[str]:
    return " ".join(_lines(f"{directory}/{name}")).split()


def _lines(path: str) -> list[str]:
    """The lines of a file; none if it cannot be read."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().splitlines()
    except OSError:
        return []
