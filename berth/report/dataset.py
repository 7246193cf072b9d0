"""The table of a run's datasets, from manifests: name, link, documents, words, duplicates, examples."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from berth.planning.measured import corpus
from berth.recipe import RecordSet
from berth.report.run import FinishedStage, Run
from berth.stage.lineage import Node, Source, chain
from berth.stage.run_index import RECORDS

TITLES = ("name", "link", "documents, millions", "words, billions", "duplicates", "examples")
COLUMNS = ("name", "link", "documents", "words", "duplicates", "examples")  # of the CSV file, in whole numbers
MISSING = "–"


@dataclass(frozen=True)
class Dataset:
    """One record set of a run; None where the stages did not count.

    Args:
        name: The run's name and the record set's.
        links: Where its text comes from: URIs or patterns of the files from outside.
        documents: Documents that its records are made from, without those held out.
        words: Words of these documents, as white space separates them.
        duplicates: How many times each document was used.
        examples: Records.
    """

    name: str
    links: tuple[str, ...]
    documents: int | None
    words: int | None
    duplicates: int
    examples: int | None

    @property
    def cells(self) -> tuple[str, ...]:
        """The row of a table for people."""
        return (
            self.name,
            " ".join(self.links),
            _scaled(self.documents, 10**6),
            _scaled(self.words, 10**9),
            f"{self.duplicates:,}",
            MISSING if self.examples is None else f"{self.examples:,}",
        )


def datasets(run: Run) -> list[Dataset]:
    """The record sets that a run's training reads."""
    sets = [stage for stage in run.stages if stage.title.startswith(RECORDS)]
    if not sets:
        return []
    counted = corpus({stage.title: stage.directory for stage in sets})
    return [
        Dataset(
            name=f"{run.recipe.name} {stage.title.removeprefix(RECORDS)}",
            links=_links(stage),
            documents=counted.get("documents"),
            words=counted.get("words"),
            duplicates=stage.manifest.parameters.get("dupe_factor", RecordSet.default("dupe_factor")),
            examples=stage.records,
        )
        for stage in sets
    ]


def as_csv(rows: Sequence[Dataset]) -> str:
    """The table as CSV with exact numbers; a cell is empty where nothing was counted."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        writer.writerow([row.name, " ".join(row.links), row.documents, row.words, row.duplicates, row.examples])
    return text.getvalue()


def _links(stage: FinishedStage) -> tuple[str, ...]:
    """The files from outside that a record set's text goes back to; its vocabulary is no text."""
    node: Node | Source = chain(stage.directory)
    while isinstance(node, Node):
        inputs = {role: origin for role, origin in node.inputs.items() if "vocabulary" not in role}
        nodes = [origin for origin in inputs.values() if isinstance(origin, Node)]
        if not nodes:
            return tuple(uri for origin in inputs.values() if isinstance(origin, Source) for uri in origin.uris)
        node = nodes[0]
    return ()


def _scaled(number: int | None, divisor: int) -> str:
    """A number in millions or billions, to three significant digits and without an exponent."""
    return MISSING if number is None else format(Decimal(f"{number / divisor:.3g}"), "f")
