"""Where weights come from: random numbers by seed, Google's TF1 checkpoints, Hugging Face directories, Berth's own."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping

import numpy as np

from berth import storage
from berth.errors import BerthError
from berth.inputs import Inputs
from trainer import checkpoint, huggingface

log = logging.getLogger("berth.train")

Shapes = Mapping[str, tuple[int, ...]]
HEADS = "cls/"


def initial(shapes: Shapes, seed: int, stddev: float) -> dict[str, np.ndarray]:
    """Random weights: normal, cut off at two standard deviations; biases 0 and scales 1, as in Google's BERT.

    Each variable has a stream of its own, keyed by seed and name: the same for every engine and order.

    Args:
        shapes: Shapes of the model's variables by name.
        seed: The recipe's seed.
        stddev: `initializer_range` of the configuration.
    """
    return {name: _initial(name, shape, seed, stddev) for name, shape in shapes.items()}


def _initial(name: str, shape: tuple[int, ...], seed: int, stddev: float) -> np.ndarray:
    if name.endswith("gamma"):
        return np.ones(shape, dtype=np.float32)
    if name.endswith(("beta", "bias")):
        return np.zeros(shape, dtype=np.float32)
    key = hashlib.sha256(f"{seed} {name}".encode()).digest()[:16]
    generator = np.random.Generator(np.random.Philox(key=np.frombuffer(key, dtype=np.uint64)))
    values = generator.standard_normal(shape)
    while (outside := np.abs(values) > 2.0).any():
        values[outside] = generator.standard_normal(int(outside.sum()))
    return (values * stddev).astype(np.float32)


def files_of(uri: str) -> Inputs:
    """The files of a checkpoint to start from, whichever kind it is.

    Args:
        uri: Prefix of a TF1 checkpoint (``…/model.ckpt-28252``), a Hugging Face directory, the output directory of
            `berth train`, or one of its checkpoint files.

    Raises:
        BerthError: if there is none of these.
    """
    if storage.exists(f"{uri}.index"):
        return Inputs.of(f"{uri}.index", f"{uri}.data-*")
    if storage.exists(storage.join(uri, "config.json")):
        return Inputs.of(storage.join(uri, "config.json"), storage.join(uri, "model.safetensors"))
    return Inputs.of(checkpoint.locate(uri))


def load(uri: str, shapes: Shapes, seed: int, stddev: float) -> dict[str, np.ndarray]:
    """Weights from a checkpoint; pre-training heads that it lacks are random.

    Args:
        uri: As for :func:`files_of`.
        shapes: Shapes of the model's variables; these are read, and nothing else.
        seed: The recipe's seed, for heads that the checkpoint lacks.
        stddev: `initializer_range`, likewise.

    Raises:
        BerthError: naming every variable that is missing or has another shape.
    """
    if storage.exists(f"{uri}.index"):
        found = _from_tf1(uri, shapes)
    elif storage.exists(storage.join(uri, "config.json")):
        found = _from_huggingface(uri, shapes)
    else:
        found, _ = checkpoint.read(checkpoint.locate(uri), shapes.__contains__)
    missing = [name for name in shapes if name not in found]
    problems = [name for name in missing if not name.startswith(HEADS)]
    problems += [
        f"{name} {list(found[name].shape)} where the model has {list(shape)}"
        for name, shape in shapes.items()
        if name in found and found[name].shape != shape
    ]
    if problems:
        raise BerthError(
            "the checkpoint is not one of this model",
            where=uri,
            found="; ".join(problems),
            expected="every variable of the model, in its shape",
            fix="Give the recipe the model section and the vocabulary of the checkpoint.",
        )
    if missing:
        log.warning("not in %s, started from random weights: %s", uri, ", ".join(missing))
    return {**initial({name: shapes[name] for name in missing}, seed, stddev), **found}


def _from_tf1(prefix: str, shapes: Shapes) -> dict[str, np.ndarray]:
    import tensorflow as tf

    reader = tf.train.load_checkpoint(prefix)
    present = reader.get_variable_to_shape_map()
    return {name: reader.get_tensor(name) for name in shapes if name in present}


def _from_huggingface(directory: str, shapes: Shapes) -> dict[str, np.ndarray]:
    arrays, _ = checkpoint.read(storage.join(directory, "model.safetensors"))
    found = {}
    for name in shapes:
        theirs = huggingface.name_of(name)
        # Encoder-only exports have no `bert.` prefix; old ones call LayerNorm's scale and offset gamma and beta.
        old = theirs.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        for candidate in (theirs, old, theirs.removeprefix("bert."), old.removeprefix("bert.")):
            if candidate in arrays:
                found[name] = huggingface.convert(name, arrays[candidate].astype(np.float32))
                break
    return found
