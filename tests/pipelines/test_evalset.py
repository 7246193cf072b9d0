"""The evaluation set: records picked evenly, as MLPerf's script picks them."""

from __future__ import annotations

import gzip
import hashlib

import pytest

from berth.errors import BerthError, UsageError
from berth.formats.tfrecord import frame, read_records
from berth.stage import Directory
from berth.stage.inputs import Inputs
from berth.stage.manifest import Manifest
from pipelines.evalset import pick_examples


def write(path, records, compress=bytes):
    path.write_bytes(compress(b"".join(map(frame, records))))


def pick(pattern, examples, output):
    result = pick_examples(records=Inputs.of(str(pattern)), examples=examples, destination=Directory(str(output)))
    return list(read_records(f"{result.uri}/eval.tfrecord"))


RECORDS = [f"record {number}".encode() for number in range(85)]


@pytest.mark.parametrize("examples", [1, 2, 3, 10, 70, 84, 85])
def test_the_ith_of_n_is_record_i_times_the_ratio(tmp_path, examples):
    """``int(i * pick_ratio)`` of pick_eval_samples.py; with 70 of 85 the rounding of the ratio shows."""
    write(tmp_path / "a.tfrecord", RECORDS)
    ratio = len(RECORDS) / examples
    assert pick(tmp_path / "a.tfrecord", examples, tmp_path / "out") == [
        RECORDS[int(i * ratio)] for i in range(examples)
    ]


def test_several_files_are_one_sequence_plain_or_compressed(tmp_path):
    write(tmp_path / "part-1.tfrecord", RECORDS[:30])
    write(tmp_path / "part-2.tfrecord.gz", RECORDS[30:31], gzip.compress)
    write(tmp_path / "part-3.tfrecord", [])
    write(tmp_path / "part-4.tfrecord", RECORDS[31:])
    assert pick(tmp_path / "part-*", 40, tmp_path / "out") == [RECORDS[int(i * (85 / 40))] for i in range(40)]


def test_the_manifest_says_what_was_picked(tmp_path):
    write(tmp_path / "a.tfrecord", RECORDS)
    result = pick_examples(
        records=Inputs.of(str(tmp_path / "a.tfrecord")), examples=10, destination=Directory(str(tmp_path / "out"))
    )
    (file,) = result.manifest.files
    content = (tmp_path / "out" / "eval.tfrecord").read_bytes()
    assert (file.path, file.records, file.sha256) == ("eval.tfrecord", 10, hashlib.sha256(content).hexdigest())
    assert result.manifest.counters == {"records": 85}


def test_a_crash_after_the_receipt_loses_no_counter(tmp_path, monkeypatch):
    write(tmp_path / "a.tfrecord", RECORDS)
    records, place = Inputs.of(str(tmp_path / "a.tfrecord")), Directory(str(tmp_path / "out"))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Manifest, "write", interrupt)
        pick_examples(records=records, examples=10, destination=place)
    assert (tmp_path / "out" / ".receipts" / "eval.tfrecord.json").exists()
    assert pick_examples(records=records, examples=10, destination=place).manifest.counters == {"records": 85}


def interrupt(*arguments):
    raise KeyboardInterrupt


def test_fewer_records_than_asked_for(tmp_path):
    write(tmp_path / "a.tfrecord", RECORDS)
    with pytest.raises(UsageError, match=r"fewer records than.*Found 85 records. Expected at least 86"):
        pick(tmp_path / "a.tfrecord", 86, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_files_that_are_no_records(tmp_path):
    (tmp_path / "a.tfrecord").write_bytes(b"a text, not records")
    with pytest.raises(BerthError, match=r"a\.tfrecord, record 0 at byte 0: this is not a TFRecord file"):
        pick(tmp_path / "a.tfrecord", 1, tmp_path / "out")
