"""Cloud Storage behaves as local files do; tested with the real client against an emulator."""

import pytest

from berth import storage
from berth.errors import BerthError
from berth.inputs import Inputs
from berth.stage import Stage, Workspace, run


def test_a_written_object_is_read_back_and_deleted(bucket):
    uri = storage.join(bucket, "deep", "file.txt")
    with storage.atomic_write(uri) as file:
        file.write(b"whole")
    assert (storage.exists(uri), storage.size(uri), storage.read_text(uri)) == (True, 5, "whole")
    assert storage.glob(bucket + "/deep/*.txt") == [uri]
    storage.delete(bucket + "/deep")
    assert not storage.exists(uri)


def test_a_failed_write_leaves_no_object(bucket):
    uri = storage.join(bucket, "failed.txt")
    with pytest.raises(ZeroDivisionError), storage.atomic_write(uri) as file:
        file.write(b"half")
        raise ZeroDivisionError
    assert not storage.exists(uri)


def test_a_missing_object_is_explained(bucket):
    with pytest.raises(BerthError, match="there is no such object"):
        storage.read_bytes(bucket + "/nothing")


def test_a_stage_runs_once_in_a_bucket(bucket, tmp_path):
    (tmp_path / "in.txt").write_text("hello")
    stage = Stage("demo", 1, {}, {"text": Inputs.of(str(tmp_path / "in.txt"))})

    def work(output):
        with output.shard("a.txt") as shard:
            shard.write(b"a")
            shard.counters["letters"] += 1

    first = run(stage, Workspace(bucket + "/w"), work)
    again = run(stage, Workspace(bucket + "/w"), work)
    assert (first.was_up_to_date, again.was_up_to_date) == (False, True)
    assert again.manifest.counters == {"letters": 1}
    assert storage.glob(first.uri + "/**") == [first.uri + "/a.txt", first.uri + "/manifest.json"]
    assert Inputs.of(first.uri + "/*.txt").digest == first.files("*.txt").digest
