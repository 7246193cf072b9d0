"""Checkpoints in safetensors: Berth's own, encoders, and Hugging Face's directories with their JSON files."""

from __future__ import annotations

import json
import shutil
import struct

from berth.errors import BerthError
from berth.recipe import ModelConfig
from fuzz.target import choice, parts, place, refused, write
from trainer import models
from trainer.checkpoints import safetensors
from trainer.checkpoints.checkpoint import Checkpoint
from trainer.checkpoints.compatibility import check_model, described_case
from trainer.checkpoints.initial_weights import load

REFUSALS: tuple[type[BerthError], ...] = ()  # each step is tried

MODEL = ModelConfig(
    hidden_size=4, num_hidden_layers=1, num_attention_heads=2, intermediate_size=4, max_position_embeddings=4
)
CONFIGURATION = models.configuration_of(MODEL, 8)
ARCHITECTURE = models.get("bert")
SHAPES = {"bert/embeddings/word_embeddings": (8, 4), "bert/encoder/layer_0/output/dense/bias": (4,)}
FILES = ("checkpoint-00000003.safetensors", "model.safetensors", "encoder.safetensors")


def fuzz(data: bytes) -> None:
    """Which files; then, separated by lines `%%`, config.json, tokenizer_config.json, and the weights.

    Of the weights, the length before the header is made right, and the checksum of the header if there is one; and
    bytes are added until the header's end is reached.
    """
    number, content = choice(data)
    config, tokenizer, index, weights = parts(content, 4)
    directory = place("checkpoint")
    shutil.rmtree(directory, ignore_errors=True)
    if number // 6 % 2 == 0:
        weights = _completed(weights)
    name = FILES[number % 3]
    uri = write(f"checkpoint/{name}", weights)
    for each, text in {
        "config.json": config,
        "bert_config.json" if number % 2 else "training.json": config,
        "tokenizer_config.json": tokenizer,
        "model.safetensors.index.json": index,
    }.items():
        if text:
            write(f"checkpoint/{each}", text)
    for step in (_describe, _configure, _read):
        with refused(BerthError):
            step(uri if number % 3 == 0 else directory)


def _describe(uri: str) -> None:
    described_case(uri)
    check_model(Checkpoint.find(uri), CONFIGURATION)


def _configure(uri: str) -> None:
    found = Checkpoint.find(uri).configuration
    if found is not None:
        config = models.read_configuration(found)
        config.differences({})
        json.loads(config.to_json())
        json.loads(json.dumps(config.huggingface(next_sentence=True)))


def _read(uri: str) -> None:
    source = Checkpoint.find(uri)
    assert source.files.files
    if source.kind == "training":
        safetensors.read(source.uri)
    load(uri, SHAPES, ARCHITECTURE, 1, 0.02, 1)


def _completed(weights: bytes) -> bytes:
    """The file of a JSON header: with its length, the checksum that it says it has, and as many bytes as it says."""
    header, _, data = weights.partition(b"\n")
    end = len(data)
    try:
        content = json.loads(header)
        metadata = content.get("__metadata__", {})
        if "berth" in metadata:
            state = json.loads(metadata["berth"])
            if state.pop(safetensors.HEADER_CHECKSUM, None) == 0:  # in seeds: to be replaced by the right one
                entries = {key: value for key, value in content.items() if key != "__metadata__"}
                state[safetensors.HEADER_CHECKSUM] = safetensors._header_checksum(entries, state)
                content["__metadata__"]["berth"] = json.dumps(state, sort_keys=True)
                header = json.dumps(content).encode()
        end = max(value["data_offsets"][1] for key, value in content.items() if key != "__metadata__")
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
        pass
    if isinstance(end, int) and len(data) < end < 1 << 20:
        data += bytes(end - len(data))
    return struct.pack("<Q", len(header)) + header + data
