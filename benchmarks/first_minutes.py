"""The first minutes with Berth: what each part of `make demo` takes, in a fresh clone with empty caches.

    python benchmarks/first_minutes.py [--recipe recipes/quickstart.yaml] [--set KEY=VALUE ...]

CPU seconds of a part are those of all its processes. Beside it, a loop of fixed work is timed again and again; `units`
are the part's CPU seconds divided by those of the loop meanwhile, which other programs on the machine affect less.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

ROOT = Path(__file__).resolve().parents[1]
POLL_SECONDS = 0.05
REST = "berth run itself"
# What the command line of a part's process holds, and the part.
PARTS = (
    (re.compile(r"pipelines\.warm (\S+)"), "kernels"),
    (re.compile(r"--function_to_execute (\S+)"), "{}"),
)


@dataclass
class Part:
    """What a part took.

    Args:
        begin: Moment of its first process, seconds since the start.
        end: Moment of its last one.
        cpu: CPU seconds of each of its processes.
        units: CPU seconds of the loop of fixed work meanwhile.
    """

    begin: float
    end: float
    cpu: dict[int, float] = field(default_factory=dict)
    units: list[float] = field(default_factory=list)


class Calibration(threading.Thread):
    """Times a loop of fixed work, some milliseconds, all the while."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.times: list[tuple[float, float]] = []
        self._table = np.arange(250_000)

    def run(self) -> None:
        """Measure until the process ends."""
        while True:
            begin = time.thread_time()
            for _ in range(5):
                np.sort(self._table[::-1])
            self.times.append((time.monotonic(), time.thread_time() - begin))
            time.sleep(1)

    def unit(self, begin: float, end: float) -> float:
        """Median CPU seconds of the loop between two moments."""
        return statistics.median([taken for at, taken in self.times if begin - 1 <= at <= end + 1] or [float("nan")])


def measure(command: Sequence[str], directory: Path, environment: Mapping[str, str]) -> dict[str, Part]:
    """Run a command and measure its parts: processes are attributed to parts by their command lines.

    Raises:
        SystemExit: if it fails, with what it wrote.
    """
    parts: dict[str, Part] = {}
    with tempfile.TemporaryFile("w+") as output:
        process = psutil.Popen(command, cwd=directory, env=dict(environment), stdout=output, stderr=output)
        before = os.times()
        begin = time.monotonic()
        while process.poll() is None:
            for child, name in _processes(process):
                part = parts.setdefault(name, Part(time.monotonic(), time.monotonic()))
                part.end = time.monotonic()
                part.cpu[child.pid] = _cpu_seconds(child)
            time.sleep(POLL_SECONDS)
        end, after = time.monotonic(), os.times()
        output.seek(0)
        text = output.read()
        if process.returncode:
            raise SystemExit(f"{' '.join(command)}\n{text[-4000:]}")
        for line in text.splitlines():
            if line.startswith("accuracy"):
                print(line)
    total = after.children_user + after.children_system - before.children_user - before.children_system
    rest = total - sum(sum(part.cpu.values()) for part in parts.values())
    return parts | {REST: Part(begin, end, {0: rest})}


def _processes(process: psutil.Process, part: str = "") -> Iterator[tuple[psutil.Process, str]]:
    """The processes below one, with the parts that they work for; without those of `berth run` itself."""
    try:
        for child in process.children():
            line = " ".join(child.cmdline())
            names = [
                name.format(match[1].replace("_", " ")) for pattern, name in PARTS if (match := pattern.search(line))
            ]
            name = names[0] if names else part
            if name:
                yield child, name
            yield from _processes(child, name)
    except psutil.Error:  # has ended meanwhile
        return


def _cpu_seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    return float(times.user + times.system)


def table(rows: Sequence[tuple[str, Part]], calibration: Calibration) -> Iterator[str]:
    """The rows of a Markdown table."""
    yield "| part | wall-clock s | CPU s | share of CPU | units |"
    yield "|---|---|---|---|---|"
    whole = sum(sum(part.cpu.values()) for _, part in rows)
    for name, part in rows:
        cpu, unit = sum(part.cpu.values()), calibration.unit(part.begin, part.end)
        yield f"| {name} | {part.end - part.begin:.1f} | {cpu:.1f} | {cpu / whole:.0%} | {cpu / unit:,.0f} |"
    yield f"| all | | {whole:.1f} | | |"


def main() -> None:
    """Clone, install, run, run again, print."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--recipe", default="recipes/quickstart.yaml")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="passed on to berth run")
    arguments = parser.parse_args()
    calibration = Calibration()
    calibration.start()
    with tempfile.TemporaryDirectory(prefix="first minutes ") as temporary:
        home, clone = Path(temporary, "home"), Path(temporary, "berth")
        home.mkdir()
        # `make demo` lets Python write its bytecode, too.
        absent = (
            "PYTHONDONTWRITEBYTECODE",
            "BERTH_CACHE",
            "BERTH_WARM_CACHE",
            "NUMBA_CACHE_DIR",
            "UV_CACHE_DIR",
            "XDG_CACHE_HOME",
        )
        environment = {name: value for name, value in os.environ.items() if name not in absent} | {"HOME": str(home)}
        subprocess.run(["git", "clone", "--quiet", str(ROOT), str(clone)], check=True)
        (installation,) = measure(["make", ".venv/.demo"], clone, environment).values()
        options = [part for setting in arguments.set for part in ("--set", setting)]
        run = [f"{clone}/.venv/bin/berth", "run", arguments.recipe, "--workspace", "workspace", *options]
        parts = measure(run, clone, environment)
        again = measure(run, clone, environment)
        repeated = Part(again[REST].begin, again[REST].end, {0: sum(sum(part.cpu.values()) for part in again.values())})
        rows = [("installation", installation), *parts.items(), ("the same run again", repeated)]
        for line in table(rows, calibration):
            print(line)


if __name__ == "__main__":
    sys.exit(main())
