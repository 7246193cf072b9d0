"""Instances as framed TFRecords of tf.train.Example, written straight into a byte buffer.

The bytes are those of ``SerializeToString(deterministic=True)``: the features in order of their names. Wire format:
https://protobuf.dev/programming-guides/encoding/ and tensorflow/core/example/{example,feature}.proto; framing:
tensorflow/core/lib/io/record_writer.h.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from berth.kernels import jit
from pipelines.mlm.crc32c import crc_tables, masked_crc32c
from pipelines.mlm.vocabulary import CLASSIFIER, SEPARATOR, Vocabulary

# In order of the names, as they are written.
FEATURES = (
    "input_ids",
    "input_mask",
    "masked_lm_ids",
    "masked_lm_positions",
    "masked_lm_weights",
    "next_sentence_labels",
    "segment_ids",
)
INPUT_IDS, INPUT_MASK, MASKED_IDS, MASKED_POSITIONS, MASKED_WEIGHTS, NEXT_SENTENCE, SEGMENT_IDS = range(len(FEATURES))

# Protobuf tags: field number << 3 | wire type 2 (length-delimited).
FIELD_1 = 0x0A  # Example.features, Features.feature, map entry's key, the packed values of a list
FIELD_2 = 0x12  # map entry's value, Feature.float_list
FIELD_3 = 0x1A  # Feature.int64_list

LENGTH_BYTES = 8
CRC_BYTES = 4
MAX_VARINT = 3  # bytes of an id or position: they are below 2**21
MAX_HEADERS = 600  # bytes of all names, tags and lengths of a record, and its framing


class Layout(NamedTuple):
    """What all records of a file have in common. ``names`` (uint8): the features' names, ending at ``name_ends`` (int64)."""

    max_seq_length: int
    max_predictions: int
    is_pair: bool
    classifier: int
    separator: int
    padding: int
    names: NDArray[np.uint8]
    name_ends: NDArray[np.int64]
    crc_tables: NDArray[np.uint32]

    @property
    def largest_record(self) -> int:
        """Bytes a framed record takes at most."""
        per_token = MAX_VARINT + 2  # id, mask, segment
        per_prediction = 2 * MAX_VARINT + 4  # id, position, weight
        return self.max_seq_length * per_token + self.max_predictions * per_prediction + MAX_HEADERS


def layout_of(vocabulary: Vocabulary, max_seq_length: int, max_predictions: int, is_pair: bool) -> Layout:
    """The layout of records of one or two segments. Padding is id 0, as in the reference."""
    return Layout(
        max_seq_length,
        max_predictions,
        is_pair,
        vocabulary.ids[CLASSIFIER],
        vocabulary.ids[SEPARATOR],
        0,
        np.frombuffer("".join(FEATURES).encode(), np.uint8).copy(),
        np.cumsum([len(name) for name in FEATURES]),
        crc_tables(),
    )


@jit(_nrt=False)
def encode_records(order, next_record, ids, instances, layout, row, labels, sizes, out):
    """Write instances ``order[next_record:]`` as framed records to ``out`` while one more is sure to fit.

    Args:
        order: int64[n]; next_record: where to begin.
        ids, instances, layout: See Documents, Instances, Layout.
        row, labels: int64 working memory, as long as a record and as its predictions.
        out: uint8 buffer, at least one largest record long.

    Returns:
        The index in ``order`` to go on with, and the number of bytes written.
    """
    largest = layout.max_seq_length * (MAX_VARINT + 2) + layout.max_predictions * (2 * MAX_VARINT + 4) + MAX_HEADERS
    at = 0
    while next_record < len(order) and at + largest <= len(out):
        i = order[next_record]
        length, boundary = _fill_row(i, ids, instances, layout, row)
        first_mask = instances.mask_ends[i - 1] if i > 0 else 0
        masks = instances.mask_ends[i] - first_mask
        for k in range(masks):
            position = np.int64(instances.positions[first_mask + k])
            labels[k] = row[position]
            row[position] = instances.replacements[first_mask + k]
        positions = instances.positions[first_mask : first_mask + masks]

        begin = at + LENGTH_BYTES + CRC_BYTES
        end = _write_example(
            out, begin, row, length, boundary, labels, positions, masks, instances.random_next[i], layout, sizes
        )
        size = end - begin
        for k in range(LENGTH_BYTES):
            out[at + k] = (size >> (8 * k)) & 0xFF
        _write_fixed32(out, at + LENGTH_BYTES, masked_crc32c(out, at, at + LENGTH_BYTES, layout.crc_tables))
        at = _write_fixed32(out, end, masked_crc32c(out, begin, end, layout.crc_tables))
        next_record += 1
    return next_record, at


@jit(_nrt=False)
def _fill_row(i, ids, instances, layout, row):
    """Write the unmasked tokens of instance i to ``row``; returns their number and where segment B begins."""
    a_begin, a_length = instances.a_begin[i], np.int64(instances.a_length[i])
    b_begin, b_length = instances.b_begin[i], np.int64(instances.b_length[i])
    row[0] = layout.classifier
    for k in range(a_length):
        row[1 + k] = ids[a_begin + k]
    row[a_length + 1] = layout.separator
    boundary = a_length + 2
    length = boundary
    if layout.is_pair:
        for k in range(b_length):
            row[boundary + k] = ids[b_begin + k]
        length = boundary + b_length + 1
        row[length - 1] = layout.separator
    for k in range(length, layout.max_seq_length):
        row[k] = layout.padding
    return length, boundary


@jit(_nrt=False)
def _write_example(out, at, row, length, boundary, labels, positions, masks, label, layout, sizes):
    """Write one serialized Example; returns where it ends."""
    max_seq_length, max_predictions = layout.max_seq_length, layout.max_predictions
    sizes[INPUT_IDS] = _varint_bytes(row, max_seq_length)
    sizes[INPUT_MASK] = sizes[SEGMENT_IDS] = max_seq_length
    sizes[MASKED_IDS] = _varint_bytes(labels, masks) + max_predictions - masks
    sizes[MASKED_POSITIONS] = _varint_bytes(positions, masks) + max_predictions - masks
    sizes[MASKED_WEIGHTS] = 4 * max_predictions
    sizes[NEXT_SENTENCE] = 1
    total = 0
    for feature in range(len(FEATURES)):
        total += _with_header(_entry_size(feature, sizes[feature], layout))
    out[at] = FIELD_1
    at = _write_varint(out, at + 1, total)

    at = _write_header(out, at, INPUT_IDS, sizes[INPUT_IDS], layout)
    at = _write_varints(out, at, row, max_seq_length)
    at = _write_header(out, at, INPUT_MASK, sizes[INPUT_MASK], layout)
    at = _write_repeated(out, at, 1, length)
    at = _write_repeated(out, at, 0, max_seq_length - length)
    at = _write_header(out, at, MASKED_IDS, sizes[MASKED_IDS], layout)
    at = _write_varints(out, at, labels, masks)
    at = _write_repeated(out, at, 0, max_predictions - masks)
    at = _write_header(out, at, MASKED_POSITIONS, sizes[MASKED_POSITIONS], layout)
    at = _write_varints(out, at, positions, masks)
    at = _write_repeated(out, at, 0, max_predictions - masks)
    at = _write_header(out, at, MASKED_WEIGHTS, sizes[MASKED_WEIGHTS], layout)
    for _ in range(masks):  # 1.0 as a little-endian float32
        out[at] = out[at + 1] = 0
        out[at + 2], out[at + 3] = 0x80, 0x3F
        at += 4
    at = _write_repeated(out, at, 0, 4 * (max_predictions - masks))
    at = _write_header(out, at, NEXT_SENTENCE, sizes[NEXT_SENTENCE], layout)
    at = _write_repeated(out, at, label, 1)
    at = _write_header(out, at, SEGMENT_IDS, sizes[SEGMENT_IDS], layout)
    at = _write_repeated(out, at, 0, boundary)
    at = _write_repeated(out, at, 1, length - boundary)
    return _write_repeated(out, at, 0, max_seq_length - length)


@jit(_nrt=False)
def _varint_size(value):
    return 1 + (value >= 1 << 7) + (value >= 1 << 14)


@jit(_nrt=False)
def _varint_bytes(values, count):
    """Bytes of the first ``count`` values (below 2**21) as varints."""
    size = 0
    for k in range(count):
        size += _varint_size(np.int64(values[k]))
    return size


@jit(_nrt=False)
def _write_varint(out, at, value):
    """Write a value below 2**21. Three bytes are written always, to have no branch to guess; what follows overwrites."""
    out[at] = (value & 0x7F) | ((value >= 1 << 7) << 7)
    out[at + 1] = ((value >> 7) & 0x7F) | ((value >= 1 << 14) << 7)
    out[at + 2] = value >> 14
    return at + _varint_size(value)


@jit(_nrt=False)
def _write_varints(out, at, values, count):
    for k in range(count):
        at = _write_varint(out, at, np.int64(values[k]))
    return at


@jit(_nrt=False)
def _write_repeated(out, at, byte, count):
    out[at : at + count] = byte
    return at + count


@jit(_nrt=False)
def _write_fixed32(out, at, value):
    for k in range(CRC_BYTES):
        out[at + k] = (value >> np.uint32(8 * k)) & np.uint32(0xFF)
    return at + CRC_BYTES


@jit(_nrt=False)
def _name_begin(feature, layout):
    return layout.name_ends[feature - 1] if feature > 0 else 0


@jit(_nrt=False)
def _with_header(size):
    """Bytes of a length-delimited field of ``size`` bytes: tag, length, content."""
    return 1 + _varint_size(size) + size


@jit(_nrt=False)
def _entry_size(feature, size, layout):
    """Bytes of the map entry of a feature whose packed values take ``size`` bytes."""
    name = layout.name_ends[feature] - _name_begin(feature, layout)
    values = _with_header(_with_header(size))  # the list inside the Feature
    return _with_header(name) + _with_header(values)


@jit(_nrt=False)
def _write_header(out, at, feature, size, layout):
    """Write all that stands before the packed values of a feature."""
    out[at] = FIELD_1
    at = _write_varint(out, at + 1, _entry_size(feature, size, layout))
    begin, end = _name_begin(feature, layout), layout.name_ends[feature]
    out[at] = FIELD_1
    at = _write_varint(out, at + 1, end - begin)
    for k in range(begin, end):
        out[at] = layout.names[k]
        at += 1
    out[at] = FIELD_2
    at = _write_varint(out, at + 1, _with_header(_with_header(size)))
    out[at] = FIELD_2 if feature == MASKED_WEIGHTS else FIELD_3
    at = _write_varint(out, at + 1, _with_header(size))
    out[at] = FIELD_1
    return _write_varint(out, at + 1, size)
