"""TensorFlow's checkpoints: the table of tensors (.index) and their bytes (.data), both with right checksums."""

from __future__ import annotations

import shutil

import tensorflow  # noqa: F401  loaded before the first input, whose memory is measured

from berth.errors import BerthError
from berth.formats import tfrecord
from fuzz.target import choice, place, write
from fuzz.targets.checkpoints import ARCHITECTURE, SHAPES
from trainer.checkpoints.checkpoint import Checkpoint
from trainer.checkpoints.initial_weights import load

REFUSALS = (BerthError,)

SEPARATOR = b"\n%%\n"
MAGIC = 0xDB4775248B80FB57
FOOTER_BYTES = 40


def fuzz(data: bytes) -> None:
    """Whether .index is made or given; then, separated by lines `%%`, .data and .index, or its entries, key first.

    An entry is a key, a line feed and its value: a BundleHeaderProto for the empty key, else a BundleEntryProto.
    """
    number, content = choice(data)
    values, *entries = content.split(SEPARATOR)
    index = SEPARATOR.join(entries) if number % 2 else table([entry.partition(b"\n")[::2] for entry in entries])
    shutil.rmtree(place("tensorflow"), ignore_errors=True)
    write("tensorflow/model.ckpt-3.data-00000-of-00001", values)
    uri = write("tensorflow/model.ckpt-3.index", index).removesuffix(".index")
    assert Checkpoint.find(uri).files.files
    load(uri, SHAPES, ARCHITECTURE, 1, 0.02, 1)


def table(entries: list[tuple[bytes, bytes]]) -> bytes:
    """A table of LevelDB's format with these entries in one block (tensorflow/core/lib/io/table_format.txt)."""
    content, handle = _block(entries, 0)
    metaindex, metaindex_handle = _block([], len(content))
    content += metaindex
    index, index_handle = _block([(b"\xff", handle)], len(content))
    footer = (metaindex_handle + index_handle).ljust(FOOTER_BYTES, b"\0") + MAGIC.to_bytes(8, "little")
    return content + index + footer


def _block(entries: list[tuple[bytes, bytes]], offset: int) -> tuple[bytes, bytes]:
    """A block with its checksum, and its handle: offset and size."""
    lines = [b"\0" + _varint(len(key)) + _varint(len(value)) + key + value for key, value in entries]
    content = b"".join(lines) + (0).to_bytes(4, "little") + (1).to_bytes(4, "little")  # one restart, at 0
    typed = content + b"\0"  # not compressed
    return typed + tfrecord.frame(typed)[-tfrecord.FOOTER_BYTES :], _varint(offset) + _varint(len(content))


def _varint(number: int) -> bytes:
    found = b""
    while number > 0x7F:
        found += bytes([number & 0x7F | 0x80])
        number >>= 7
    return found + bytes([number])
