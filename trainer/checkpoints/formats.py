"""Checkpoints to start from, of any known kind, read under Google's names: TF1, TF2, Hugging Face, Berth's own."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from berth import storage
from berth.errors import BerthError
from berth.stage.inputs import Inputs
from trainer.checkpoints import checkpoint
from trainer.models import huggingface_names as huggingface
from trainer.models import tf2_names

Wanted = Mapping[str, object]  # names of variables; what they map to does not matter

HUGGINGFACE_CONFIG = "config.json"
HUGGINGFACE_WEIGHTS = "model.safetensors"
HUGGINGFACE_PICKLE = "pytorch_model.bin"
# What `berth export --format encoder` writes.
ENCODER = "encoder.safetensors"

_LAYER = re.compile(r"(?:^|[./])layer[_.](\d+)[./]")


@dataclass(frozen=True)
class Stored:
    """What a checkpoint holds.

    Args:
        arrays: The wanted variables that it has, float32, by Google's names.
        layers: Number of the encoder's layers in it, wanted or not.
    """

    arrays: dict[str, np.ndarray]
    layers: int


def files_of(uri: str) -> Inputs:
    """The files of a checkpoint, whichever kind it is.

    Args:
        uri: Prefix of a TF1 or TF2 checkpoint (``…/model.ckpt-28252``), a Hugging Face directory, the directory of
            `berth export --format encoder` or of `berth train`, or one of the latter's checkpoint files.

    Raises:
        BerthError: if there is none of these.
    """
    kind = _kind(uri)
    if kind == "tensorflow":
        return Inputs.of(f"{uri}.index", f"{uri}.data-*")
    if kind == "encoder":
        return Inputs.of(storage.join(uri, ENCODER))
    if kind == "huggingface":
        return Inputs.of(storage.join(uri, HUGGINGFACE_CONFIG), storage.join(uri, HUGGINGFACE_WEIGHTS))
    return Inputs.of(checkpoint.locate(uri))


def _kind(uri: str) -> Literal["tensorflow", "encoder", "huggingface", "training"]:
    """What stands at a URI. Raises BerthError if it is no checkpoint."""
    if storage.exists(f"{uri}.index"):
        return "tensorflow"
    if storage.exists(storage.join(uri, ENCODER)):
        return "encoder"
    if storage.exists(storage.join(uri, HUGGINGFACE_CONFIG)):
        _check_huggingface(uri)
        return "huggingface"
    if checkpoint.step_of(uri) >= 0 or checkpoint.list_steps(uri):
        return "training"
    prefixes = [name.removesuffix(".index") for name in storage.glob(storage.join(uri, "*.index"))]
    raise BerthError(
        "there is no checkpoint here",
        where=uri,
        found=f"TensorFlow checkpoints with the prefix {', '.join(prefixes)}" if prefixes else "",
        expected="the prefix of a TensorFlow checkpoint (…/bert_model.ckpt), a Hugging Face directory, the "
        "directory of `berth train` or `berth export --format encoder`, or a checkpoint-*.safetensors",
    )


def beside(uri: str, name: str) -> str | None:
    """URI of a file in the directory of a checkpoint, such as its vocab.txt; None where there is none."""
    is_file = storage.exists(f"{uri}.index") or checkpoint.step_of(uri) >= 0
    candidate = storage.join(storage.parent(uri) if is_file else uri, name)
    return candidate if storage.exists(candidate) else None


def read(uri: str, wanted: Wanted) -> Stored:
    """Read the wanted variables of a checkpoint.

    Args:
        uri: As for :func:`files_of`.
        wanted: Google's names; the others are not read.

    Raises:
        BerthError: if there is no checkpoint, it is damaged, or holds no BERT that is known.
    """
    kind = _kind(uri)
    if kind == "tensorflow":
        return _tensorflow(uri, wanted)
    if kind == "encoder":
        return _own(storage.join(uri, ENCODER), wanted)
    if kind == "huggingface":
        return _huggingface(uri, wanted)
    return _own(checkpoint.locate(uri), wanted)


def _own(uri: str, wanted: Wanted) -> Stored:
    names: list[str] = []

    def is_wanted(name: str) -> bool:
        names.append(name)
        return name in wanted

    arrays, _ = checkpoint.read(uri, is_wanted)
    return Stored(arrays, count_layers(names))


def _tensorflow(prefix: str, wanted: Wanted) -> Stored:
    with _local(prefix) as local:
        import tensorflow as tf

        try:
            reader = tf.train.load_checkpoint(local)
            keys = reader.get_variable_to_shape_map()
            if tf2_names.is_object_based(keys):
                by_name, convert = tf2_names.keys_by_name(keys), tf2_names.convert
                if not by_name:
                    raise BerthError(
                        "this TF2 checkpoint holds no BERT encoder that is known",
                        where=prefix,
                        found=", ".join(sorted(keys)[:5]) + " …",
                        expected="keys of the Model Garden's BertEncoder or BertEncoderV2",
                    )
            else:
                by_name, convert = {key: key for key in keys}, _as_it_is
            arrays = {
                name: convert(name, np.asarray(reader.get_tensor(by_name[name]), dtype=np.float32))
                for name in wanted
                if name in by_name
            }
        except (tf.errors.OpError, RuntimeError, ValueError) as error:
            raise BerthError(
                "the TensorFlow checkpoint cannot be read", where=prefix, found=str(error).split("\n")[0]
            ) from error
    return Stored(arrays, count_layers(by_name))


def _as_it_is(variable: str, array: np.ndarray) -> np.ndarray:
    return array


@contextlib.contextmanager
def _local(prefix: str) -> Iterator[str]:
    """The prefix of a TensorFlow checkpoint as local files: from Cloud Storage they are fetched by our own client."""
    if not storage.is_cloud(prefix):
        yield str(storage.local_path(prefix))
        return
    with tempfile.TemporaryDirectory() as directory:
        for uri in (f"{prefix}.index", *storage.glob(f"{prefix}.data-*")):
            with storage.atomic_write(str(Path(directory) / storage.basename(uri))) as file:
                file.write(storage.read_bytes(uri))
        yield str(Path(directory) / storage.basename(prefix))


def _huggingface(directory: str, wanted: Wanted) -> Stored:
    names: list[str] = []
    candidates = {theirs for name in wanted for theirs in _names_there(name)}

    def is_wanted(name: str) -> bool:
        names.append(name)
        return name in candidates

    arrays, _ = checkpoint.read(storage.join(directory, HUGGINGFACE_WEIGHTS), is_wanted)
    found = {
        name: huggingface.convert(name, arrays[theirs].astype(np.float32))
        for name in wanted
        for theirs in _names_there(name)
        if theirs in arrays
    }
    return Stored(found, count_layers(names))


def _names_there(name: str) -> list[str]:
    """What Hugging Face may call a variable.

    Encoder-only exports have no `bert.` prefix; old ones call LayerNorm's scale and offset gamma and beta.
    """
    theirs = huggingface.name_of(name)
    old = theirs.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
    return list(dict.fromkeys([theirs, old, theirs.removeprefix("bert."), old.removeprefix("bert.")]))


def _check_huggingface(directory: str) -> None:
    if not storage.exists(storage.join(directory, HUGGINGFACE_WEIGHTS)):
        pickled = storage.exists(storage.join(directory, HUGGINGFACE_PICKLE))
        raise BerthError(
            f"the Hugging Face directory has no {HUGGINGFACE_WEIGHTS}",
            where=directory,
            found=f"{HUGGINGFACE_PICKLE}, which is a pickle: unpickling runs what a file says" if pickled else "",
            fix="Save the model again with transformers: model.save_pretrained(DIR, safe_serialization=True).",
        )


def count_layers(names: Iterable[str]) -> int:
    """Number of encoder layers among variable names, Google's or Hugging Face's."""
    return max((int(match.group(1)) + 1 for name in names if (match := _LAYER.search(name))), default=0)
