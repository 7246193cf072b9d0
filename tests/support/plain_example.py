"""A tf.train.Example in plain Python, read and written: the oracle of the compiled decoder and encoder."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence

from berth.errors import BerthError

VARINT, FIXED64, DELIMITED, FIXED32 = 0, 1, 2, 5
FEATURES = 1  # field of Example
ENTRY = 1  # field of Features: a map entry
NAME, FEATURE = 1, 2  # fields of a map entry
BYTES_LIST, FLOAT_LIST, INT64_LIST = 1, 2, 3  # fields of Feature
VALUES = 1  # field of each list

Values = list[int] | list[float] | list[bytes]


def parse_example(data: bytes, origin: str = "record") -> dict[str, Values]:
    """The features of a serialized tf.train.Example by name.

    Raises:
        BerthError: if the bytes are no Example.
    """
    try:
        return {
            name: values
            for field, features in _fields(data)
            if field == FEATURES
            for entry_field, entry in _fields(_message(features))
            if entry_field == ENTRY
            for name, values in (_entry(_message(entry)),)
        }
    except (IndexError, ValueError, struct.error) as error:
        raise BerthError(
            "this record is no tf.train.Example", where=origin, found=str(error) or "cut or wrong bytes"
        ) from error


def serialize_example(features: Mapping[str, Sequence[int] | Sequence[float]]) -> bytes:
    """Features of numbers as TensorFlow's ``SerializeToString(deterministic=True)`` gives them; floats are Python's."""
    entries = b""
    for name, values in sorted(features.items()):
        if isinstance(values[0], float):
            kind, content = FLOAT_LIST, struct.pack(f"<{len(values)}f", *values)
        else:
            kind, content = INT64_LIST, b"".join(_serialized_varint(int(value)) for value in values)
        feature = _serialized(kind, _serialized(VALUES, content))
        entries += _serialized(ENTRY, _serialized(NAME, name.encode()) + _serialized(FEATURE, feature))
    return _serialized(FEATURES, entries)


def _serialized(field: int, content: bytes) -> bytes:
    return bytes([field << 3 | DELIMITED]) + _serialized_varint(len(content)) + content


def _serialized_varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    groups = []
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])


def _entry(data: bytes) -> tuple[str, Values]:
    fields = dict(_fields(data))
    name = _message(fields.get(NAME, b"")).decode("utf-8")
    for kind, content in _fields(_message(fields.get(FEATURE, b""))):
        values = [value for field, value in _fields(_message(content)) if field == VALUES]
        if kind == BYTES_LIST:
            return name, [_message(value) for value in values]
        if kind == FLOAT_LIST:
            return name, _floats(values)
        return name, _integers(values)
    return name, []


def _integers(values: list[int | bytes]) -> list[int]:
    """Packed or single varints, as signed 64-bit numbers."""
    unsigned = [number for value in values for number in ([value] if isinstance(value, int) else _varints(value))]
    return [number - (1 << 64) if number >> 63 else number for number in unsigned]


def _floats(values: list[int | bytes]) -> list[float]:
    """Packed or single little-endian float32 values."""
    raw = b"".join(value.to_bytes(4, "little") if isinstance(value, int) else value for value in values)
    return list(struct.unpack(f"<{len(raw) // 4}f", raw))


def _message(value: int | bytes) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number where a message is expected")
    return value


def _varints(data: bytes) -> Iterator[int]:
    position = 0
    while position < len(data):
        value, position = _varint(data, position)
        yield value


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """A varint and the position after it."""
    value = shift = 0
    while True:
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value & (1 << 64) - 1, position
        if shift > 63:
            raise ValueError("a number of more than ten bytes")


def _fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """The fields of a message: number and value (bytes where length-delimited)."""
    position = 0
    while position < len(data):
        tag, position = _varint(data, position)
        field, kind = tag >> 3, tag & 7
        if kind == VARINT:
            number, position = _varint(data, position)
            yield field, number
            continue
        if kind == DELIMITED:
            size, position = _varint(data, position)
        elif kind in (FIXED32, FIXED64):
            size = 4 if kind == FIXED32 else 8
        else:
            raise ValueError(f"wire type {kind}")
        if position + size > len(data):
            raise ValueError("a field that is cut")
        content = data[position : position + size]
        position += size
        yield field, content if kind == DELIMITED else int.from_bytes(content, "little")
