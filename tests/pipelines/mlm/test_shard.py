"""Kernels compiled before they are needed, and other threads while they run."""

from __future__ import annotations

import threading
import time
from functools import partial

import pytest

from berth.formats.vocabulary import Vocabulary
from berth.recipe import RecordSet
from berth.stage.output import Output
from pipelines.mlm import keyed
from pipelines.mlm.shard import RecordShards
from support.records_samples import GOLDEN, documents


@pytest.mark.parametrize("rng", ["reference", "keyed"])
def test_kernels_are_found_once_they_are_compiled(rng, tmp_path, monkeypatch):
    shards = RecordShards(str(GOLDEN / "vocab.txt"), True, RecordSet(rng=rng), 1, Output(str(tmp_path)))
    shards.compile()
    assert shards.is_compiled()
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    assert not shards.is_compiled()


@pytest.mark.slow  # it compares times, which a busy machine can spoil
def test_kernels_let_other_threads_run():
    """While one thread is in a kernel for half a second, another is never kept waiting for nearly as long."""
    vocabulary = Vocabulary.read(str(GOLDEN / "vocab.txt"))
    read = documents((GOLDEN / "input.txt").read_bytes(), vocabulary)
    many = RecordSet(max_seq_length=512, max_predictions=76, dupe_factor=1500, rng="keyed")  # one call of a kernel
    create = partial(keyed.create_instances, read, vocabulary, many, 1)
    create()
    started = time.monotonic()
    create()
    alone = time.monotonic() - started
    worker = threading.Thread(target=create)
    worker.start()
    longest = 0.0
    while worker.is_alive():
        before = time.monotonic()
        time.sleep(0.001)
        longest = max(longest, time.monotonic() - before)
    assert longest < alone / 2
