"""In place of `pipelines.wordpiece.counting`, which loads TensorFlow: the same counts, written in the same way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from berth import storage
from berth.stage.inputs import InputFile
from berth.stage.output import Output
from pipelines.wordpiece.word_counts import count_words


@dataclass(frozen=True)
class ShardWords:
    """How words are counted."""

    lower_case: bool
    sample: Any


def grouped(files: Iterable[InputFile]) -> list[list[str]]:
    """Each file is a group."""
    return [[file.uri] for file in files]


def count_shards(
    groups: Sequence[Sequence[str]], shard_words: ShardWords, name: str, output: Output, beam_arguments: Sequence[str]
) -> None:
    """Write the words of all groups with their counts, the most frequent first."""
    total: Counter[str] = Counter()
    for uri in (uri for group in groups for uri in group):
        text = shard_words.sample.text(uri) if shard_words.sample else storage.read_text(uri)
        total.update(count_words(text, lower_case=shard_words.lower_case))
    with output.shard(name) as shard:
        for word, count in sorted(total.items(), key=lambda item: (-item[1], item[0])):
            shard.write(f"{count} {word}\n".encode())


def read_counts(uri: str) -> Counter[str]:
    """Read what was written."""
    lines = storage.read_bytes(uri).decode().splitlines()
    return Counter({line.partition(" ")[2]: int(line.partition(" ")[0]) for line in lines})
