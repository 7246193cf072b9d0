"""What an image compiles while it is built is all that there is to compile."""

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from numba.core.dispatcher import Dispatcher

from berth.kernels.crc32c import has_instruction

ROOT = Path(__file__).parents[1]
# Of the two ways to a checksum, the processor takes one.
NOT_USED = "_update_by_tables" if has_instruction() else "_update_by_instruction"


def kernels():
    """All functions that are compiled, as numba names the files of their machine code."""
    for package in ("berth", "pipelines", "trainer"):
        for path in sorted((ROOT / package).rglob("*.py")):
            if "from berth.kernels import" not in path.read_text():
                continue
            name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
            for value in vars(importlib.import_module(name)).values():
                if isinstance(value, Dispatcher) and value.py_func.__module__ == name:
                    function = value.py_func
                    yield f"{path.stem}.{function.__qualname__}-{function.__code__.co_firstlineno}"


@pytest.mark.slow
@pytest.mark.timeout(1200)  # all kernels from nothing
def test_all_kernels_are_compiled_beforehand(tmp_path):
    environment = {**os.environ, "BERTH_CACHE": str(tmp_path)}
    environment.pop("NUMBA_CACHE_DIR", None)
    for package in ("pipelines", "trainer"):
        subprocess.run([sys.executable, "-m", f"{package}.warm"], cwd=ROOT, env=environment, check=True)
    compiled = {path.name.partition(".py3")[0] for path in tmp_path.rglob("*.nbi")}
    missing = {name for name in kernels() if name not in compiled}
    assert len(compiled) > 100 and {name.partition(".")[2].partition("-")[0] for name in missing} == {NOT_USED}
