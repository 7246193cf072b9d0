"""The passes before segmentation: choosing the documents for evaluation, training Punkt."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import apache_beam as beam

from berth.output import Output
from pipelines.sentences.documents import Unit
from pipelines.sentences.keyed import keyed_hash
from pipelines.sentences.punkt_training import Reader, Statistics, train
from pipelines.sentences.selection import Selection
from pipelines.sentences.spreading import PUNKT, SELECTION

# Punkt learns no more from a larger sample; a keyed hash chooses its documents.
TRAINING_BYTES = 100_000_000


@dataclass(frozen=True)
class Preparation:
    """What these passes need to know. It travels to workers.

    Attributes:
        output: Where selection and parameters go.
        seed: Key of the hashes.
        held_out: Number of documents for evaluation.
        end_characters: Characters that may end a sentence.
        abbreviations: Abbreviations known beforehand.
    """

    output: Output
    seed: int
    held_out: int
    end_characters: tuple[str, ...]
    abbreviations: frozenset[str]

    def choose(self, job: beam.Pipeline, units: list[Unit]) -> None:
        """Add to a Beam job: count the documents and choose those for evaluation, into a temporary file."""
        _ = (
            job
            | "units" >> beam.Create(units, reshuffle=True)
            | "choose" >> beam.Map(lambda unit: Selection.of_unit(unit, self.seed, self.held_out))
            | "chosen" >> beam.CombineGlobally(self._merge_selections)
            | "write" >> beam.Map(self._write_selection)
        )

    def train(self, job: beam.Pipeline, units: list[Unit]) -> None:
        """Add to a Beam job: train Punkt on a sample of the documents, into ``punkt.json``."""
        share = min(1.0, TRAINING_BYTES / max(1, sum(unit.text_bytes for unit in units)))
        _ = (
            job
            | "units" >> beam.Create(units, reshuffle=True)
            | "count" >> beam.Map(self._count, share)
            | "sum" >> beam.CombineGlobally(StatisticsSum())
            | "train" >> beam.Map(self._train)
        )

    def _merge_selections(self, parts: Iterable[Selection]) -> Selection:
        return Selection.merged(parts, self.held_out)

    def _write_selection(self, selection: Selection) -> None:
        with self.output.shard(SELECTION) as shard:
            shard.write(selection.to_json())

    def _count(self, unit: Unit, share: float) -> Statistics:
        limit = int(share * 2**64)
        paragraphs = (
            paragraph
            for document in unit.documents()
            if keyed_hash(self.seed, "punkt", document.id) < limit
            for paragraph in document.paragraphs
        )
        return Reader(self.end_characters).read(unit.number, paragraphs)

    def _train(self, statistics: Statistics) -> None:
        with self.output.shard(PUNKT) as shard:
            shard.write(train(statistics, self.end_characters, self.abbreviations).to_json())


class StatisticsSum(beam.CombineFn):
    """Adds up the statistics of units."""

    def create_accumulator(self, *_: Any) -> Statistics:
        """Nothing counted yet."""
        return Statistics()

    def add_input(self, accumulator: Statistics, statistics: Statistics, *_: Any) -> Statistics:
        """Add one unit."""
        return self.merge_accumulators([accumulator, statistics])

    def merge_accumulators(self, accumulators: Iterable[Statistics], *_: Any) -> Statistics:
        """Add up sums."""
        total, *others = accumulators
        for other in others:
            total.add(other)
        return total

    def extract_output(self, accumulator: Statistics, *_: Any) -> Statistics:
        """The sum itself."""
        return accumulator
