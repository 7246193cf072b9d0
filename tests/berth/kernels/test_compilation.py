"""Where the kernels' machine code is kept."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKSUM = """
import numpy as np
from berth.kernels.crc32c import crc_tables, masked_crc32c
print(masked_crc32c(np.zeros(32, dtype=np.uint8), 0, 32, crc_tables()))
"""

ROOT = Path(__file__).parents[3]


def start(cache, warm="", root=ROOT):
    """A process that runs a kernel of the sources in ``root``, and says what it reads and writes."""
    environment = {**os.environ, "BERTH_CACHE": str(cache), "BERTH_WARM_CACHE": str(warm), "NUMBA_DEBUG_CACHE": "1"}
    environment.pop("NUMBA_CACHE_DIR", None)
    command = [sys.executable, "-c", CHECKSUM]
    return subprocess.Popen(command, cwd=root, env=environment, stdout=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """A cache as an image brings it."""
    directory = tmp_path_factory.mktemp("warm")
    process = start(directory)
    assert "data saved to" in process.communicate()[0]
    return directory


def test_what_an_image_brings_is_not_compiled_again(warm, tmp_path):
    """Several processes begin at once, as Beam's workers do."""
    before = {path: path.stat().st_mtime_ns for path in warm.rglob("*")}
    processes = [start(tmp_path, warm) for _ in range(3)]
    for process in processes:
        said, _ = process.communicate()
        assert process.returncode == 0
        assert f"data loaded from '{tmp_path}" in said and "saved" not in said
    names = [path.relative_to(tmp_path) for path in tmp_path.rglob("*")]
    assert sorted(names) == sorted(path.relative_to(warm) for path in before)
    assert before == {path: path.stat().st_mtime_ns for path in warm.rglob("*")}


def test_a_cache_of_other_sources_is_left_alone(tmp_path):
    (tmp_path / "warm" / "kernels" / "0123456789abcdef").mkdir(parents=True)
    said, _ = start(tmp_path / "own", tmp_path / "warm").communicate()
    assert "data saved to" in said and not (tmp_path / "own" / "kernels" / "0123456789abcdef").exists()


def test_a_second_clone_compiles_nothing(warm, tmp_path):
    for package in ("berth", "pipelines", "trainer"):
        shutil.copytree(ROOT / package, tmp_path / "clone" / package, ignore=shutil.ignore_patterns("__pycache__"))
    said, _ = start(warm, root=tmp_path / "clone").communicate()
    assert "data loaded from" in said and "saved" not in said
