"""A sample of N sentences of some shards: those of the smallest keyed hashes of shard name and line number.

A line's hash does not depend on its text, so the sample follows from the shards' numbers of lines, and each worker
picks its lines by comparing hashes with one threshold.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from berth import storage
from berth.formats.sentences import sentences
from berth.kernels.hashing import GOLDEN_RATIO
from berth.kernels.keyed_random import mix_array
from pipelines.documents.keyed_hash import keyed_hash


@dataclass(frozen=True)
class Sample:
    """The lines in a sample. Workers get a copy.

    Attributes:
        seed: Key of the hashes.
        limits: Name of a shard → the largest hash of its lines in the sample; shards without such a line are missing.
    """

    seed: int
    limits: Mapping[str, int]

    def pieces(self, uri: str) -> Iterator[str]:
        """The chosen lines of a shard, in pieces.

        Raises:
            BerthError: if the file cannot be read or is not UTF-8.
        """
        name = storage.basename(uri)
        if name not in self.limits:
            return
        start, limit = 0, np.uint64(self.limits[name])
        for text in storage.text_pieces(uri):
            lines = sentences(text)
            chosen = np.flatnonzero(line_hashes(self.seed, name, len(lines), start) <= limit)
            start += len(lines)
            yield "\n".join(lines[index] for index in chosen)


def count_lines(uri: str) -> tuple[str, int]:
    """A shard's name and its number of sentences."""
    return storage.basename(uri), sum(len(sentences(text)) for text in storage.text_pieces(uri))


def choose(lines: Mapping[str, int], seed: int, wanted: int) -> Sample:
    """The sample of ``wanted`` sentences, all if there are fewer.

    Takes 8 bytes for each sentence of the sample and of the largest shard.

    Args:
        lines: Number of sentences of each shard, by its name.
        seed: Key of the hashes.
        wanted: Size of the sample.
    """
    total = sum(lines.values())
    names = sorted(lines)
    limit, found = 0.0, -1
    while found < min(wanted, total):
        # The threshold is near wanted / total of all hashes; the hashes below a somewhat larger one are compared.
        limit = min(1.0, max(2 * limit, 1.05 * wanted / max(1, total) + 1e-6))
        bound = np.uint64(min(int(limit * 2**64), 2**64 - 1))
        below = [hashes[hashes <= bound] for hashes in (line_hashes(seed, name, lines[name]) for name in names)]
        found = sum(map(len, below))
    hashes = np.concatenate([*below, np.empty(0, np.uint64)])
    shard = np.repeat(np.arange(len(names)), [len(one) for one in below])
    # Equal hashes, which only different shards can have, are ordered by the shard's name.
    chosen = np.lexsort([shard, hashes])[:wanted]
    limits = {names[index]: int(hashes[chosen][shard[chosen] == index].max()) for index in np.unique(shard[chosen])}
    return Sample(seed, limits)


def line_hashes(seed: int, name: str, count: int, start: int = 0) -> npt.NDArray[np.uint64]:
    """The hashes of a shard's lines from line ``start`` on: SplitMix64 from a state keyed by the shard.

    Within a shard no two are equal.
    """
    key = np.uint64(keyed_hash(seed, "sample", name))
    return mix_array(key + np.arange(start + 1, start + count + 1, dtype=np.uint64) * GOLDEN_RATIO)
