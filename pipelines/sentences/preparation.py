"""The pass before segmentation: choosing the documents for evaluation, training Punkt."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from berth.stage.output import Output
from pipelines.documents.article_groups import Unit
from pipelines.documents.keyed_hash import keyed_hash
from pipelines.engine.beam import beam
from pipelines.engine.checked_create import CheckedCreate
from pipelines.sentences.documents import Documents
from pipelines.sentences.punkt_training import Reader, Statistics, train
from pipelines.sentences.selection import Selection
from pipelines.sentences.sharding import PUNKT, SELECTION

if TYPE_CHECKING:
    import apache_beam

# Ten times the text of the models that NLTK distributes; a keyed hash chooses its documents.
TRAINING_BYTES = 32_000_000
# Outputs of the pass over the units.
CHOICE, STATISTICS = "choice", "statistics"


@dataclass(frozen=True)
class Preparation:
    """What this pass needs to know. It travels to workers.

    Attributes:
        output: Where selection and parameters go.
        seed: Key of the hashes.
        held_out: Number of documents for evaluation.
        end_characters: Characters that may end a sentence.
        abbreviations: Abbreviations known beforehand.
        sample: Share of the documents that Punkt is trained on; 0 does not train it.
    """

    output: Output
    seed: int
    held_out: int
    end_characters: tuple[str, ...]
    abbreviations: frozenset[str]
    sample: float

    def add_to(self, job: apache_beam.Pipeline, units: list[Unit]) -> None:
        """Add to a Beam job: count the documents, choose those for evaluation, train Punkt; into files of the output.

        The documents' choice goes into a temporary file, Punkt's parameters into ``punkt.json``.
        """
        read = (
            job | "groups" >> CheckedCreate(groups) | "read" >> beam.FlatMap(self.read).with_outputs(CHOICE, STATISTICS)
        )
        _ = (
            read[CHOICE]
            | "chosen" >> beam.CombineGlobally(self.merge_selections).without_defaults()
            | "write" >> beam.Map(self.write_selection)
        )
        if self.sample:
            _ = (
                read[STATISTICS]
                | "sum" >> beam.CombineGlobally(StatisticsSum()).without_defaults()
                | "train" >> beam.Map(self.train)
            )  # fmt: skip

    def read(self, unit: Unit) -> Iterator[Any]:
        """What a unit contributes: a Selection and, of the documents in the sample, Statistics; tagged outputs."""
        documents = Documents.read(unit)
        yield beam.pvalue.TaggedOutput(CHOICE, Selection.among(documents.ids, self.seed, self.held_out))
        if self.sample and not unit.has_sentences:
            limit = int(self.sample * 2**64)
            chosen = [index for index, name in enumerate(documents.ids) if keyed_hash(self.seed, "punkt", name) < limit]
            everything = len(chosen) == len(documents.ids)
            lines = documents.lines if everything else documents.lines.chosen(np.array(chosen, np.intp))
            yield beam.pvalue.TaggedOutput(STATISTICS, Reader(self.end_characters).read(unit.number, lines))

    def merge_selections(self, parts: Iterable[Selection]) -> Selection:
        """The selection among all units' documents."""
        return Selection.merged(parts, self.held_out)

    def write_selection(self, selection: Selection) -> None:
        """Write the selection into its temporary file."""
        with self.output.shard(SELECTION) as shard:
            shard.write(selection.to_json())

    def train(self, statistics: Statistics) -> None:
        """Train Punkt and write ``punkt.json``."""
        with self.output.shard(PUNKT) as shard:
            shard.write(train(statistics, self.end_characters, self.abbreviations).to_json())


def sample_share(units: Iterable[Unit]) -> float:
    """The share of the documents Punkt is trained on, 0 where all sentences are given."""
    size = sum(unit.text_bytes for unit in units if not unit.has_sentences)
    return min(1.0, TRAINING_BYTES / size) if size else 0.0


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
