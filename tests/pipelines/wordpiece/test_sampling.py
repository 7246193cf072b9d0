"""A sample of sentences: exact, keyed, and the same for any number of workers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from berth import storage
from berth.recipe import Vocabulary
from berth.stage import Directory
from berth.stage.inputs import Inputs
from pipelines.vocab import vocabulary
from pipelines.wordpiece.sampling import Sample, choose, count_lines, line_hashes

LINES = {"part-0": 1000, "part-1": 0, "part-2": 10, "part-3": 3000}


def in_sample(sample: Sample, lines=LINES) -> set[tuple[str, int]]:
    return {
        (name, line)
        for name, count in lines.items()
        for line, value in enumerate(line_hashes(sample.seed, name, count).tolist())
        if value <= sample.limits.get(name, -1)
    }


@pytest.mark.parametrize("wanted", [1, 7, 999, 4009])
def test_the_sample_is_the_lines_of_the_smallest_hashes(wanted):
    ordered = sorted(
        (value, name, line)
        for name, count in LINES.items()
        for line, value in enumerate(line_hashes(5, name, count).tolist())
    )
    assert in_sample(choose(LINES, 5, wanted)) == {(name, line) for _, name, line in ordered[:wanted]}


def test_fewer_sentences_than_wanted_are_all_in_the_sample():
    assert len(in_sample(choose(LINES, 5, 10_000))) == 4010
    assert choose({"empty": 0}, 5, 3).limits == {}


def test_samples_of_other_seeds_differ_and_spread_over_the_shards():
    one, other = (in_sample(choose(LINES, seed, 400)) for seed in (1, 2))
    assert len(one & other) < 80
    assert 60 < sum(name == "part-0" for name, _ in one) < 140


def test_a_larger_sample_holds_the_smaller():
    assert in_sample(choose(LINES, 1, 100)) < in_sample(choose(LINES, 1, 101))


@pytest.fixture
def shards(tmp_path):
    for shard in range(3):
        text = "".join(f"shard{shard}line{line} ab\n" + "\n" * (line % 5 == 0) for line in range(200))
        (tmp_path / f"part-{shard}.txt").write_text(text + "\n")
    return str(tmp_path / "part-*.txt")


@pytest.mark.parametrize("size", [7, 1 << 20])
def test_the_text_of_a_sample(shards, monkeypatch, tmp_path, size):
    read = storage.text_pieces
    monkeypatch.setattr(storage, "text_pieces", lambda uri: read(uri, size))
    uris = sorted(str(path) for path in tmp_path.glob("part-*.txt"))
    lines = dict(map(count_lines, uris))
    assert lines == {f"part-{shard}.txt": 200 for shard in range(3)}
    sample = choose(lines, 3, 50)
    text = "\n".join(filter(None, (piece for uri in uris for piece in sample.pieces(uri)))).split("\n")
    assert {line.split()[0] for line in text} == {
        f"shard{name[5]}line{line}" for name, line in in_sample(sample, lines)
    }


def test_the_vocabulary_is_learned_from_the_sample(shards, tmp_path):
    options = Vocabulary(size=100, sample_sentences=40)
    results = [
        vocabulary(
            text=Inputs.of(shards),
            options=options,
            seed=seed,
            destination=Directory(str(tmp_path / name)),
            beam_arguments=flags,
        )
        for seed, name, flags in [
            (1, "one", []),
            (1, "two", ["--direct_num_workers=2", "--direct_running_mode=multi_threading"]),
            (2, "other", []),
        ]
    ]
    assert results[0].manifest.files == results[1].manifest.files
    assert results[0].manifest.counters == results[1].manifest.counters
    assert results[0].manifest.counters["words"] == 80
    assert results[0].manifest.digest != results[2].manifest.digest
    assert not [path for path in Path(results[0].uri).iterdir() if re.match(r"\.(?!revisions)", path.name)]
