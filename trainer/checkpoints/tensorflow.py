"""TensorFlow's checkpoints: name-based (TF1), whose names are ours, and object-based (TF2)."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np

from berth import storage
from berth.errors import BerthError
from berth.stage.inputs import Inputs
from trainer.checkpoints.contents import CheckpointContents, count_layers
from trainer.models import Architecture

# The key that an object-based checkpoint has.
OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"


def prefix_of(uri: str) -> str:
    """The prefix of the checkpoint that a file is part of (``….ckpt.index``, ``….ckpt.data-00000-of-00001``)."""
    return re.sub(r"\.(index|data-\d{5}-of-\d{5})$", "", uri)


def exists(prefix: str) -> bool:
    """Whether this is the prefix of a TensorFlow checkpoint, such as ``…/bert_model.ckpt``."""
    return storage.exists(f"{prefix}.index")


def prefixes(directory: str) -> list[str]:
    """The prefixes of all TensorFlow checkpoints in a directory."""
    return [name.removesuffix(".index") for name in storage.glob(storage.join(directory, "*.index"))]


def files(prefix: str) -> Inputs:
    """The checkpoint's files."""
    return Inputs.of(f"{prefix}.index", f"{prefix}.data-*")


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
                strange = architecture.tensorflow.strange(keys)
                if not by_name:
                    raise BerthError(
                        f"the TensorFlow checkpoint holds no encoder of the architecture {architecture.name!r}",
                        where=prefix,
                        found=", ".join(sorted(keys)[:5]) + " …",
                        expected=f"keys of {architecture.tensorflow.expected}",
                    )
            else:
                by_name, convert = {key: key for key in keys}, _unchanged
                strange = list(filter(architecture.names.is_strange, keys))
            arrays = {
                name: convert(name, np.asarray(reader.get_tensor(by_name[name]), dtype=np.float32))
                for name in names
                if name in by_name
            }
        except (tf.errors.OpError, RuntimeError, ValueError, IndexError, UnicodeDecodeError) as error:
            raise BerthError(
                "the TensorFlow checkpoint cannot be read", where=prefix, found=str(error).split("\n")[0]
            ) from error
    return CheckpointContents(arrays, count_layers(by_name), tuple(strange))


def _unchanged(variable: str, array: np.ndarray) -> np.ndarray:
    return array


@contextlib.contextmanager
def _local(prefix: str) -> Iterator[str]:
    """The prefix as local files: those in Cloud Storage are downloaded by our own client."""
    if not storage.is_cloud(prefix):
        yield str(storage.local_path(prefix))
        return
    with tempfile.TemporaryDirectory() as directory:
        for uri in (f"{prefix}.index", *storage.glob(f"{prefix}.data-*")):
            with storage.atomic_write(str(Path(directory) / storage.basename(uri))) as file:
                file.write(storage.read_bytes(uri))
        yield str(Path(directory) / storage.basename(prefix))
