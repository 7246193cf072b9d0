"""Counts by tf.Transform's analyzer: exactly those of plain counting, whatever the words and the workers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pytest

from berth.stage.inputs import InputFile
from berth.stage.output import Output
from pipelines.wordpiece import shard_words
from pipelines.wordpiece.counting import count_shards
from pipelines.wordpiece.sampling import Sample
from pipelines.wordpiece.shard_words import SCHEMA, ShardWords, grouped
from pipelines.wordpiece.word_counts import count_words, read_counts

TEXTS = [
    "The cat, the CAT; caf\u00e9 cafe\u0301\n\n漢字 x\u2028y\u00a0z\r\n\x85a\x0bb [UNK] ##ing 1 1 1",
    "\u0645\u0631\u062d\u0628\u0627 the\tcat 😀 \u200b \ufeff\"quoted\" 'it''s' a=b 5 5 1 the",
    "\n",
]


def write(directory: Path, texts: list[str], size: int = 1) -> list[list[str]]:
    """Files of the texts, in groups of some."""
    for number, text in enumerate(texts):
        (directory / f"part-{number}.txt").write_bytes(text.encode())
    uris = [str(directory / f"part-{number}.txt") for number in range(len(texts))]
    return [uris[start : start + size] for start in range(0, len(uris), size)]


def counted(groups, directory, shard_words, arguments=()) -> Path:
    count_shards(groups, shard_words, "words", Output(str(directory)), arguments)
    return directory / "words"


@pytest.mark.parametrize("lower_case", [True, False])
def test_the_counts_are_those_of_plain_counting(tmp_path, monkeypatch, lower_case):
    monkeypatch.setattr(shard_words, "BATCH", 3)
    groups = write(tmp_path, TEXTS, size=2)
    found = counted(groups, tmp_path / "out", ShardWords(lower_case, None))
    expected = sum((count_words(text, lower_case=lower_case) for text in TEXTS), Counter())
    assert read_counts(str(found)) == expected
    counts = [int(line.split(" ")[0]) for line in found.read_text().removesuffix("\n").split("\n")]
    assert counts == sorted(expected.values(), reverse=True)


@pytest.mark.reproducibility
@pytest.mark.parametrize(
    "arguments",
    [
        ["--workers=3"],
        ["--direct_num_workers=3", "--direct_running_mode=multi_threading"],
        pytest.param(["--direct_num_workers=2", "--direct_running_mode=multi_processing"], marks=pytest.mark.slow),
    ],
)
def test_the_file_is_the_same_for_any_number_of_workers(tmp_path, arguments):
    groups = write(tmp_path, [" ".join(f"w{number % (7 + shard)}" for number in range(500)) for shard in range(5)])
    one = counted(groups, tmp_path / "one", ShardWords(True, None))
    many = counted(groups[::-1], tmp_path / "many", ShardWords(True, None), arguments)
    assert one.read_bytes() == many.read_bytes()


def test_counts_beyond_what_32_bit_floats_hold_are_exact(tmp_path):
    def words(uris):
        return [
            pa.record_batch([[[b"often", b"seldom"]], [[2**24 + 1, 1]]], SCHEMA),
            pa.record_batch([[[b"often"]], [[2**53]]], SCHEMA),
        ]

    found = counted([["a"], ["b"]], tmp_path, words)
    assert read_counts(str(found)) == {"often": 2 * (2**24 + 1 + 2**53), "seldom": 2}


def test_only_the_sample_counts(tmp_path):
    groups = write(tmp_path, ["one\ntwo\n", "three\n"])
    found = counted(groups, tmp_path / "out", ShardWords(True, Sample(1, {"part-1.txt": 2**64 - 1})))
    assert read_counts(str(found)) == {"three": 1}


def test_text_without_a_word_has_no_counts(tmp_path):
    assert read_counts(str(counted(write(tmp_path, ["\n\n", ""]), tmp_path / "out", ShardWords(True, None)))) == {}


def test_an_output_in_cloud_storage(tmp_path, bucket):
    output = Output(f"{bucket}/vocab")
    count_shards(write(tmp_path, ["one two\ntwo\n"]), ShardWords(True, None), "words", output, [])
    assert read_counts(output.path("words")) == {"two": 2, "one": 1}


def test_small_shards_are_counted_together(monkeypatch):
    monkeypatch.setattr(shard_words, "GROUP_BYTES", 10)
    files = [InputFile(str(number), str(number), size, "") for number, size in enumerate([4, 6, 1, 30, 0, 9, 2])]
    assert grouped(files) == [["0", "1"], ["2"], ["3"], ["4", "5"], ["6"]]
