"""The contents of a report: the finished stages of a run, read through their manifests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from berth import storage
from berth.formats import results
from berth.formats.record_tokens import Record
from berth.recipe import Recipe
from berth.stage.manifest import Manifest


@dataclass(frozen=True)
class FinishedStage:
    """A finished stage: its title in the flow, its directory and its manifest."""

    title: str
    directory: str
    manifest: Manifest

    @property
    def kind(self) -> str:
        """The stage's name: several titles (one record set each) may share it."""
        return self.manifest.stage

    @property
    def counters(self) -> Mapping[str, int]:
        """The counters of its manifest."""
        return self.manifest.counters

    @property
    def records(self) -> int | None:
        """Number of records in all its files; None if they were not counted."""
        counted = [file.records for file in self.manifest.files if file.records is not None]
        return sum(counted) if counted else None

    @property
    def size(self) -> int:
        """Total size of its files, in bytes."""
        return sum(file.size for file in self.manifest.files)

    def has(self, name: str) -> bool:
        """Whether its output contains this file."""
        return any(file.path == name for file in self.manifest.files)

    def json(self, name: str) -> Any:
        """The content of a JSON file that it made. Raises BerthError if it is not JSON."""
        return results.read_json(storage.join(self.directory, name))

    def json_lines(self, name: str) -> list[Any]:
        """The content of a file with one JSON value a line. Raises BerthError if a line is not."""
        return results.read_lines(storage.join(self.directory, name))


@dataclass(frozen=True)
class Run:
    """A recipe, its stages in pipeline order, and some of its records in readable form.

    Args:
        recipe: The resolved recipe.
        stages: The finished stages.
        examples: A few records of each record set, by the title of its stage.
        planned: The recipe's plan (`berth plan --json`); empty if there is none.
    """

    recipe: Recipe
    stages: Sequence[FinishedStage]
    examples: Mapping[str, Sequence[Record]]
    planned: Mapping[str, Any] = field(default_factory=dict)

    def of_kind(self, *kinds: str) -> list[FinishedStage]:
        """The stages with one of these names."""
        return [stage for stage in self.stages if stage.kind in kinds]

    @property
    def training(self) -> FinishedStage | None:
        """The training stage; of several slices the last one, whose files cover all of them. None if there is none."""
        return next(reversed(self.of_kind("train")), None)

    def having(self, name: str) -> FinishedStage | None:
        """The first stage whose output contains a file of this name; None if there is none."""
        return next((stage for stage in self.stages if stage.has(name)), None)
