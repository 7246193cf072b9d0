"""What is remembered of earlier runs: a convenience, never an error."""

import pytest

from berth.app import durations


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("BERTH_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_stages_that_ran_are_remembered_by_recipe(cache):
    durations.add("quickstart", {"extract": 3.0, "train": 100.0})
    durations.add("mlperf", {"train": 7.0})
    durations.add("quickstart", {"train": 90.0})
    assert durations.read("quickstart") == {"extract": 3.0, "train": 90.0}
    assert durations.read("other") == {}


@pytest.mark.parametrize("content", [b"", b"[1]", b'{"quickstart": {"train": "long"}}', b"\xff"])
def test_a_damaged_file_is_none(cache, content):
    cache.mkdir()
    (cache / durations.NAME).write_bytes(content)
    assert durations.read("quickstart") == {}
    durations.add("quickstart", {"train": 1.0})
    assert durations.read("quickstart") == {"train": 1.0}


def test_a_cache_that_cannot_be_written_is_no_error(cache):
    cache.write_text("a file where a directory should be")
    durations.add("quickstart", {"train": 1.0})
    assert durations.read("quickstart") == {}
