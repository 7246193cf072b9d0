"""In place of `pipelines.wordpiece.counting`, which loads TensorFlow: the same counts, written in the same way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from berth import storage
from berth.stage.output import Output
from pipelines.wordpiece.shard_words import ShardWords
from pipelines.wordpiece.word_counts import count_words


def count_shards(
    groups: Sequence[Sequence[str]],
    shard_words: ShardWords,
    name: str,
    output: Output,
    beam_arguments: Sequence[str],
    size: int,
) -> None:
    """Write the words of all groups with their counts, the most frequent first."""
    total: Counter[str] = Counter()
    for uri in (uri for group in groups for uri in group):
        text = "\n".join(shard_words.sample.pieces(uri)) if shard_words.sample else storage.read_text(uri)
        total.update(count_words(text, lower_case=shard_words.lower_case))
    with output.shard(name) as shard:
        for word, count in sorted(total.items(), key=lambda item: (-item[1], item[0])):
            shard.write(f"{count} {word}\n".encode())
