"""Names of record shards, and kernels compiled before they are needed."""

from __future__ import annotations

import pytest
from records_samples import GOLDEN

from berth.output import Output
from berth.recipe import RecordSet
from pipelines.mlm import warm
from pipelines.mlm.shard import RecordShards, record_name


@pytest.mark.parametrize(
    ("text", "compression", "records"),
    [
        ("part-00000-of-00008.txt", "none", "part-00000-of-00008.tfrecord"),
        ("part-00000-of-00008.txt", "gzip", "part-00000-of-00008.tfrecord.gz"),
        ("wiki.en", "none", "wiki.en.tfrecord"),
    ],
)
def test_records_are_called_as_their_text(text, compression, records):
    assert record_name(text, compression) == records


@pytest.mark.parametrize("rng", ["reference", "keyed"])
def test_kernels_are_found_once_they_are_compiled(rng, tmp_path, monkeypatch):
    shards = RecordShards(str(GOLDEN / "vocab.txt"), True, RecordSet(rng=rng), 1, Output(str(tmp_path)))
    shards.compile()
    assert shards.is_compiled()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert not shards.is_compiled()


def test_an_image_can_compile_all_kernels_beforehand(tmp_path):
    warm.main()
    for rng in ("reference", "keyed"):
        assert RecordShards("vocab.txt", True, RecordSet(rng=rng), 1, Output(str(tmp_path))).is_compiled()
