"""The cleaner's kernels stay within their arrays, whatever they are given."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "support" / "fuzz_cleaner.py"


@pytest.mark.slow
def test_200_000_inputs_with_bounds_checking(tmp_path):
    environment = {**os.environ, "NUMBA_BOUNDSCHECK": "1", "BERTH_CACHE": str(tmp_path)}
    environment.pop("NUMBA_CACHE_DIR", None)
    command = [sys.executable, str(SCRIPT), "200000", "1"]
    made = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    assert made.stdout.startswith("200000 inputs")
