"""Thousands of mutated inputs, guided by coverage: none does what no input may do. `make fuzz` tries more."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from fuzz import target

TESTS = Path(__file__).parents[1]
INPUTS = 3_000


@pytest.fixture(scope="session")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """For all targets: they share the kernels that are compiled with bounds checking."""
    return tmp_path_factory.mktemp("fuzz")


@pytest.mark.slow
@pytest.mark.parametrize("name", target.names())
def test_no_input_is_a_finding(name: str, directory: Path) -> None:
    command = [sys.executable, "-m", "fuzz", name, "--inputs", str(INPUTS), "--directory", str(directory)]
    environment = {**os.environ, "PYTHONPATH": str(TESTS)}
    made = subprocess.run(command, env=environment, cwd=TESTS.parent, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr[-5000:]
    assert re.search(rf"{name}: {INPUTS:,} inputs, [\d,]+ per CPU second, 0 kinds of findings", made.stderr)
