"""The kernels stay within their arrays, whatever they are given."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "support" / "fuzz_kernels.py"


def fuzz(inputs, seed, cache):
    """Run the fuzzer in a process whose kernels are compiled with bounds checking, into a cache of their own."""
    environment = {**os.environ, "NUMBA_BOUNDSCHECK": "1", "BERTH_CACHE": str(cache)}
    environment.pop("NUMBA_CACHE_DIR", None)
    command = [sys.executable, str(SCRIPT), str(inputs), str(seed)]
    made = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return made.stdout


@pytest.mark.slow
def test_200_000_inputs_with_bounds_checking(tmp_path):
    output = fuzz(200_000, 1, tmp_path)
    records, refused = map(int, re.findall(r"(\d+) records, (\d+) refused", output)[0])
    assert records > 200_000
    assert 5_000 < refused < 100_000
