"""Section of the recipe with known figures of the corpus, for plans."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, PositiveInt

from berth.recipe.corpus import RecordSet
from berth.recipe.section import Section


class LengthShare(Section):
    """The share of the records that have about the same number of real tokens."""

    tokens: PositiveInt
    """Real tokens of these records: special tokens included, padding not."""
    share: Annotated[float, Field(gt=0.0)]
    """Their share of the records. Shares are relative: they need not add up to 1."""


class FileStatistics(Section):
    """Known figures of one file of records."""

    records: PositiveInt
    """Number of records in the file."""
    lengths: list[LengthShare] = []
    """Distribution of the lengths of its records; by default that of the record set."""


class Statistics(Section):
    """Known figures of the whole corpus. Only `berth plan` reads them."""

    records_per_pass: dict[str, PositiveInt] = {}
    """Number of records that one pass over the corpus (`dupe_factor: 1`) makes, by record set."""
    words: PositiveInt | None = None
    """Number of words of the corpus."""
    lengths: dict[str, list[LengthShare]] = {}
    """Distribution of the lengths of records, by record set. Without it, sizes are planned for records without
    padding."""
    files: dict[str, dict[str, FileStatistics]] = {}
    """Figures of single files, by record set and file name, whose sizes are planned too."""

    def check(self, records: Mapping[str, RecordSet]) -> None:
        """Check that the figures are of the recipe's record sets. Raises ValueError, naming the key."""
        for key in ("records_per_pass", "lengths", "files"):
            if unknown := sorted(set(getattr(self, key)) - set(records)):
                raise ValueError(
                    f"statistics.{key} names the record set {unknown[0]!r}; there are: {', '.join(records)}"
                )
        lengths = {f"lengths.{name}": (name, found) for name, found in self.lengths.items()}
        for name, files in self.files.items():
            lengths |= {f"files.{name}.{file}.lengths": (name, figures.lengths) for file, figures in files.items()}
        for key, (name, found) in lengths.items():
            longest, most = max((length.tokens for length in found), default=0), records[name].max_seq_length
            if longest > most:
                raise ValueError(f"statistics.{key}: {longest} tokens are more than max_seq_length ({most})")
