"""TensorFlow's checkpoints: name-based (TF1), whose names are ours, and object-based (TF2)."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Collection, Iterator

import numpy as np

from berth import storage
from berth.errors import BerthError
from berth.stage.inputs import Inputs
from berth.storage import Pattern
from trainer.checkpoints.contents import CheckpointContents, count_layers
from trainer.models import Architecture

# The key that an object-based checkpoint has.
OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"


def exists(prefix: str) -> bool:
    """Whether this is the prefix of a TensorFlow checkpoint, such as ``…/bert_model.ckpt``."""
    return storage.exists(f"{prefix}.index")


def prefixes(directory: str) -> list[str]:
    """The prefixes of all TensorFlow checkpoints in a directory."""
    return [name.removesuffix(".index") for name in storage.glob(Pattern(directory, "*.index"))]


def files(prefix: str) -> Inputs:
    """The checkpoint's files."""
    return Inputs.at(*(prefix + suffix for suffix in _suffixes(prefix)))


def read(prefix: str, names: Collection[str], architecture: Architecture) -> CheckpointContents:
    """Read the variables of these names, as float32.

    Raises:
        BerthError: if the checkpoint is damaged, or object-based and of no model that the architecture knows.
    """
    with _local(prefix) as local:
        import tensorflow as tf

        try:
            reader = tf.train.load_checkpoint(local)
            keys = reader.get_variable_to_shape_map()
            if OBJECT_GRAPH in keys:
                by_name, convert = architecture.tensorflow.keys_by_name(keys), architecture.tensorflow.convert
                if not by_name:
                    raise BerthError(
                        f"the TensorFlow checkpoint holds no encoder of the architecture {architecture.name!r}",
                        where=prefix,
                        found=", ".join(sorted(keys)[:5]) + " …",
                        expected=f"keys of {architecture.tensorflow.expected}",
                    )
            else:
                by_name, convert = {key: key for key in keys}, _unchanged
            arrays = {
                name: convert(name, np.asarray(reader.get_tensor(by_name[name]), dtype=np.float32))
                for name in names
                if name in by_name
            }
        except (tf.errors.OpError, RuntimeError, ValueError) as error:
            raise BerthError(
                "the TensorFlow checkpoint cannot be read", where=prefix, found=str(error).split("\n")[0]
            ) from error
    return CheckpointContents(arrays, count_layers(by_name))


def _suffixes(prefix: str) -> list[str]:
    """What the names of the checkpoint's files have after the prefix."""
    start = storage.basename(prefix)
    names = storage.names(Pattern(storage.parent(prefix), "*"))
    return [".index", *(name.removeprefix(start) for name in names if name.startswith(f"{start}.data-"))]


def _unchanged(variable: str, array: np.ndarray) -> np.ndarray:
    return array


@contextlib.contextmanager
def _local(prefix: str) -> Iterator[str]:
    """The prefix of the same files under plain local names.

    TensorFlow takes a prefix for a pattern, so it gets links with plain names. Files in
    Cloud Storage are downloaded by our own client.
    """
    with tempfile.TemporaryDirectory() as directory:
        plain = f"{directory}/model"
        for suffix in _suffixes(prefix):
            uri, copy = prefix + suffix, plain + suffix
            if storage.is_cloud(uri):
                with storage.atomic_write(copy) as file:
                    file.write(storage.read_bytes(uri))
            else:
                os.symlink(os.path.abspath(storage.local_path(uri)), copy)
        yield plain
