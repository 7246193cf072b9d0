"""What the report is made of: the finished stages of a run, read through their manifests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from berth import storage
from berth.formats import results
from berth.formats.records import Record
from berth.recipe import Recipe
from berth.stage.manifest import Manifest


@dataclass(frozen=True)
class Finished:
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
        """What it counted."""
        return self.manifest.counters

    @property
    def records(self) -> int | None:
        """Records in all its files together; None where they are not counted."""
        counted = [file.records for file in self.manifest.files if file.records is not None]
        return sum(counted) if counted else None

    @property
    def size(self) -> int:
        """Bytes in all its files together."""
        return sum(file.size for file in self.manifest.files)

    def has(self, name: str) -> bool:
        """Whether it made this file."""
        return any(file.path == name for file in self.manifest.files)

    def json(self, name: str) -> Any:
        """The content of a JSON file that it made. Raises BerthError if it is not JSON."""
        return results.read_json(storage.join(self.directory, name))

    def json_lines(self, name: str) -> list[Any]:
        """The content of a file with one JSON value a line. Raises BerthError if a line is not."""
        return results.read_lines(storage.join(self.directory, name))


@dataclass(frozen=True)
class Run:
    """A recipe, the stages that were run for it in order of the flow, and some of its records in readable form.

    Args:
        recipe: The resolved recipe.
        stages: The finished stages.
        examples: A few records of each record set, by the title of its stage.
    """

    recipe: Recipe
    stages: Sequence[Finished]
    examples: Mapping[str, Sequence[Record]]

    def of_kind(self, *kinds: str) -> list[Finished]:
        """The stages with one of these names."""
        return [stage for stage in self.stages if stage.kind in kinds]

    @property
    def training(self) -> Finished | None:
        """The training: of one in segments the last, whose files tell of all of it. None where there was none."""
        return next(reversed(self.of_kind("train")), None)

    def having(self, name: str) -> Finished | None:
        """The first stage that made a file of this name."""
        return next((stage for stage in self.stages if stage.has(name)), None)
