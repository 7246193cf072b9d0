"""What is known of a recipe's records: measured in a workspace, or given in the recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from berth.planning import sizes
from berth.recipe import Recipe
from berth.stage import run_index as runs
from berth.stage.manifest import Manifest


@dataclass(frozen=True)
class RecordStatistics:
    """One record set.

    Args:
        per_pass: Records that one pass over the text gives; None where it is not known.
        records: Records in its files: those of all duplicates.
        bytes_per_record: As measured, or at most.
        is_measured: Whether the figures are those of files that exist.
    """

    per_pass: float | None
    records: float | None
    bytes_per_record: float
    is_measured: bool


def statistics(recipe: Recipe, vocab_size: int, workspace: str | None) -> dict[str, RecordStatistics]:
    """What is known of each record set, by name.

    Args:
        recipe: The recipe; its `statistics` section is used if no workspace is given.
        vocab_size: Entries of the vocabulary.
        workspace: Where `berth run --until data` wrote the recipe's records; None to use the recipe's figures.

    Raises:
        UsageError: if the workspace holds no data of this recipe.
    """
    if workspace is not None:
        directories = runs.data(workspace, recipe)
        return {name: _measured(recipe, name, directories) for name in recipe.records}
    return {name: _given(recipe, name, vocab_size) for name in recipe.records}


def _measured(recipe: Recipe, name: str, directories: Mapping[str, str]) -> RecordStatistics:
    manifest = Manifest.read(directories[runs.RECORDS + name])
    records = sum(file.records or 0 for file in manifest.files)
    size = sum(file.size for file in manifest.files)
    return RecordStatistics(records / recipe.records[name].dupe_factor, records, size / max(records, 1), True)


def _given(recipe: Recipe, name: str, vocab_size: int) -> RecordStatistics:
    options = recipe.records[name]
    per_pass = recipe.statistics.records_per_pass.get(name)
    records = per_pass * options.dupe_factor if per_pass is not None else None
    return RecordStatistics(per_pass, records, sizes.record_bytes(options, vocab_size), False)


def vocabulary_size(recipe: Recipe, workspace: str | None) -> int:
    """Entries of the vocabulary: counted in the workspace, or as the recipe says (`vocabulary.size`)."""
    if workspace is not None:
        directories = runs.data(workspace, recipe)
        manifest = Manifest.read(directories[runs.VOCABULARY])
        return sum(file.records or 0 for file in manifest.files)
    return recipe.vocabulary.size
