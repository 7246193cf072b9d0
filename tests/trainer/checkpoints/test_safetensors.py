"""The safetensors codec: other tools read its files, the same content gives the same bytes, damage is noticed."""

import json
import struct
import zlib

import numpy as np
import pytest
import safetensors as library
import safetensors.numpy as library_numpy
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from berth.errors import BerthError
from trainer.checkpoints import checkpoint, safetensors

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20).filter(
    lambda name: name != "__metadata__"
)
ARRAYS = hnp.arrays(
    st.sampled_from([np.float32, np.float64, np.float16, np.int64, np.int32]),
    hnp.array_shapes(min_dims=0, min_side=0, max_dims=3),
)


@given(st.dictionaries(NAMES, ARRAYS, max_size=4))
def test_arrays_come_back_here_and_in_the_safetensors_library(tmp_path_factory, arrays):
    path = tmp_path_factory.mktemp("checkpoint") / "x.safetensors"
    safetensors.write(str(path), arrays, {"step": 3})
    found, state = safetensors.read(str(path))
    theirs = library_numpy.load_file(path)
    assert state is not None and state["step"] == 3
    assert set(found) == set(theirs) == set(arrays)
    for name, array in arrays.items():
        for other in (found[name], theirs[name]):
            assert other.dtype == array.dtype and other.shape == array.shape
            assert other.tobytes() == array.tobytes()


def test_order_and_memory_layout_do_not_change_the_bytes(tmp_path):
    a, b = np.arange(6, dtype=np.float32).reshape(2, 3), np.ones(2, dtype=np.int32)
    safetensors.write(str(tmp_path / "1"), {"a": a, "b": b}, {"x": 1, "y": 2})
    safetensors.write(str(tmp_path / "2"), {"b": b, "a": np.asfortranarray(a)}, {"y": 2, "x": 1})
    assert (tmp_path / "1").read_bytes() == (tmp_path / "2").read_bytes()


def test_only_what_is_wanted_is_read(tmp_path):
    safetensors.write(str(tmp_path / "1"), {"a": np.zeros(2), "a/adam_m": np.ones(2)}, {})
    found, _ = safetensors.read(str(tmp_path / "1"), lambda name: not name.endswith("adam_m"))
    assert list(found) == ["a"]


def test_names_are_read_without_the_arrays(tmp_path):
    path = tmp_path / "1"
    safetensors.write(str(path), {"b": np.zeros(2), "a": np.ones(2)}, {})
    content = bytearray(path.read_bytes())
    content[-1] ^= 4
    path.write_bytes(content)
    assert safetensors.names(str(path)) == ["a", "b"]


def test_an_export_without_state_is_marked_for_hugging_face(tmp_path):
    path = tmp_path / "model.safetensors"
    safetensors.write(str(path), {"a": np.zeros(2)})
    with library.safe_open(path, "numpy") as file:
        assert file.metadata() == {"format": "pt"}
    assert safetensors.read(str(path))[1] is None


@pytest.mark.parametrize("cut", [0, 4, 50, -1])
def test_a_file_that_was_cut_is_named(tmp_path, cut):
    path = tmp_path / checkpoint.name(7)
    safetensors.write(str(path), {"a": np.arange(100)}, {})
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(BerthError, match=r"checkpoint-00000007.safetensors: the checkpoint is damaged"):
        safetensors.read(str(path))


def test_a_changed_bit_is_noticed(tmp_path):
    path = tmp_path / checkpoint.name(7)
    safetensors.write(str(path), {"a": np.arange(100), "b": np.arange(5)}, {})
    content = bytearray(path.read_bytes())
    content[-1] ^= 4
    path.write_bytes(content)
    with pytest.raises(BerthError, match="other data in b"):
        safetensors.read(str(path))
    assert list(safetensors.read(str(path), lambda name: name == "a")[0]) == ["a"]


def rewrite(path, change):
    """Change the header of a file; its length and the arrays stay right."""
    content = path.read_bytes()
    length = struct.unpack("<Q", content[:8])[0]
    header = change(json.loads(content[8 : 8 + length]))
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + content[8 + length :])


def entry(**values):
    return lambda header: {**header, "a": {**header["a"], **values}}


LIES = {
    "another type": entry(dtype="I64"),
    "another type of the same size": entry(dtype="U32"),
    "no type": entry(dtype=None),
    "another shape": entry(shape=[3, 2]),
    "a huge shape": entry(shape=[2**31]),
    "a shape with an overflow": entry(shape=[2**62, 2**62]),
    "a negative shape": entry(shape=[-2, -3]),
    "a shape of fractions": entry(shape=[2.0, 3.0]),
    "a shape of truths": entry(shape=[True, 6]),
    "no shape": entry(shape=6),
    "offsets backwards": entry(data_offsets=[24, 0]),
    "negative offsets": entry(data_offsets=[-24, 0]),
    "an overlap": entry(data_offsets=[0, 44]),
    "three offsets": entry(data_offsets=[0, 24, 24]),
    "offsets as text": entry(data_offsets=["0", "24"]),
    "exchanged names": lambda header: {**header, "a": header["b"], "b": header["a"]},
    "another name": lambda header: {**{k: v for k, v in header.items() if k != "a"}, "c": header["a"]},
    "a name twice": lambda header: json.dumps(header)[:-1] + ',"a":' + json.dumps(header["a"]) + "}",
    "a list": lambda header: [header],
    "an array that is text": lambda header: {**header, "a": "x"},
    "another state": lambda header: {
        **header,
        "__metadata__": {"berth": header["__metadata__"]["berth"].replace('"step": 7', '"step": 8')},
    },
    "a state without checksums": lambda header: {**header, "__metadata__": {"berth": '{"crc32": 3}'}},
    "a state that is no JSON": lambda header: {**header, "__metadata__": {"berth": "{"}},
    "metadata that is a list": lambda header: {**header, "__metadata__": ["berth"]},
    "deep nesting": lambda header: "[" * 100_000,
    "a number of thousands of digits": lambda header: '{"a": ' + "9" * 5000 + "}",
}


@pytest.mark.parametrize("lie", LIES)
def test_a_header_that_lies_is_noticed(tmp_path, lie):
    path = tmp_path / checkpoint.name(7)
    arrays = {"a": np.arange(6, dtype=np.float32).reshape(2, 3), "b": np.arange(5, dtype=np.float32)}
    safetensors.write(str(path), arrays, {"step": 7})
    rewrite(path, LIES[lie])
    with pytest.raises(BerthError, match=r"checkpoint-00000007.safetensors: the checkpoint is damaged"):
        safetensors.read(str(path))


def test_a_file_of_before_the_header_had_a_checksum_is_read(tmp_path):
    path = tmp_path / checkpoint.name(7)
    safetensors.write(str(path), {"a": np.ones(2, np.float32)}, {"step": 7})

    def without(header):
        state = json.loads(header["__metadata__"]["berth"])
        del state["header_crc32"]
        return {**header, "__metadata__": {"berth": json.dumps(state)}}

    rewrite(path, without)
    assert safetensors.read(str(path))[1] == {"step": 7, "crc32": {"a": crc32(np.ones(2, np.float32))}}


def crc32(array):
    return zlib.crc32(array.tobytes())


def test_bfloat16_is_read_as_float32(tmp_path):
    """Written by hand, since NumPy has no such type: the upper half of each float32."""
    values = np.array([[1.0, -2.5], [3.140625, 65280.0]], np.float32)
    upper = (values.view(np.uint32) >> 16).astype(np.uint16)
    header = json.dumps({"a": {"dtype": "BF16", "shape": [2, 2], "data_offsets": [0, 8]}}).encode()
    path = tmp_path / "model.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + upper.tobytes())
    found = safetensors.read(str(path))[0]["a"]
    assert found.dtype == np.float32 and np.array_equal(found, values)
