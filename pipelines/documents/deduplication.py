"""Duplicates found through files: each group's places by hash range, then each range's duplicates by group.

Beam passes names of files. A worker holds the places of one article group or of one hash range, whatever the size of
the corpus, so no runner has to keep all places in memory to group them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from berth.stage.output import Output
from pipelines.documents.article_groups import ArticleGroup
from pipelines.documents.duplicates import DUPLICATE, OCCURRENCE, duplicates_name, find_duplicates
from pipelines.documents.filtering import DocumentFilter
from pipelines.documents.keyed_rows import read_rows, write_rows

OCCURRENCES = ".occurrences"
# Ranges of hashes that are compared separately: one for this much text, in which there are 20 MB of places.
BYTES_A_RANGE, MAX_RANGES = 1 << 30, 256


def ranges_for(text_bytes: int) -> int:
    """The number of hash ranges for a corpus of this size."""
    return max(1, min(MAX_RANGES, text_bytes // BYTES_A_RANGE))


@dataclass(frozen=True)
class Deduplication:
    """Finds the duplicates of a corpus. Workers get copies.

    Attributes:
        rule: Which documents or paragraphs are compared.
        output: The stage's output.
        groups: Number of article groups.
        ranges: Number of hash ranges.
    """

    rule: DocumentFilter
    output: Output
    groups: int
    ranges: int

    def write_occurrences(self, group: ArticleGroup) -> str:
        """Write the places of a group's texts, sorted by hash range; returns the file's name."""
        name = f"{OCCURRENCES}/{group.number:05d}"
        if not self.output.is_complete(name):
            occurrences = self.rule.occurrences(group)
            with self.output.shard(name) as shard:
                write_rows(shard, occurrences, occurrences["high"] % np.uint64(self.ranges), self.ranges)
        return name

    def compare(self, number: int) -> str:
        """Write the duplicates among the places of one hash range, sorted by group; returns the file's name."""
        name = duplicates_name(number)
        if not self.output.is_complete(name):
            files = [self.output.path(f"{OCCURRENCES}/{group:05d}") for group in range(self.groups)]
            parts = [read_rows(uri, number, self.ranges, OCCURRENCE) for uri in files]
            dropped = find_duplicates(np.concatenate(parts))
            with self.output.shard(name) as shard:
                write_rows(shard, dropped[list(DUPLICATE.names or ())].astype(DUPLICATE), dropped["group"], self.groups)
        return name
