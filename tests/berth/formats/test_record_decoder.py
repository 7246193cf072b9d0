"""Serialized records to arrays: every encoding that protobuf allows, and any bytes at all."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from berth.errors import BerthError
from berth.formats.record_decoder import RecordDecoder, decode_one, widths_of
from berth.formats.records import FEATURES
from support.plain_example import parse_example, serialize_example

HUGE = [2**63 - 1, 2**63 - 2, 2**63 - 8, 2**63 - 30, 2**63 - 200, 2**63, 2**64 - 1, 2**64 - 200, 2**62, 2**32, 2**31]
COMPLETE = {
    "input_ids": [2, 7, 300, 9, 3, 0],
    "input_mask": [1, 1, 1, 1, 1, 0],
    "segment_ids": [0, 0, 0, 1, 1, 0],
    "masked_lm_positions": [2, 0],
    "masked_lm_ids": [70_000, 0],
    "masked_lm_weights": [1.0, 0.0],
    "next_sentence_labels": [1],
}


def varint(value):
    value &= 2**64 - 1
    content = b""
    while value > 127:
        content += bytes([value & 127 | 128])
        value >>= 7
    return content + bytes([value])


def message(number, *contents):
    return b"".join(bytes([number << 3 | 2]) + varint(len(content)) + content for content in contents)


def decode(data, max_seq_length=6, max_predictions=2):
    content = np.frombuffer(data, np.uint8).copy()
    decoder = RecordDecoder(max_seq_length, max_predictions)
    rows, first = decoder.rows(1), np.zeros(1, np.int64)
    decoder.decode(content, first, np.array([len(data)]), first, rows, first, lambda row: f"record {row}")
    return decoder.features(rows)


def test_a_record_is_what_the_plain_parser_reads():
    data = serialize_example(COMPLETE)
    assert widths_of(np.frombuffer(data, np.uint8), 0, len(data), "it") == (6, 2)
    assert {name: values.tolist() for name, values in decode_one(data, "it").items()} == parse_example(data) == COMPLETE


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=20), st.booleans(), st.permutations(range(7)))
def test_packed_and_unpacked_lists_in_any_order_of_features(ids, packed, order):
    """Both encodings of repeated numbers are protobuf; writers differ."""
    entries = []
    for name, width, kind in FEATURES:
        numbers = ids[:1] if width == "one" else ids
        if kind == "float32":
            content = struct.pack(f"<{len(numbers)}f", *numbers)
            pieces = [content] if packed else [content[i : i + 4] for i in range(0, len(content), 4)]
            inner = message(1, *pieces) if packed else b"".join(b"\x0d" + piece for piece in pieces)
            feature = message(2, inner)
        else:
            single = b"".join(b"\x08" + varint(number) for number in numbers)
            inner = message(1, b"".join(map(varint, numbers))) if packed else single
            feature = message(3, inner)
        entries.append(message(1, name.encode()) + message(2, feature))
    found = decode_one(message(1, message(1, *(entries[index] for index in order))), "it")
    for name, width, kind in FEATURES:
        assert found[name].dtype == np.dtype(kind)
        np.testing.assert_array_equal(found[name], np.array(ids[:1] if width == "one" else ids, kind))


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data):
    """Whatever bytes a record holds, the decoder stays inside them."""
    with pytest.raises(BerthError, match="record 0: a record "):
        decode(data)


@settings(deadline=None)
@given(st.integers(0, 400), st.integers(1, 20), st.sampled_from(HUGE) | st.integers(0, 2**64 - 1))
def test_any_length_within_a_record_is_refused_or_read(offset, removed, length):
    """Also one that gives a small number when it is added to an offset."""
    data = serialize_example(COMPLETE)
    changed = data[:offset] + varint(length) + data[offset + removed :]
    for read in (lambda: decode(changed), lambda: decode_one(changed, "it")):
        try:
            read()
        except BerthError as error:
            assert "Make the records again" in str(error)


@pytest.mark.parametrize("length", HUGE)
@pytest.mark.parametrize("depth", range(5))
def test_a_length_beyond_the_record_is_an_error_however_large(length, depth):
    """At each level of the message: features, entry, value, list, packed numbers."""
    data = b"\x0a" + varint(length) + b"\x01\x02\x03"
    wrappers = [lambda inner: message(3, inner), lambda inner: message(1, b"input_ids") + message(2, inner)]
    wrappers += [lambda inner: message(1, inner), lambda inner: message(1, inner)]
    for wrap in wrappers[4 - depth :]:
        data = wrap(data)
    with pytest.raises(BerthError, match=r"it: a record is not a tf\.train\.Example|it: a record lacks a feature"):
        decode_one(data, "it")
    with pytest.raises(BerthError, match=r"record 0: a record is not a tf\.train\.Example"):
        decode(data)


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"segment_ids": [0, 1]}, "wrong number of values. Expected 6 values of segment_ids"),
        ({"masked_lm_weights": [1, 0]}, "wrong type. Expected floats in masked_lm_weights"),
        ({"next_sentence_labels": [1.0]}, "wrong type. Expected integers in next_sentence_labels"),
        ({"input_ids": [2, 7, 4, 9, 3, 2**40]}, "a value beyond 32 bits. Expected the feature input_ids"),
    ],
)
def test_a_feature_that_does_not_fit_is_named(changes, error):
    with pytest.raises(BerthError, match=error):
        decode(serialize_example({**COMPLETE, **changes}))


def test_a_missing_feature_is_named():
    data = serialize_example({name: values for name, values in COMPLETE.items() if name != "input_mask"})
    for read in (decode, lambda data: decode_one(data, "it")):
        with pytest.raises(BerthError, match=r"a record lacks a feature\. Expected the feature input_mask"):
            read(data)
