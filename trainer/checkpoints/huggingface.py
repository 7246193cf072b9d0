"""Hugging Face's directories: config.json and model.safetensors, read and written."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

import numpy as np

from berth import storage
from berth.errors import BerthError, UsageError
from berth.stage.inputs import Inputs
from berth.stage.output import Output
from trainer.checkpoints import safetensors
from trainer.checkpoints.contents import CheckpointContents, count_layers
from trainer.models import Architecture, Configuration, read_json

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
# Lists the files of large models (model-00001-of-00002.safetensors …) by the names of their arrays.
INDEX = "model.safetensors.index.json"
PICKLE = "pytorch_model.bin"


def exists(directory: str) -> bool:
    """Whether this is such a directory.

    Raises:
        BerthError: if it is one without safetensors weights.
    """
    if not storage.exists(storage.join(directory, CONFIG)):
        return False
    if not storage.exists(storage.join(directory, WEIGHTS)) and not storage.exists(storage.join(directory, INDEX)):
        pickled = storage.exists(storage.join(directory, PICKLE))
        raise BerthError(
            f"the Hugging Face directory has no {WEIGHTS}",
            where=directory,
            found=f"{PICKLE}, which is a pickle: unpickling can run any code in the file" if pickled else "",
            fix="Save the model again with transformers: model.save_pretrained(DIR, safe_serialization=True).",
        )
    return True


def files(directory: str) -> Inputs:
    """The checkpoint's files."""
    index = [] if storage.exists(storage.join(directory, WEIGHTS)) else [INDEX]
    return Inputs.at(*(storage.join(directory, name) for name in [CONFIG, *index, *_weight_files(directory)]))


def _weight_files(directory: str) -> list[str]:
    """Names of the files that hold the weights.

    Raises:
        UsageError: if the index does not name files of the directory.
    """
    if storage.exists(storage.join(directory, WEIGHTS)):
        return [WEIGHTS]
    uri = storage.join(directory, INDEX)
    places = read_json(uri).get("weight_map")
    names = sorted(set(places.values())) if isinstance(places, dict) and all(map(_is_name, places.values())) else []
    if missing := [name for name in names if not storage.exists(storage.join(directory, name))]:
        raise UsageError("a file of the weights is missing", where=directory, found=f"no {missing[0]}")
    if not names:
        raise UsageError("the index names no files", where=uri, expected="weight_map: names of arrays and their files")
    return names


def _is_name(value: object) -> bool:
    return isinstance(value, str) and value.endswith(".safetensors") and storage.basename(value) == value


def read(directory: str, names: Collection[str], architecture: Architecture) -> CheckpointContents:
    """Read the variables of these names (ours), as float32.

    Raises:
        BerthError: if the file is damaged, or the decoder is not tied to the word embeddings.
    """
    there, seen = architecture.huggingface, list[str]()
    candidates = {theirs for name in names for theirs in there.candidates(name)}

    def is_wanted(name: str) -> bool:
        seen.append(name)
        return name in candidates

    arrays: dict[str, np.ndarray] = {}
    for file in _weight_files(directory):
        arrays |= safetensors.read(storage.join(directory, file), is_wanted)[0]
    found: dict[str, np.ndarray] = {}
    for name in names:
        present = [theirs for theirs in there.candidates(name) if theirs in arrays]
        for second in present[1:]:
            if there.tied.get(second) == name and not np.array_equal(arrays[second], arrays[present[0]]):
                raise BerthError(
                    f"the model's {second} is not tied: it differs from {present[0]}",
                    where=directory,
                    expected="a decoder that is the table of word embeddings, the only one that Berth has",
                )
        if present:
            found[name] = there.convert(name, arrays[present[0]].astype(np.float32))
    return CheckpointContents(found, count_layers(seen), tuple(filter(there.is_strange, seen)))


def write(
    output: Output,
    arrays: Mapping[str, np.ndarray],
    config: Configuration,
    architecture: Architecture,
    next_sentence: bool,
) -> None:
    """Write config.json and model.safetensors.

    Without a next-sentence head there is no pooler either. The decoder is tied to the word embeddings and not stored
    twice.
    """
    there = architecture.huggingface
    exported = {
        there.name_of(name): there.convert(name, array)
        for name, array in arrays.items()
        if next_sentence or not name.startswith(architecture.names.pooler)
    }
    safetensors.write(output.path(WEIGHTS), exported)
    with storage.atomic_write(output.path(CONFIG)) as file:
        file.write((json.dumps(config.huggingface(next_sentence), indent=2, sort_keys=True) + "\n").encode())
