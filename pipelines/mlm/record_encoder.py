"""Instances as framed TFRecords of tf.train.Example, written straight into a byte buffer.

The bytes are those of ``SerializeToString(deterministic=True)``: the features in order of their names. The bytes before
the values of a feature depend only on how many bytes the values take, so they are prepared for every possible number.

Wire format: https://protobuf.dev/programming-guides/encoding/ and tensorflow/core/example/{example,feature}.proto.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from berth.formats import records
from berth.formats.record_index import BLOCK_BYTES
from berth.formats.records import PADDING
from berth.formats.tfrecord import FRAME_BYTES, HEADER_BYTES, close_frame
from berth.formats.vocabulary import CLASSIFIER, MASK, SEPARATOR, Vocabulary
from berth.kernels import jit
from pipelines.mlm.instances import GAP_BITS, MAX_GAP, NOT_MASKED, SHOW_MASK, SHOW_WORD, Documents, Generated

FEATURES = tuple(sorted(feature.name for feature in records.FEATURES))  # in the order in which they are written
FEATURE_COUNT = len(FEATURES)
INPUT_IDS = FEATURES.index(records.INPUT_IDS.name)
INPUT_MASK = FEATURES.index(records.INPUT_MASK.name)
MASKED_IDS = FEATURES.index(records.MASKED_IDS.name)
MASKED_POSITIONS = FEATURES.index(records.MASKED_POSITIONS.name)
MASKED_WEIGHTS = FEATURES.index(records.MASKED_WEIGHTS.name)
NEXT_SENTENCE = FEATURES.index(records.NEXT_SENTENCE.name)
SEGMENT_IDS = FEATURES.index(records.SEGMENT_IDS.name)

# Protobuf tags: field number << 3 | wire type 2 (length-delimited).
FIELD_1 = b"\x0a"  # Example.features, Features.feature, a map entry's key, the packed values of a list
FIELD_2 = b"\x12"  # a map entry's value, Feature.float_list
FIELD_3 = b"\x1a"  # Feature.int64_list
EXAMPLE_TAG = FIELD_1[0]

MAX_VARINT = 3  # bytes of an id, a position, a size: they are below 2**21
FEATURE_HEADER_BYTES = 48  # room for the bytes before a feature's values; the longest are 40


class Writer(Protocol):
    """What blocks of records are written to."""

    def write(self, block: memoryview, records: int, /) -> None:
        """Append a block, and the number of its records."""


class Layout(NamedTuple):
    """What all records of a file have in common.

    ``largest_record``: bytes that a framed record takes at most. ``headers`` (uint8[n, FEATURE_HEADER_BYTES]) and
    ``header_lengths`` (int64[n]): the bytes before the values of a feature; those of feature f with values of s bytes
    are row ``first_header[f] + s`` (int64[7]).
    """

    max_seq_length: int
    max_predictions: int
    is_pair: bool
    classifier: int
    separator: int
    mask: int
    largest_record: int
    headers: NDArray[np.uint8]
    header_lengths: NDArray[np.int64]
    first_header: NDArray[np.int64]


class Scratch(NamedTuple):
    """Working memory of one record: tokens, labels and positions of the masks, sizes of the features."""

    tokens: NDArray[np.unsignedinteger]
    labels: NDArray[np.unsignedinteger]
    positions: NDArray[np.uint16]
    sizes: NDArray[np.int64]


def layout_of(vocabulary: Vocabulary, max_seq_length: int, max_predictions: int, is_pair: bool) -> Layout:
    """The layout of records of one segment or of two."""
    sizes = {
        INPUT_IDS: range(max_seq_length, MAX_VARINT * max_seq_length + 1),
        INPUT_MASK: range(max_seq_length, max_seq_length + 1),
        MASKED_IDS: range(max_predictions, MAX_VARINT * max_predictions + 1),
        MASKED_POSITIONS: range(max_predictions, MAX_VARINT * max_predictions + 1),
        MASKED_WEIGHTS: range(4 * max_predictions, 4 * max_predictions + 1),
        NEXT_SENTENCE: range(1, 2),
        SEGMENT_IDS: range(max_seq_length, max_seq_length + 1),
    }
    headers: list[bytes] = []
    first_header = []
    for feature, possible in sorted(sizes.items()):
        first_header.append(len(headers) - possible.start)
        headers += [feature_header(feature, size) for size in possible]
    largest = sum(possible.stop - 1 for possible in sizes.values())
    framing = FRAME_BYTES + len(FIELD_1) + MAX_VARINT
    return Layout(
        max_seq_length,
        max_predictions,
        is_pair,
        vocabulary.ids[CLASSIFIER],
        vocabulary.ids[SEPARATOR],
        vocabulary.ids[MASK],
        largest + FEATURE_COUNT * FEATURE_HEADER_BYTES + framing,
        np.frombuffer(b"".join(header.ljust(FEATURE_HEADER_BYTES) for header in headers), np.uint8)
        .reshape(-1, FEATURE_HEADER_BYTES)
        .copy(),
        np.array([len(header) for header in headers], np.int64),
        np.array(first_header, np.int64),
    )


def feature_header(feature: int, size: int) -> bytes:
    """The bytes before the ``size`` bytes of packed values of a feature: a map entry in which a list is nested."""
    name = FEATURES[feature].encode()
    list_head = FIELD_1 + varint(size)
    feature_head = (FIELD_2 if feature == MASKED_WEIGHTS else FIELD_3) + varint(len(list_head) + size) + list_head
    entry_head = FIELD_1 + varint(len(name)) + name + FIELD_2 + varint(len(feature_head) + size) + feature_head
    return FIELD_1 + varint(len(entry_head) + size) + entry_head


def varint(value: int) -> bytes:
    """A number in groups of seven bits, lowest first; the high bit is set where more follow."""
    groups = []
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*groups, value])


def scratch_for(layout: Layout, id_type: type[np.unsignedinteger]) -> Scratch:
    """Working memory for records of this layout."""
    return Scratch(
        np.empty(layout.max_seq_length, id_type),
        np.empty(layout.max_predictions, id_type),
        np.empty(layout.max_predictions, np.uint16),
        np.empty(FEATURE_COUNT, np.int64),
    )


def write_instances(file: Writer, documents: Documents, generated: Generated, layout: Layout) -> None:
    """Encode all instances in their order and write them, block by block.

    A block ends where the buffer has no room for one more record of any size: when it exceeds BLOCK_BYTES.
    """
    out = np.empty(BLOCK_BYTES + layout.largest_record, np.uint8)
    scratch = scratch_for(layout, documents.ids.dtype.type)
    order = generated.order
    next_record = 0
    while next_record < len(order):
        first = next_record
        next_record, size = encode_records(order, first, documents.ids, generated.instances, layout, scratch, out)
        file.write(out.data[:size], next_record - first)


@jit(_nrt=False)
def encode_records(order, next_record, ids, instances, layout, scratch, out):
    """Write instances ``order[next_record:]`` as framed records to ``out`` while one more is certain to fit.

    Args:
        order: int64[n], the order in which instances are written.
        next_record: Index in ``order`` of the first one.
        ids: See Documents.
        instances: See Instances.
        layout: See Layout.
        scratch: See Scratch.
        out: uint8 buffer, at least one largest record long.

    Returns:
        The index in ``order`` to go on with, and the number of bytes written.
    """
    at = 0
    while next_record < len(order) and at + layout.largest_record <= len(out):
        row = instances.rows[order[next_record]]
        length, boundary = _fill_tokens(row, ids, layout, scratch.tokens)
        masks = _mask_tokens(row, instances, layout, scratch)
        end = _write_example(out, at + HEADER_BYTES, length, boundary, masks, row.random_next, layout, scratch)
        at = close_frame(out, at, end)
        next_record += 1
    return next_record, at


@jit(_nrt=False)
def _fill_tokens(row, ids, layout, tokens):
    """Write the unmasked tokens of an instance to ``tokens``; returns their number and the position of segment B."""
    a_length, b_length = np.int64(row.a_length), np.int64(row.b_length)
    tokens[0] = layout.classifier
    for k in range(a_length):
        tokens[np.uint64(1 + k)] = ids[np.uint64(row.a_begin + k)]
    tokens[a_length + 1] = layout.separator
    boundary = a_length + 2
    if not layout.is_pair:
        return boundary, boundary
    for k in range(b_length):
        tokens[np.uint64(boundary + k)] = ids[np.uint64(row.b_begin + k)]
    length = boundary + b_length + 1
    tokens[length - 1] = layout.separator
    return length, boundary


@jit(_nrt=False)
def _mask_tokens(row, instances, layout, scratch):
    """Write positions and labels of an instance's masks, and the tokens shown there; returns the number of masks."""
    masks = np.int64(row.masks)
    entry, word = row.mask_begin, row.word_begin
    position = np.int64(0)
    k = 0
    while k < masks:
        position += np.int64(instances.masks[entry] & MAX_GAP)
        kind = instances.masks[entry] >> GAP_BITS
        entry += 1
        if kind == NOT_MASKED:
            continue
        scratch.positions[k] = position
        scratch.labels[k] = scratch.tokens[position]
        k += 1
        if kind == SHOW_MASK:
            scratch.tokens[position] = layout.mask
        elif kind == SHOW_WORD:
            scratch.tokens[position] = instances.words[word]
            word += 1
    return masks


@jit(_nrt=False)
def _write_example(out, at, length, boundary, masks, label, layout, scratch):
    """Write one serialized Example; returns the offset of its end."""
    sizes = scratch.sizes
    sizes[INPUT_IDS] = _varint_bytes(scratch.tokens, length) + layout.max_seq_length - length
    sizes[INPUT_MASK] = sizes[SEGMENT_IDS] = layout.max_seq_length
    sizes[MASKED_IDS] = _varint_bytes(scratch.labels, masks) + layout.max_predictions - masks
    sizes[MASKED_POSITIONS] = _varint_bytes(scratch.positions, masks) + layout.max_predictions - masks
    sizes[MASKED_WEIGHTS] = 4 * layout.max_predictions
    sizes[NEXT_SENTENCE] = 1
    total = 0
    for feature in range(FEATURE_COUNT):
        total += layout.header_lengths[layout.first_header[feature] + sizes[feature]] + sizes[feature]
    out[at] = EXAMPLE_TAG
    at = _write_varint(out, at + 1, total)
    for feature in range(FEATURE_COUNT):
        at = _write_header(out, at, feature, sizes[feature], layout)
        end = at + sizes[feature]
        if feature == INPUT_IDS:
            at = _write_varints(out, at, scratch.tokens, length)
        elif feature == INPUT_MASK:
            at = _write_repeated(out, at, 1, length)
        elif feature == SEGMENT_IDS:
            at = _write_repeated(out, at, 0, boundary)
            at = _write_repeated(out, at, 1, length - boundary)
        elif feature == MASKED_IDS:
            at = _write_varints(out, at, scratch.labels, masks)
        elif feature == MASKED_POSITIONS:
            at = _write_varints(out, at, scratch.positions, masks)
        elif feature == MASKED_WEIGHTS:
            at = _write_ones(out, at, masks)
        else:
            at = _write_repeated(out, at, label, 1)
        at = _write_repeated(out, at, PADDING, end - at)
    return at


@jit(_nrt=False)
def _write_header(out, at, feature, size, layout):
    """Write the bytes before the values of a feature.

    All FEATURE_HEADER_BYTES are copied, a number the compiler knows; what follows overwrites the rest.
    """
    header = layout.first_header[feature] + size
    for k in range(FEATURE_HEADER_BYTES):
        out[np.uint64(at + k)] = layout.headers[header, k]
    return at + layout.header_lengths[header]


@jit(_nrt=False)
def _varint_bytes(values, count):
    """Bytes of the first ``count`` values (below 2**21) as varints."""
    size = 0
    for k in range(count):
        size += 1 + (values[k] >= 1 << 7) + (values[k] >= 1 << 14)
    return size


@jit(_nrt=False)
def _write_varint(out, at, value):
    """Write a value below 2**21.

    All three bytes are written, to have no branch to guess; what follows overwrites them.
    """
    is_long, is_longer = value >= 1 << 7, value >= 1 << 14
    out[np.uint64(at)] = (value & 0x7F) | (is_long << 7)
    out[np.uint64(at + 1)] = ((value >> 7) & 0x7F) | (is_longer << 7)
    out[np.uint64(at + 2)] = value >> 14
    return at + 1 + is_long + is_longer


@jit(_nrt=False)
def _write_varints(out, at, values, count):
    for k in range(count):
        at = _write_varint(out, at, np.int64(values[k]))
    return at


@jit(_nrt=False)
def _write_repeated(out, at, byte, count):
    for k in range(count):
        out[np.uint64(at + k)] = byte
    return at + count


@jit(_nrt=False)
def _write_ones(out, at, count):
    """Write 1.0 as little-endian float32, ``count`` times."""
    for _ in range(count):
        out[at] = out[at + 1] = 0
        out[at + 2], out[at + 3] = 0x80, 0x3F
        at += 4
    return at
