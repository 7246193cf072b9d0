"""Libraries without what they import only if it is installed."""

import importlib
import json
import subprocess
import sys

import pytest

from berth.optional_imports import without


def test_a_package_is_hidden_in_the_block_alone_and_one_that_is_loaded_is_not(monkeypatch):
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    with without("colorsys", "json"):
        assert importlib.import_module("json") is json
        with pytest.raises(ImportError):
            importlib.import_module("colorsys")
    assert importlib.import_module("colorsys").rgb_to_hsv(0, 0, 0) == (0, 0, 0)


@pytest.mark.parametrize(
    ("module", "absent"),
    [
        ("pipelines.engine.beam", ("pandas", "tensorflow")),
        (
            "pipelines.sentences.segmenter",
            ("pandas", "scipy.stats", "sklearn", "matplotlib", "apache_beam"),
        ),
        ("trainer.loop.train", ("tensorflow", "keras", "jax", "numba", "apache_beam")),
        ("berth.app.cli", ("rich.live", "numba", "kfp", "numpy", "pyarrow")),
    ],
)
def test_what_a_module_does_not_load(module, absent):
    program = f"import sys, {module}; print(*(name for name in {absent!r} if name in sys.modules))"
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == ""
