"""Counts the lines of a corpus, where they decide the number of its shards: splits all groups into files first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from berth.machines.process_memory import SEGMENT_BYTES
from berth.stage.output import Output
from pipelines.documents.article_groups import ArticleGroup
from pipelines.engine.beam import beam
from pipelines.engine.checked_create import CheckedCreate
from pipelines.engine.progress import shard_progress
from pipelines.engine.runner import pipeline
from pipelines.engine.work import Work
from pipelines.sentences.segmenter import Segmenter
from pipelines.sentences.selection import Selection
from pipelines.sentences.sharding import SELECTION
from pipelines.sentences.split_documents import DIRECTORY, SplitDocuments, split_name


@dataclass(frozen=True)
class LineCount:
    """Counts the lines that all shards will have together. Workers get copies.

    Attributes:
        output: The stage's output, which holds the selection.
        segmenter: Splits text into sentences.
    """

    output: Output
    segmenter: Segmenter

    def count(self, groups: Sequence[ArticleGroup], beam_arguments: Sequence[str]) -> int:
        """Lines of all documents that are not held out, with the empty line after each."""
        names = [split_name(group.number) for group in groups]
        lines = self._lines()
        if missing := [group for group, name in zip(groups, names, strict=True) if name not in lines]:
            size = sum(group.text_bytes for group in missing)
            sizes = {split_name(group.number): 1 for group in missing}
            with (
                shard_progress("segment", self.output, sizes, unit="part"),
                pipeline(beam_arguments, self.output, len(missing), size=size, memory=SEGMENT_BYTES) as job,
            ):
                _ = job | "groups" >> CheckedCreate(missing) | "segment" >> beam.ParDo(Work(self.split_group))
            lines = self._lines()
        return sum(lines[name] for name in names)

    def split_group(self, group: ArticleGroup) -> None:
        """Split the documents of a group into its temporary file, whose receipt holds the number of lines."""
        documents = SplitDocuments.of_group(group, self.segmenter)
        held_out = {document for _, document in Selection.read(self.output.path(SELECTION)).held_out}
        is_sharded = np.array([name not in held_out for name in documents.ids], np.bool_)
        with self.output.shard(split_name(group.number)) as shard:
            documents.write(pa.PythonFile(shard, mode="w"))
            shard.records = int((documents.sentences[is_sharded] + 1).sum())

    def _lines(self) -> dict[str, int]:
        """The lines of the groups that are split, by the names of their files."""
        files = (receipt.file for receipt in self.output.receipts())
        return {file.path: file.records or 0 for file in files if file.path.startswith(f"{DIRECTORY}/")}
