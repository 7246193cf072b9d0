"""The lines of a corpus, where the number of its shards follows from them: its units are segmented into files first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from berth.stage.output import Output
from pipelines.documents.article_groups import Unit
from pipelines.engine.beam import beam
from pipelines.engine.checked_create import CheckedCreate
from pipelines.engine.progress import shard_progress
from pipelines.engine.runner import pipeline
from pipelines.sentences.segmented import SEGMENTED, Segmented, segmented_name
from pipelines.sentences.segmenter import Segmenter
from pipelines.sentences.selection import Selection
from pipelines.sentences.sharding import SELECTION


@dataclass(frozen=True)
class LineCount:
    """Counts the lines that the shards will have in all. It travels to workers.

    Attributes:
        output: The stage's output; the selection stands there.
        segmenter: What finds the sentences.
    """

    output: Output
    segmenter: Segmenter

    def count(self, units: Sequence[Unit], beam_arguments: Sequence[str]) -> int:
        """Lines of all documents that are not held out, the empty one behind each included."""
        names = [segmented_name(unit.number) for unit in units]
        lines = self._lines()
        if missing := [unit for unit, name in zip(units, names, strict=True) if name not in lines]:
            sizes = {segmented_name(unit.number): 1 for unit in missing}
            with (
                shard_progress("segment", self.output, sizes, unit="part"),
                pipeline(beam_arguments, self.output, len(missing)) as job,
            ):
                _ = job | "units" >> CheckedCreate(missing) | "segment" >> beam.Map(self.segment_unit)
            lines = self._lines()
        return sum(lines[name] for name in names)

    def segment_unit(self, unit: Unit) -> None:
        """Segment a unit's documents into its temporary file, whose receipt tells the lines."""
        segmented = Segmented.of_unit(unit, self.segmenter)
        held_out = {document for _, document in Selection.read(self.output.path(SELECTION)).held_out}
        is_spread = np.array([name not in held_out for name in segmented.ids], np.bool_)
        with self.output.shard(segmented_name(unit.number)) as shard:
            segmented.write(pa.PythonFile(shard, mode="w"))
            shard.records = int((segmented.sentences[is_spread] + 1).sum())

    def _lines(self) -> dict[str, int]:
        """The lines of the units that were segmented, by the names of their files."""
        files = (receipt.file for receipt in self.output.receipts())
        return {file.path: file.records or 0 for file in files if file.path.startswith(f"{SEGMENTED}/")}
