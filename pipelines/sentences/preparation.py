"""The pass before sentence splitting: chooses the documents for evaluation and trains Punkt."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from berth.formats.results import PUNKT
from berth.stage.output import Output
from pipelines.documents.article_groups import ArticleGroup
from pipelines.documents.keyed_hash import keyed_hash
from pipelines.engine.beam import beam
from pipelines.engine.checked_create import CheckedCreate
from pipelines.engine.work import Work
from pipelines.sentences.documents import Documents
from pipelines.sentences.punkt_training import Reader, Statistics, train
from pipelines.sentences.selection import Selection
from pipelines.sentences.sharding import SELECTION

if TYPE_CHECKING:
    import apache_beam

# Ten times the text of the models that NLTK distributes; a keyed hash chooses its documents.
TRAINING_BYTES = 32_000_000
# Outputs of the pass over the article groups.
CHOICE, STATISTICS = "choice", "statistics"


@dataclass(frozen=True)
class Preparation:
    """The settings of this pass. Workers get copies.

    Attributes:
        output: Where selection and parameters go.
        seed: Key of the hashes.
        held_out: Number of documents for evaluation.
        end_characters: Characters that may end a sentence.
        abbreviations: Known abbreviations.
        sample: Share of the documents that Punkt is trained on; 0 for no training.
    """

    output: Output
    seed: int
    held_out: int
    end_characters: tuple[str, ...]
    abbreviations: frozenset[str]
    sample: float

    def add_to(self, job: apache_beam.Pipeline, groups: list[ArticleGroup]) -> None:
        """Add to a Beam job: count the documents, choose those for evaluation, train Punkt; into files of the output.

        The selection goes into a temporary file, Punkt's parameters into ``punkt.json``.
        """
        read = (
            job
            | "groups" >> CheckedCreate(groups)
            | "read" >> beam.ParDo(Work(self.read))
            | "tags" >> beam.FlatMap(iter).with_outputs(CHOICE, STATISTICS)
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

    def read(self, group: ArticleGroup) -> list[Any]:
        """The tagged outputs of a group: a Selection and, of the documents in the sample, Statistics."""
        documents = Documents.read(group)
        outputs = [beam.pvalue.TaggedOutput(CHOICE, Selection.among(documents.ids, self.seed, self.held_out))]
        if self.sample and not group.has_sentences:
            limit = int(self.sample * 2**64)
            chosen = [index for index, name in enumerate(documents.ids) if keyed_hash(self.seed, "punkt", name) < limit]
            everything = len(chosen) == len(documents.ids)
            lines = documents.lines if everything else documents.lines.chosen(np.array(chosen, np.intp))
            statistics = Reader(self.end_characters).read(group.number, lines)
            outputs.append(beam.pvalue.TaggedOutput(STATISTICS, statistics))
        return outputs

    def merge_selections(self, parts: Iterable[Selection]) -> Selection:
        """The selection among the documents of all groups."""
        return Selection.merged(parts, self.held_out)

    def write_selection(self, selection: Selection) -> None:
        """Write the selection into its temporary file."""
        with self.output.shard(SELECTION) as shard:
            shard.write(selection.to_json())

    def train(self, statistics: Statistics) -> None:
        """Train Punkt and write ``punkt.json``."""
        with self.output.shard(PUNKT) as shard:
            shard.write(train(statistics, self.end_characters, self.abbreviations).to_json())


def sample_share(groups: Iterable[ArticleGroup]) -> float:
    """The share of the documents that Punkt is trained on; 0 where all sentences are given."""
    size = sum(group.text_bytes for group in groups if not group.has_sentences)
    return min(1.0, TRAINING_BYTES / size) if size else 0.0


class StatisticsSum(beam.CombineFn):  # type: ignore[misc]
    """Adds up the statistics of article groups."""

    def create_accumulator(self, *_: Any) -> Statistics:
        """Empty statistics."""
        return Statistics()

    def add_input(self, accumulator: Statistics, statistics: Statistics, *_: Any) -> Statistics:
        """Add those of one group."""
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
