"""What XLA makes of an update on a CPU grows with the number of layers, not with its square."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("count_instructions.py")


@pytest.mark.slow
def test_modernberts_gradient_of_each_layer_is_computed_once():
    environment = os.environ | {"XLA_FLAGS": "--xla_backend_optimization_level=0"}  # of the machine code alone
    command = [sys.executable, str(SCRIPT)]
    finished = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    two, four, six = map(int, finished.stdout.split())
    assert six - four < 1.1 * (four - two)
