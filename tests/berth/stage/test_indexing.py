"""Indexes of files from elsewhere: what `berth index` writes and refuses, and what is not read again."""

import gzip
import os

import pytest

from berth import storage
from berth.errors import BerthError
from berth.formats.record_index import RecordIndex
from berth.formats.tfrecord import frame
from berth.stage import unchanged
from berth.stage.inputs import Inputs
from support.command_line import call
from support.record_blocks import LENGTH, PREDICTIONS, block

THREE = block(0, 3)


def test_berth_index_writes_indexes_beside_files(tmp_path, capsys):
    for name in ("a", "b"):
        (tmp_path / f"{name}.tfrecord").write_bytes(THREE)
    for _ in range(2):  # the second time the pattern also finds the indexes
        call("index", f"{tmp_path}/*")
        assert capsys.readouterr().out.split() == [f"{tmp_path}/{name}.tfrecord.index" for name in ("a", "b")]
    file = Inputs.at(str(tmp_path / "b.tfrecord")).one()
    found = RecordIndex.from_bytes((tmp_path / "b.tfrecord.index").read_bytes(), "")
    found.check(file.uri, file.size, file.sha256)
    assert (found.count, found.max_seq_length, found.max_predictions) == (3, LENGTH, PREDICTIONS)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (gzip.compress(THREE), "a compressed file cannot be indexed"),
        (THREE[:-1], "ends in the middle of a record"),
        (b"text", "ends in the middle of a record"),
        (b"this is a text", "not a TFRecord file"),
        (frame(b"other"), "record 0: a record is not a tf.train.Example"),
    ],
)
def test_berth_index_refuses_other_files(tmp_path, content, message):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(BerthError, match=message):
        call("index", str(tmp_path / "file"))
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_an_indexed_file_is_not_read_for_its_digest(tmp_path, monkeypatch):
    monkeypatch.setattr("berth.stage.unchanged.SMALL", 1)
    path = tmp_path / "a.tfrecord"
    path.write_bytes(THREE)
    digest = Inputs.of(f"{tmp_path}/*").digest
    call("index", str(path))
    read = []
    monkeypatch.setattr(storage, "sha256", lambda uri: read.append(uri) or "00" * 32)
    assert Inputs.of(f"{tmp_path}/*").digest == digest and read == []
    os.utime(path, ns=(1, 1))  # it may have changed
    assert Inputs.of(f"{tmp_path}/*").digest != digest and read == [str(path)]
    storage.delete(f"{tmp_path}/{unchanged.REVISIONS}")
    assert Inputs.of(f"{tmp_path}/*").digest != digest


@pytest.mark.parametrize("damage", [None, b"BERTHIDX"])
def test_without_a_whole_index_the_file_is_read(tmp_path, monkeypatch, damage):
    monkeypatch.setattr("berth.stage.unchanged.SMALL", 1)
    path = tmp_path / "a.tfrecord"
    path.write_bytes(THREE)
    digest = Inputs.of(str(path)).digest
    call("index", str(path))
    index = tmp_path / "a.tfrecord.index"
    index.unlink() if damage is None else index.write_bytes(damage)
    assert Inputs.of(str(path)).digest == digest


def test_an_indexed_object_is_not_read_for_its_digest(bucket, proxy):
    with storage.atomic_write(f"{bucket}/a.tfrecord") as file:
        file.write(THREE)
    digest = Inputs.of(f"{bucket}/*.tfrecord").digest
    call("index", f"{bucket}/*.tfrecord")
    proxy.requests.clear()
    assert Inputs.of(f"{bucket}/*.tfrecord").digest == digest
    assert not any("download" in request and "a.tfrecord?" in request for request in proxy.requests)
    with storage.atomic_write(f"{bucket}/a.tfrecord") as file:
        file.write(block(1, 3))
    assert Inputs.of(f"{bucket}/*.tfrecord").digest != digest
