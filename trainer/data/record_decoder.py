"""tf.train.Example records to arrays, without TensorFlow: TFRecord frames, CRC-32C and protobuf, compiled.

A TFRecord frame is an unsigned 64-bit length, the masked CRC-32C of these eight bytes, the data, and the data's masked
CRC. The data is a protobuf message Example { Features features = 1 }, Features { map<string, Feature> feature = 1 },
Feature { oneof { BytesList = 1, FloatList = 2, Int64List = 3 } }, each list with one repeated field, packed or not.
"""

from __future__ import annotations

import numpy as np

from berth.kernels import jit
from berth.kernels.crc32c import crc_tables, masked_crc32c

LENGTH_BYTES = 8
HEADER_BYTES = 12
FOOTER_BYTES = 4

# Protobuf wire types and the tags of the one field that Example, Features, map entries and lists have.
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
FLOAT_LIST, INT64_LIST = 2, 3

# What is wrong with a frame or record; 0 is nothing.
OK, TRUNCATED, BAD_LENGTH_CRC, BAD_CRC, BAD_PROTOBUF, MISSING_FEATURE, WRONG_TYPE, WRONG_LENGTH, OUT_OF_RANGE = range(9)


CRC_TABLES = crc_tables()


@jit
def _little_endian(data: np.ndarray, start: int, count: int) -> np.int64:
    value = np.int64(0)
    for index in range(count):
        value |= np.int64(data[start + index]) << np.int64(8 * index)
    return value


@jit
def scan_frames(data: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> tuple[int, int, int]:
    """Find the frames of a whole file; the data's own CRCs are checked when a record is read.

    Args:
        data: uint8, the file.
        starts: int64, receives the place of each record's data; as many as fit are stored.
        lengths: int64, receives its size.

    Returns:
        Number of records, status, and the byte at which the scan ended.
    """
    count = 0
    place = 0
    while place < len(data):
        if place + HEADER_BYTES > len(data):
            return count, TRUNCATED, place
        if masked_crc32c(data, place, place + LENGTH_BYTES, CRC_TABLES) != _little_endian(
            data, place + LENGTH_BYTES, 4
        ):
            return count, BAD_LENGTH_CRC, place
        length = _little_endian(data, place, LENGTH_BYTES)
        end = place + HEADER_BYTES + length + FOOTER_BYTES
        if length < 0 or end > len(data):
            return count, TRUNCATED, place
        if count < len(starts):
            starts[count] = place + HEADER_BYTES
            lengths[count] = length
        count += 1
        place = end
    return count, OK, place


@jit
def _varint(data: np.ndarray, place: int, end: int) -> tuple[np.int64, int]:
    """A varint's value and the place behind it; the place is -1 where it does not end."""
    value = np.int64(0)
    shift = 0
    while place < end and shift < 64:
        byte = np.int64(data[place])
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
    return np.int64(0), -1


@jit
def _field(data: np.ndarray, place: int, end: int) -> tuple[int, int, int, int]:
    """The next field: its number, wire type, and where its content starts and ends; the number is -1 if malformed.

    A varint's content is the varint itself.
    """
    tag, place = _varint(data, place, end)
    if place < 0:
        return -1, 0, 0, 0
    number, wire = tag >> 3, tag & 7
    stop = -1
    if wire == BYTES:
        length, place = _varint(data, place, end)
        if place >= 0 and length >= 0:
            stop = place + length
    elif wire == VARINT:
        _, stop = _varint(data, place, end)
    elif wire == FIXED64:
        stop = place + 8
    elif wire == FIXED32:
        stop = place + 4
    if stop < 0 or stop > end:
        return -1, 0, 0, 0
    return number, wire, place, stop


@jit
def _integers(data: np.ndarray, place: int, end: int, row: np.ndarray) -> int:
    """Read an Int64List into a row; its length is the number expected."""
    count = 0
    while place < end:
        number, wire, start, stop = _field(data, place, end)
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
        place = stop
    return OK if count == len(row) else WRONG_LENGTH


@jit
def _floats(data: np.ndarray, place: int, end: int, row: np.ndarray) -> int:
    """Read a FloatList into a row of float32's bits (int32); its length is the number expected."""
    count = 0
    while place < end:
        number, wire, start, stop = _field(data, place, end)
        if number != 1 or (wire != BYTES and wire != FIXED32) or (stop - start) % 4 != 0:
            return BAD_PROTOBUF
        for inside in range(start, stop, 4):
            if count == len(row):
                return WRONG_LENGTH
            row[count] = np.int32(np.uint32(_little_endian(data, inside, 4)))
            count += 1
        place = stop
    return OK if count == len(row) else WRONG_LENGTH


@jit
def _feature_index(data: np.ndarray, start: int, stop: int, names: np.ndarray, name_ends: np.ndarray) -> int:
    """Which of the names stands at [start, stop), or -1."""
    name_start = 0
    for index in range(len(name_ends)):
        if name_ends[index] - name_start == stop - start:
            same = True
            for offset in range(stop - start):
                if names[name_start + offset] != data[start + offset]:
                    same = False
                    break
            if same:
                return index
        name_start = name_ends[index]
    return -1


@jit
def _map_entry(
    data: np.ndarray,
    place: int,
    end: int,
    names: np.ndarray,
    name_ends: np.ndarray,
    kinds: np.ndarray,
    columns: np.ndarray,
    row: np.ndarray,
) -> tuple[int, int]:
    """Read one entry of the feature map into its columns of the row; status, and which feature it is (-1: another)."""
    index, list_kind, list_start, list_stop = -1, 0, 0, 0
    while place < end:
        number, wire, start, stop = _field(data, place, end)
        if number < 0 or wire != BYTES:
            return BAD_PROTOBUF, index
        if number == 1:
            index = _feature_index(data, start, stop, names, name_ends)
        elif number == 2 and start < stop:
            list_kind, wire, list_start, list_stop = _field(data, start, stop)
            if list_kind < 0 or wire != BYTES:
                return BAD_PROTOBUF, index
        place = stop
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
    data: np.ndarray, start: int, length: int, names: np.ndarray, name_ends: np.ndarray, sizes: np.ndarray
) -> int:
    """Count the values of each named feature of one record into ``sizes``; -1 for a feature that is missing."""
    sizes[:] = -1
    place, end = start, start + length
    while place < end:
        number, _, features_start, features_stop = _field(data, place, end)
        if number < 0:
            return BAD_PROTOBUF
        place = features_stop
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
def _count_values(data: np.ndarray, place: int, end: int, list_kind: int) -> int:
    count = 0
    while place < end:
        number, wire, start, stop = _field(data, place, end)
        if number < 0:
            return -1
        if wire == BYTES and list_kind == FLOAT_LIST:
            count += (stop - start) // 4
        elif wire == BYTES and list_kind == INT64_LIST:
            for inside in range(start, stop):
                count += data[inside] < 0x80
        else:
            count += 1
        place = stop
    return count


@jit
def decode_batch(
    data: np.ndarray,
    starts: np.ndarray,
    lengths: np.ndarray,
    names: np.ndarray,
    name_ends: np.ndarray,
    kinds: np.ndarray,
    columns: np.ndarray,
    rows: np.ndarray,
) -> tuple[int, int, int]:
    """Read records into rows of numbers, checking each one's CRC.

    Args:
        data: uint8; each record's data followed by its CRC.
        starts: int64 [records], place of each record's data.
        lengths: int64 [records], its size.
        names: uint8, the features' names one after the other.
        name_ends: int64 [features], where each name ends.
        kinds: int64 [features], FLOAT_LIST or INT64_LIST.
        columns: int64 [features + 1]: feature ``f`` fills the columns [columns[f], columns[f + 1]).
        rows: int32 [records, columns[-1]], filled; floats as their bits.

    Returns:
        Status, and the record and feature it speaks of.
    """
    found = np.zeros(len(kinds), dtype=np.bool_)
    for record in range(len(starts)):
        place, end = starts[record], starts[record] + lengths[record]
        if masked_crc32c(data, place, end, CRC_TABLES) != _little_endian(data, end, 4):
            return BAD_CRC, record, -1
        found[:] = False
        while place < end:
            number, wire, start, stop = _field(data, place, end)
            if number != 1 or wire != BYTES:
                return BAD_PROTOBUF, record, -1
            while start < stop:
                number, wire, entry_start, entry_stop = _field(data, start, stop)
                if number != 1 or wire != BYTES:
                    return BAD_PROTOBUF, record, -1
                status, feature = _map_entry(
                    data, entry_start, entry_stop, names, name_ends, kinds, columns, rows[record]
                )
                if status != OK:
                    return status, record, feature
                if feature >= 0:
                    found[feature] = True
                start = entry_stop
            place = stop
        for feature in range(len(found)):
            if not found[feature]:
                return MISSING_FEATURE, record, feature
    return OK, -1, -1
