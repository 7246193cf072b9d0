"""Serialized records to arrays without TensorFlow: the protobuf message tf.train.Example, read by compiled kernels.

The message is Example { Features features = 1 }, Features { map<string, Feature> feature = 1 }, Feature { oneof {
BytesList = 1, FloatList = 2, Int64List = 3 } }, each list with one repeated field, packed or not
(tensorflow/core/example/{example,feature}.proto; https://protobuf.dev/programming-guides/encoding/).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from berth.errors import BerthError
from berth.formats.records import FEATURES, INPUT_IDS, MASKED_IDS
from berth.formats.tfrecord import little_endian
from berth.kernels import jit

# Protobuf wire types, and the fields of Feature.
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
FLOAT_LIST, INT64_LIST = 2, 3

# What is wrong with a record; 0 is nothing.
OK, BAD_PROTOBUF, MISSING_FEATURE, WRONG_TYPE, WRONG_LENGTH, OUT_OF_RANGE = range(6)
PROBLEMS = {
    BAD_PROTOBUF: "a record is not a tf.train.Example",
    MISSING_FEATURE: "a record lacks a feature",
    WRONG_TYPE: "a feature has the wrong type",
    WRONG_LENGTH: "a feature has the wrong number of values",
    OUT_OF_RANGE: "a feature has a value beyond 32 bits",
}

_NAMES = np.frombuffer("".join(feature.name for feature in FEATURES).encode(), np.uint8)
_NAME_ENDS = np.cumsum([len(feature.name) for feature in FEATURES])
_KINDS = np.array([FLOAT_LIST if feature.type == "float32" else INT64_LIST for feature in FEATURES])


class RecordDecoder:
    """Decodes records of one width.

    Args:
        max_seq_length: Positions of a record.
        max_predictions: Predictions of a record.
    """

    def __init__(self, max_seq_length: int, max_predictions: int) -> None:
        widths = {"max_seq_length": max_seq_length, "max_predictions": max_predictions, "one": 1}
        self._columns = np.cumsum([0, *(widths[feature.width] for feature in FEATURES)])

    def rows(self, count: int) -> NDArray[np.int32]:
        """Room for this many records: int32 [count, columns]."""
        return np.empty((count, self._columns[-1]), np.int32)

    def decode(
        self,
        data: NDArray[np.uint8],
        starts: NDArray[np.int64],
        lengths: NDArray[np.int64],
        picks: NDArray[np.int64],
        rows: NDArray[np.int32],
        targets: NDArray[np.int64],
        origin: Callable[[int], str],
    ) -> None:
        """Decode records into rows.

        Args:
            data: uint8, writable.
            starts: int64 [records], offset of each record.
            lengths: int64 [records], its size.
            picks: int64 [picked], indices of the records to decode.
            rows: Of :meth:`rows`, filled.
            targets: int64 [picked], the row of each of them.
            origin: Names the record of a row in errors.

        Raises:
            BerthError: if one is no record, or has other widths.
        """
        status, pick, feature = decode_batch(
            data, starts, lengths, picks, _NAMES, _NAME_ENDS, _KINDS, self._columns, rows, targets
        )
        if status != OK:
            raise self._error(status, feature, origin(int(targets[pick])))

    def features(self, rows: NDArray[np.int32]) -> dict[str, NDArray[np.int32] | NDArray[np.float32]]:
        """The features in rows, by name: arrays [rows, width] of the feature's type."""
        features = {}
        for index, (name, _, kind) in enumerate(FEATURES):
            values = np.ascontiguousarray(rows[:, self._columns[index] : self._columns[index + 1]])
            features[name] = values.view(np.float32) if kind == "float32" else values
        return features

    def _error(self, status: int, feature: int, origin: str) -> BerthError:
        expected = ""
        if feature >= 0:
            name, _, kind = FEATURES[feature]
            expected = f"the feature {name}"
            if status == WRONG_LENGTH:
                width = int(self._columns[feature + 1] - self._columns[feature])
                expected = f"{width} values of {name}"
            elif status == WRONG_TYPE:
                expected = f"{'floats' if kind == 'float32' else 'integers'} in {name}"
        return _error(status, origin, expected)


def widths_of(data: NDArray[np.uint8], start: int, length: int, origin: str) -> tuple[int, int]:
    """The positions and predictions of a record.

    Args:
        data: uint8.
        start: Offset of the record.
        length: Its size.
        origin: Name of the record in errors.

    Raises:
        BerthError: if it is no record, or lacks a feature.
    """
    sizes = np.empty(len(FEATURES), np.int64)
    status = feature_sizes(data, start, length, _NAMES, _NAME_ENDS, sizes)
    if status != OK:
        raise _error(status, origin)
    for feature, size in zip(FEATURES, sizes, strict=True):
        if size < 0:
            raise _error(MISSING_FEATURE, origin, f"the feature {feature.name}")
    return int(sizes[FEATURES.index(INPUT_IDS)]), int(sizes[FEATURES.index(MASKED_IDS)])


def decode_one(data: bytes, origin: str) -> dict[str, NDArray[np.int32] | NDArray[np.float32]]:
    """The features of one record by name, each an array [width] of the feature's type.

    Raises:
        BerthError: if it is no record.
    """
    widths = widths_of(np.frombuffer(data, np.uint8), 0, len(data), origin)
    content, zero, lengths = np.frombuffer(data, np.uint8).copy(), np.zeros(1, np.int64), np.array([len(data)])
    decoder = RecordDecoder(*widths)
    rows = decoder.rows(1)
    decoder.decode(content, zero, lengths, zero, rows, zero, lambda _: origin)
    return {name: values[0] for name, values in decoder.features(rows).items()}


def _error(status: int, origin: str, expected: str = "") -> BerthError:
    return BerthError(
        PROBLEMS[status], where=origin, expected=expected, fix="Make the records again with `berth records`."
    )


@jit
def _varint(data: NDArray[np.uint8], offset: int, end: int) -> tuple[np.int64, int]:
    """A varint's value and the offset after it; the offset is -1 where the varint does not end."""
    value = np.int64(0)
    shift = 0
    while offset < end and shift < 64:
        byte = np.int64(data[offset])
        offset += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, offset
        shift += 7
    return np.int64(0), -1


@jit
def _field(data: NDArray[np.uint8], offset: int, end: int) -> tuple[int, int, int, int]:
    """The next field: its number, wire type, and where its content starts and ends; the number is -1 if malformed.

    A varint's content is the varint itself.
    """
    tag, offset = _varint(data, offset, end)
    if offset < 0:
        return -1, 0, 0, 0
    number, wire = tag >> 3, tag & 7
    length = np.int64(-1)
    if wire == BYTES:
        length, offset = _varint(data, offset, end)
        if offset < 0:
            return -1, 0, 0, 0
    elif wire == VARINT:
        _, stop = _varint(data, offset, end)
        length = np.int64(stop - offset)
    elif wire == FIXED64:
        length = np.int64(8)
    elif wire == FIXED32:
        length = np.int64(4)
    # Compared with the room that is left: an offset plus a length near 2**63 is a small number again.
    if length < 0 or length > end - offset:
        return -1, 0, 0, 0
    return number, wire, offset, offset + length  # type: ignore[return-value]  # compiled, all are int64


@jit
def _integers(data: NDArray[np.uint8], offset: int, end: int, row: NDArray[np.int32]) -> int:
    """Read an Int64List into a row, whose length is the number of values expected."""
    count = 0
    while offset < end:
        number, wire, start, stop = _field(data, offset, end)
        if number != 1 or (wire != BYTES and wire != VARINT):
            return BAD_PROTOBUF
        inside = start
        while inside < stop:
            value, inside = _varint(data, inside, stop)
            if inside < 0:
                return BAD_PROTOBUF
            if count == len(row):
                return WRONG_LENGTH
            if value < -(2**31) or value >= 2**31:
                return OUT_OF_RANGE
            row[count] = value
            count += 1
        offset = stop
    return OK if count == len(row) else WRONG_LENGTH


@jit
def _floats(data: NDArray[np.uint8], offset: int, end: int, row: NDArray[np.int32]) -> int:
    """Read a FloatList into a row of float32's bits (int32), whose length is the number of values expected."""
    count = 0
    while offset < end:
        number, wire, start, stop = _field(data, offset, end)
        if number != 1 or (wire != BYTES and wire != FIXED32) or (stop - start) % 4 != 0:
            return BAD_PROTOBUF
        for inside in range(start, stop, 4):
            if count == len(row):
                return WRONG_LENGTH
            row[count] = np.int32(np.uint32(little_endian(data, inside, 4)))
            count += 1
        offset = stop
    return OK if count == len(row) else WRONG_LENGTH


@jit
def _feature_index(
    data: NDArray[np.uint8], start: int, stop: int, names: NDArray[np.uint8], name_ends: NDArray[np.int64]
) -> int:
    """The index of the name in the bytes [start, stop), or -1."""
    name_start = 0
    for index in range(len(name_ends)):
        if name_ends[index] - name_start == stop - start:
            same = True
            for index_in_name in range(stop - start):
                if names[name_start + index_in_name] != data[start + index_in_name]:
                    same = False
                    break
            if same:
                return index
        name_start = name_ends[index]
    return -1


@jit
def _map_entry(
    data: NDArray[np.uint8],
    offset: int,
    end: int,
    names: NDArray[np.uint8],
    name_ends: NDArray[np.int64],
    kinds: NDArray[np.int64],
    columns: NDArray[np.int64],
    row: NDArray[np.int32],
) -> tuple[int, int]:
    """Read one entry of the feature map into its columns of the row; status, and index of its feature (-1: another)."""
    index, list_kind, list_start, list_stop = -1, 0, 0, 0
    while offset < end:
        number, wire, start, stop = _field(data, offset, end)
        if number < 0 or wire != BYTES:
            return BAD_PROTOBUF, index
        if number == 1:
            index = _feature_index(data, start, stop, names, name_ends)
        elif number == 2 and start < stop:
            list_kind, wire, list_start, list_stop = _field(data, start, stop)
            if list_kind < 0 or wire != BYTES:
                return BAD_PROTOBUF, index
        offset = stop
    if index < 0:
        return OK, index
    if list_kind != kinds[index]:
        return WRONG_TYPE, index
    target = row[columns[index] : columns[index + 1]]
    if list_kind == INT64_LIST:
        return _integers(data, list_start, list_stop, target), index
    return _floats(data, list_start, list_stop, target), index


@jit
def feature_sizes(
    data: NDArray[np.uint8],
    start: int,
    length: int,
    names: NDArray[np.uint8],
    name_ends: NDArray[np.int64],
    sizes: NDArray[np.int64],
) -> int:
    """Count the values of each named feature of one record into ``sizes``; -1 for a feature that is missing."""
    sizes[:] = -1
    offset, end = start, start + length
    while offset < end:
        number, _, features_start, features_stop = _field(data, offset, end)
        if number < 0:
            return BAD_PROTOBUF
        offset = features_stop
        while features_start < features_stop:
            number, _, entry, entry_stop = _field(data, features_start, features_stop)
            if number < 0:
                return BAD_PROTOBUF
            features_start = entry_stop
            index, count = -1, 0
            while entry < entry_stop:
                number, _, inner, inner_stop = _field(data, entry, entry_stop)
                if number < 0:
                    return BAD_PROTOBUF
                entry = inner_stop
                if number == 1:
                    index = _feature_index(data, inner, inner_stop, names, name_ends)
                elif number == 2 and inner < inner_stop:
                    kind, _, values, values_stop = _field(data, inner, inner_stop)
                    count = _count_values(data, values, values_stop, kind)
            if index >= 0:
                sizes[index] = count
    return OK


@jit
def _count_values(data: NDArray[np.uint8], offset: int, end: int, list_kind: int) -> int:
    count = 0
    while offset < end:
        number, wire, start, stop = _field(data, offset, end)
        if number < 0:
            return -1
        if wire == BYTES and list_kind == FLOAT_LIST:
            count += (stop - start) // 4
        elif wire == BYTES and list_kind == INT64_LIST:
            for inside in range(start, stop):
                count += data[inside] < 0x80
        else:
            count += 1
        offset = stop
    return count


@jit
def decode_batch(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    lengths: NDArray[np.int64],
    picks: NDArray[np.int64],
    names: NDArray[np.uint8],
    name_ends: NDArray[np.int64],
    kinds: NDArray[np.int64],
    columns: NDArray[np.int64],
    rows: NDArray[np.int32],
    targets: NDArray[np.int64],
) -> tuple[int, int, int]:
    """Read records into rows of numbers.

    Args:
        data: uint8.
        starts: int64 [records], offset of each record.
        lengths: int64 [records], its size.
        picks: int64 [picked], indices of the records to read.
        names: uint8, the features' names one after the other.
        name_ends: int64 [features], where each name ends.
        kinds: int64 [features], FLOAT_LIST or INT64_LIST.
        columns: int64 [features + 1]: feature ``f`` fills the columns [columns[f], columns[f + 1]).
        rows: int32 [rows, columns[-1]], filled; floats as their bits.
        targets: int64 [picked], the row of each of them.

    Returns:
        Status, and the indices, in ``picks`` and of the feature, that it concerns.
    """
    found = np.zeros(len(kinds), dtype=np.bool_)
    for pick in range(len(picks)):
        record = picks[pick]
        offset, end = starts[record], starts[record] + lengths[record]
        found[:] = False
        while offset < end:
            number, wire, start, stop = _field(data, offset, end)
            if number != 1 or wire != BYTES:
                return BAD_PROTOBUF, pick, -1
            while start < stop:
                number, wire, entry_start, entry_stop = _field(data, start, stop)
                if number != 1 or wire != BYTES:
                    return BAD_PROTOBUF, pick, -1
                status, feature = _map_entry(
                    data, entry_start, entry_stop, names, name_ends, kinds, columns, rows[targets[pick]]
                )
                if status != OK:
                    return status, pick, feature
                if feature >= 0:
                    found[feature] = True
                start = entry_stop
            offset = stop
        for feature in range(len(found)):
            if not found[feature]:
                return MISSING_FEATURE, pick, feature
    return OK, -1, -1
