"""One safetensors codec: deterministic bytes, partial reads of any storage, a checksum for each array.

The format is https://github.com/huggingface/safetensors: the header's length (8 bytes, little-endian), a JSON header,
the arrays. The header's metadata holds one entry, `berth`, with a state (JSON), a CRC-32 of each array, and
one of the header itself.

The `safetensors` package is not used: it writes to a local path without atomic replacement, orders arrays by the size
of their type, reads local files only, and has no checksums. docs/decisions/004-safetensors-codec.md has
the reasons. Tests read this codec's files with the package.
"""

from __future__ import annotations

import json
import math
import struct
import zlib
from collections.abc import Callable, Mapping
from typing import IO, Any

import numpy as np

from berth import storage
from berth.errors import BerthError, summary

Arrays = Mapping[str, np.ndarray]

DTYPES = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "I64": np.int64, "I32": np.int32, "U32": np.uint32}
# Read as float32, since NumPy has no such type: its upper 16 bits.
BFLOAT16 = "BF16"
SIZES = {**{name: np.dtype(dtype).itemsize for name, dtype in DTYPES.items()}, BFLOAT16: 2}
DTYPE_NAMES = {np.dtype(dtype): name for name, dtype in DTYPES.items()}
ALIGNMENT = 8
HEADER_CHECKSUM = "header_crc32"
MOST_DIMENSIONS, LARGEST = 8, 1 << 40  # of an array: far beyond any weights; NumPy has limits of its own
HEADER_LIMIT = 100_000_000  # as in the safetensors library


def write(uri: str, arrays: Arrays, state: Mapping[str, Any] | None = None) -> None:
    """Write a safetensors file atomically. The same arrays and state give the same bytes.

    Args:
        uri: The file.
        arrays: By name.
        state: JSON values kept in the header; None writes a file without state or checksums (an export).
    """
    header: dict[str, Any] = {}
    contiguous = {key: np.asarray(arrays[key], order="C") for key in sorted(arrays)}
    offset = 0
    for key, array in contiguous.items():
        header[key] = {
            "dtype": DTYPE_NAMES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [offset, offset + array.nbytes],
        }
        offset += array.nbytes
    metadata = {"format": "pt"}  # required by Hugging Face's loader
    if state is not None:
        whole = {**state, "crc32": {key: zlib.crc32(_bytes(array)) for key, array in contiguous.items()}}
        whole[HEADER_CHECKSUM] = _header_checksum(header, whole)
        metadata = {"berth": json.dumps(whole, sort_keys=True)}
    header = {"__metadata__": metadata, **header}
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
        uri: The file.
        wanted: Which arrays to read, by name.

    Returns:
        The arrays (bfloat16 as float32), and the state (None for a file that has none).

    Raises:
        BerthError: if the file is damaged (wrong size, unreadable header, an array that fails its checksum), or an
            array has an unsupported type.
    """
    with storage.open_read(uri) as file:
        header, state, start = _read_header(uri, file)
        entries = sorted(header.items(), key=lambda item: item[1]["data_offsets"])
        arrays = {key: _read_array(uri, file, start, key, entry, state) for key, entry in entries if wanted(key)}
    return arrays, state


def names(uri: str) -> list[str]:
    """Names of the arrays in a safetensors file. Raises BerthError if its header or size is damaged."""
    with storage.open_read(uri) as file:
        return list(_read_header(uri, file)[0])


def _read_header(uri: str, file: IO[bytes]) -> tuple[dict[str, Any], dict[str, Any] | None, int]:
    """Entries of the arrays, the state, and the offset at which the arrays begin."""
    prefix = file.read(8)
    length = struct.unpack("<Q", prefix)[0] if len(prefix) == 8 else HEADER_LIMIT
    if length >= HEADER_LIMIT:
        raise _damaged(uri, "no safetensors header")
    try:
        header: dict[str, Any] = json.loads(file.read(length), object_pairs_hook=_without_repetition)
        metadata = header.pop("__metadata__", {})
        state: dict[str, Any] | None = json.loads(metadata["berth"]) if "berth" in metadata else None
        if state is not None and not isinstance(state["crc32"], dict):
            raise ValueError("no checksums")
        end = _check_entries(header)
        if state is not None and state.pop(HEADER_CHECKSUM, None) not in (None, _header_checksum(header, state)):
            raise ValueError("another header than was written (CRC-32)")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _damaged(uri, f"a header that is not that of safetensors: {summary(error)}") from error
    if (size := storage.size(uri)) != 8 + length + end:
        raise _damaged(uri, f"{size} bytes", f"{8 + length + end}, as its header says")
    return header, state, 8 + length


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _check_entries(header: Mapping[str, Any]) -> int:
    """Check that the arrays follow each other without gap or overlap, each of the size of its shape.

    Returns:
        Their size in bytes.

    Raises:
        ValueError, KeyError, TypeError: if not.
    """
    place = 0
    for name, entry in sorted(header.items(), key=lambda item: tuple(item[1]["data_offsets"])):
        (first, last), shape = entry["data_offsets"], entry["shape"]
        if not (isinstance(shape, list) and all(type(each) is int and each >= 0 for each in [first, last, *shape])):
            raise ValueError(f"shape or offsets of {name}")
        if first != place or last < first:
            raise ValueError(f"a gap or overlap before {name}")
        if len(shape) > MOST_DIMENSIONS or any(each > LARGEST for each in shape):
            raise ValueError(f"shape of {name}")
        if not isinstance(entry["dtype"], str):
            raise ValueError(f"type of {name}")
        size = SIZES.get(entry["dtype"])
        if size is not None and math.prod(shape) * size != last - first:
            raise ValueError(f"{last - first} bytes of {name} for the shape {shape}")
        place = last
    return place


def _header_checksum(header: Mapping[str, Any], state: Mapping[str, Any]) -> int:
    """CRC-32 of what the checksums of the arrays do not cover: names, types, shapes, offsets and the state."""
    return zlib.crc32(json.dumps([header, state], sort_keys=True).encode())


def _read_array(
    uri: str, file: IO[bytes], start: int, key: str, entry: Mapping[str, Any], state: Mapping[str, Any] | None
) -> np.ndarray:
    if entry["dtype"] not in SIZES:
        raise BerthError("an array has a type that is not supported", where=f"{uri}, {key}", found=entry["dtype"])
    first, last = entry["data_offsets"]
    file.seek(start + first)
    content = file.read(last - first)
    if len(content) != last - first:
        raise _damaged(uri, f"an end of the file in {key}")
    if state is not None and zlib.crc32(content) != state["crc32"].get(key):
        raise _damaged(uri, f"other data in {key} than were written (CRC-32)")
    if entry["dtype"] == BFLOAT16:
        upper = np.frombuffer(content, dtype=np.uint16).astype(np.uint32)
        return (upper << 16).view(np.float32).reshape(entry["shape"])
    return np.frombuffer(content, dtype=DTYPES[entry["dtype"]]).reshape(entry["shape"])


def _damaged(uri: str, found: str, expected: str = "") -> BerthError:
    return BerthError("the checkpoint is damaged", where=uri, found=found, expected=expected)
