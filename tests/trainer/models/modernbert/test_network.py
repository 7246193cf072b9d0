"""The model is Hugging Face's ModernBertForMaskedLM: its names, logits, loss and gradients, in both engines."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from support.modernbert_model import MODEL, compute
from trainer import models
from trainer.checkpoints import safetensors

ROOT = Path(__file__).parents[4]


@pytest.fixture(scope="module", params=["tensorflow", pytest.param("jax", marks=pytest.mark.slow)])
def computed(request, tmp_path_factory):
    """Arrays by name: logits, loss and gradients of an engine. Keras computes with one of them in a process."""
    if request.param == "tensorflow":
        return compute("tensorflow")
    output = tmp_path_factory.mktemp("computed") / "jax.safetensors"
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "tests"))),
        "KERAS_BACKEND": "jax",
    }
    command = [sys.executable, "-m", "support.modernbert_model", "jax", str(output)]
    subprocess.run(command, env=environment, check=True)
    return safetensors.read(str(output))[0]


def test_logits_and_loss_are_those_of_hugging_face(computed):
    with np.load(MODEL / "expected.npz") as expected:
        np.testing.assert_allclose(computed["logits"][..., ::4], expected["logits"], atol=1e-5)
        assert computed["loss"] == pytest.approx(float(expected["loss"]), abs=1e-5)


def test_each_gradient_has_the_norm_of_hugging_faces(computed):
    name_of = models.get("modernbert").huggingface.name_of
    norms = {
        f"gradient_norm/{name_of(name.removeprefix('gradient/'))}": float(np.linalg.norm(gradient))
        for name, gradient in computed.items()
        if name.startswith("gradient/")
    }
    with np.load(MODEL / "expected.npz") as expected:
        theirs = {name: float(expected[name]) for name in expected.files if name.startswith("gradient_norm/")}
    assert norms == pytest.approx(theirs, abs=1e-5)
