"""TensorFlow's checkpoints, read and written: name-based (TF1), whose names are ours, and object-based (TF2)."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from berth import storage
from berth.errors import BerthError
from berth.stage.inputs import Inputs
from berth.stage.output import Output
from berth.storage import Pattern
from trainer.checkpoints.contents import CheckpointContents, count_layers
from trainer.models import CONFIG, Architecture, Configuration

# The key that an object-based checkpoint has.
OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
# The step in a name-based checkpoint: TensorFlow's Estimator loads no checkpoint without it.
GLOBAL_STEP = "global_step"
# What is written: the prefix as Google publishes it, and the file by which `tf.train.latest_checkpoint` finds it.
PREFIX, STATE = "bert_model.ckpt", "checkpoint"


def prefix_of(uri: str) -> str:
    """The prefix of the checkpoint that a file is part of (``….ckpt.index``, ``….ckpt.data-00000-of-00001``)."""
    return re.sub(r"\.(index|data-\d{5}-of-\d{5})$", "", uri)


def exists(prefix: str) -> bool:
    """Whether this is the prefix of a TensorFlow checkpoint, such as ``…/bert_model.ckpt``."""
    return storage.exists(f"{prefix}.index")


def prefixes(directory: str) -> list[str]:
    """The prefixes of all TensorFlow checkpoints in a directory."""
    return [name.removesuffix(".index") for name in storage.glob(Pattern(directory, "*.index"))]


def step_of(prefix: str) -> int | None:
    """The step in a checkpoint's name: of TF1 ``model.ckpt-28252``, of Model Garden ``ctl_step_900000.ckpt-9``.

    None if there is none, as in ``bert_model.ckpt``.
    """
    match = re.search(r"ctl_step_(\d+)\.ckpt-\d+$", prefix) or re.search(r"\.ckpt-(\d+)$", prefix)
    return int(match.group(1)) if match else None


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
            step = int(reader.get_tensor(GLOBAL_STEP)) if GLOBAL_STEP in keys else None
        except (tf.errors.OpError, RuntimeError, ValueError, TypeError, IndexError) as error:
            raise BerthError(
                "the TensorFlow checkpoint cannot be read", where=prefix, found=str(error).split("\n")[0]
            ) from error
    return CheckpointContents(arrays, count_layers(by_name), tuple(strange), step)


def write_tf1(output: Output, arrays: Mapping[str, np.ndarray], config: Configuration, step: int | None) -> None:
    """Write a name-based checkpoint, under Google's names, and the configuration.

    Args:
        output: The stage's output.
        arrays: The variables by name, without optimizer slots.
        config: The model.
        step: Written as `global_step` (int64); None if it is not known.
    """
    tensors: dict[str, Any] = {**arrays, **({} if step is None else {GLOBAL_STEP: np.int64(step)})}

    def save(prefix: str) -> None:
        import tensorflow as tf

        names = sorted(tensors)
        tf.raw_ops.SaveV2(
            prefix=prefix,
            tensor_names=names,
            shape_and_slices=[""] * len(names),
            tensors=[tf.constant(tensors[name]) for name in names],
        )

    _write(output, config, save)


def write_tf2(
    output: Output, arrays: Mapping[str, np.ndarray], config: Configuration, architecture: Architecture
) -> None:
    """Write an object-based checkpoint of the Model Garden's classes, and the configuration.

    Args:
        output: The stage's output.
        arrays: The variables by our names, without optimizer slots.
        config: The model.
        architecture: Of the model.
    """
    objects = architecture.tensorflow.graph(arrays, config.num_attention_heads)

    def save(prefix: str) -> None:
        import tensorflow as tf

        made: dict[int, Any] = {}
        children = {name: _trackable(content, made) for name, content in objects.items()}
        tf.train.Checkpoint(**children).write(prefix)

    _write(output, config, save)


def _trackable(content: Any, made: dict[int, Any]) -> Any:
    """A tree of dictionaries, lists and arrays as TensorFlow's objects.

    Args:
        content: The tree.
        made: What has been made, by the identity of its content: shared content becomes a shared object.
    """
    import tensorflow as tf

    if id(content) not in made:
        if isinstance(content, dict):
            made[id(content)] = module = tf.Module()
            for name, child in content.items():
                setattr(module, name, _trackable(child, made))
        elif isinstance(content, list):
            made[id(content)] = [_trackable(child, made) for child in content]
        else:
            made[id(content)] = tf.Variable(content)
    return made[id(content)]


def _write(output: Output, config: Configuration, save: Callable[[str], None]) -> None:
    """Save a checkpoint in a temporary directory, and write its files into the output; the index comes last."""
    content = config.tensorflow()
    with tempfile.TemporaryDirectory() as directory:
        save(str(Path(directory) / PREFIX))
        for path in sorted(Path(directory).iterdir()):
            with path.open("rb") as source, storage.atomic_write(output.path(path.name)) as file:
                shutil.copyfileobj(source, file)
    with storage.atomic_write(output.path(STATE)) as file:
        file.write(f'model_checkpoint_path: "{PREFIX}"\nall_model_checkpoint_paths: "{PREFIX}"\n'.encode())
    with storage.atomic_write(output.path(CONFIG)) as file:
        file.write((json.dumps(content, indent=2, sort_keys=True) + "\n").encode())


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
