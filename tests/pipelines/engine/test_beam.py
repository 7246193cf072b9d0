"""Beam is imported without pandas."""

import subprocess
import sys


def test_beam_comes_without_pandas_but_pandas_can_be_had():
    code = """
import sys
import pyarrow
from pipelines.engine.beam import beam
assert "pandas" not in sys.modules
assert pyarrow.table({"a": [1]}).to_pandas()["a"].sum() == 1
"""
    subprocess.run([sys.executable, "-c", code], check=True)
