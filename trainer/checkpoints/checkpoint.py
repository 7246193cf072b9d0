"""Checkpoints: one safetensors file each, holding the variables, the optimizer's slots and the state of the training.

The format is https://github.com/huggingface/safetensors: the header's length (8 bytes, little-endian), a JSON header,
the arrays. The header's metadata holds one entry, `berth`, with the training state and a CRC-32 of each array.
"""

from __future__ import annotations

import json
import math
import re
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from berth import storage
from berth.errors import BerthError
from berth.formats.results import TRAINING
from berth.formats.vocabulary import VOCABULARY
from berth.stage.inputs import Inputs

Arrays = Mapping[str, np.ndarray]

PATTERN = "checkpoint-*.safetensors"
DESCRIPTION = ("bert_config.json", VOCABULARY, TRAINING)
DTYPES = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "I64": np.int64, "I32": np.int32, "U32": np.uint32}
DTYPE_NAMES = {np.dtype(dtype): name for name, dtype in DTYPES.items()}
ALIGNMENT = 8
HEADER_LIMIT = 100_000_000  # as in the safetensors library


def name(step: int) -> str:
    """The file name of the checkpoint after this many optimizer updates."""
    return f"checkpoint-{step:08d}.safetensors"


def step_of(uri: str) -> int:
    """The step in a checkpoint's file name; -1 where there is none."""
    match = re.fullmatch(r"checkpoint-(\d+)\.safetensors", storage.basename(uri))
    return int(match.group(1)) if match else -1


def list_steps(directory: str) -> list[int]:
    """The steps of the checkpoints in a directory, ascending."""
    return sorted(step for uri in storage.glob(storage.join(directory, PATTERN)) if (step := step_of(uri)) >= 0)


def write(uri: str, arrays: Arrays, state: Mapping[str, Any] | None = None) -> None:
    """Write a safetensors file atomically. The same arrays and state give the same bytes.

    Args:
        uri: Where.
        arrays: By name.
        state: JSON values kept in the header; None writes a file without (an export).
    """
    header: dict[str, Any] = {}
    contiguous = {key: np.asarray(arrays[key], order="C") for key in sorted(arrays)}
    if state is not None:
        checksums = {key: zlib.crc32(_bytes(array)) for key, array in contiguous.items()}
        header["__metadata__"] = {"berth": json.dumps({**state, "crc32": checksums}, sort_keys=True)}
    else:
        header["__metadata__"] = {"format": "pt"}  # Hugging Face's loader asks for it
    offset = 0
    for key, array in contiguous.items():
        header[key] = {
            "dtype": DTYPE_NAMES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [offset, offset + array.nbytes],
        }
        offset += array.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % ALIGNMENT)
    with storage.atomic_write(uri) as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        for array in contiguous.values():
            file.write(_bytes(array))


def _bytes(array: np.ndarray) -> memoryview:
    """A contiguous array's bytes, not copied."""
    return array.reshape(-1).view(np.uint8).data


def read(
    uri: str, wanted: Callable[[str], bool] = lambda key: True
) -> tuple[dict[str, np.ndarray], dict[str, Any] | None]:
    """Read a safetensors file.

    Args:
        uri: Where.
        wanted: Which arrays to read, by name.

    Returns:
        The arrays, and the training state (None for a file that Berth's trainer did not write).

    Raises:
        BerthError: if the file is damaged: wrong size, unreadable header, an array that fails its checksum.
    """
    size = storage.size(uri)
    with storage.open_read(uri) as file:
        start = file.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else HEADER_LIMIT
        if length >= HEADER_LIMIT:
            raise _damaged(uri, "no safetensors header")
        try:
            header: dict[str, Any] = json.loads(file.read(length))
            metadata = header.pop("__metadata__", {})
            state: dict[str, Any] | None = json.loads(metadata["berth"]) if "berth" in metadata else None
            entries = sorted(header.items(), key=lambda item: item[1]["data_offsets"])
            end = max((entry["data_offsets"][1] for entry in header.values()), default=0)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise _damaged(uri, "a header that is not that of safetensors") from error
        if size != 8 + length + end:
            raise _damaged(uri, f"{size} bytes", f"{8 + length + end}, as its header says")
        arrays = {}
        for key, entry in entries:
            if not wanted(key):
                continue
            if entry["dtype"] not in DTYPES:
                raise BerthError(
                    "an array has a type that is not supported", where=f"{uri}, {key}", found=entry["dtype"]
                )
            first, last = entry["data_offsets"]
            file.seek(8 + length + first)
            content = file.read(last - first)
            if state is not None and zlib.crc32(content) != state["crc32"].get(key):
                raise _damaged(uri, f"other data in {key} than were written (CRC-32)")
            dtype, shape = np.dtype(DTYPES[entry["dtype"]]), entry["shape"]
            if len(content) != math.prod(shape) * dtype.itemsize:
                raise _damaged(uri, f"{len(content)} bytes of {key} for the shape {shape}")
            arrays[key] = np.frombuffer(content, dtype=dtype).reshape(shape)
    return arrays, state


def _damaged(uri: str, found: str, expected: str = "") -> BerthError:
    return BerthError("the checkpoint is damaged", where=uri, found=found, expected=expected)


def prune(directory: str, keep: int, is_scheduled: Callable[[int], bool], best: int | None = None) -> None:
    """Delete all but the newest ``keep`` checkpoints and the one of the step ``best``.

    What was saved out of turn (on SIGTERM) goes as soon as there is a newer one, so that an interrupted run ends with
    the same files as an undisturbed one.
    """
    steps = list_steps(directory)
    kept = [step for step in steps if is_scheduled(step)][-keep:] + steps[-1:]
    for step in steps:
        if step not in kept and step != best:
            storage.delete(storage.join(directory, name(step)))


def locate(checkpoint: str) -> str:
    """The checkpoint file a user means.

    Args:
        checkpoint: The output directory of a training (its newest checkpoint is meant), or one checkpoint file in it.

    Raises:
        BerthError: if there is none.
    """
    if step_of(checkpoint) >= 0:
        return checkpoint
    steps = list_steps(checkpoint)
    if not steps:
        raise BerthError(
            "there is no checkpoint here",
            where=checkpoint,
            expected=f"a directory with {PATTERN}",
            fix="Name the output directory of `berth train`, or a checkpoint file in it.",
        )
    return storage.join(checkpoint, name(steps[-1]))


def of_training(uri: str, every: bool = False) -> Inputs:
    """The newest checkpoint of a training, finished or not, or one checkpoint file.

    Args:
        uri: The training's output directory, or a checkpoint in it.
        every: Give all checkpoints of the directory instead.

    Raises:
        BerthError: if there is none.
    """
    newest = locate(uri)
    return Inputs.of(storage.join(uri, PATTERN) if every else newest)


def with_description(*uris: str) -> Inputs:
    """Checkpoint files with the small files beside them that describe the model, as the input of a stage."""
    directory = storage.parent(uris[0])
    return Inputs.of(*uris, *(storage.join(directory, name) for name in DESCRIPTION))


def all_of(model: Inputs) -> list[str]:
    """All checkpoints among the files of a training, in order of their steps.

    Raises:
        BerthError: if there is none.
    """
    found = [file.uri for file in model.files if step_of(file.uri) >= 0]
    if not found:
        raise BerthError(
            "there is no checkpoint here", where=model.uri, fix="Name the output directory of `berth train`."
        )
    return sorted(found, key=step_of)


def newest(model: Inputs) -> str:
    """The newest checkpoint among the files of a training. Raises BerthError if there is none."""
    return all_of(model)[-1]
