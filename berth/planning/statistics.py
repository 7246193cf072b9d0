"""What is known of a recipe's records: measured in a workspace, or given in the recipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from berth.planning import sizes
from berth.recipe import LengthShare, Recipe, RecordSet
from berth.stage import run_index as runs
from berth.stage.manifest import Manifest


@dataclass(frozen=True)
class RecordStatistics:
    """One record set.

    Args:
        per_pass: Records that one pass over the text gives; None where it is not known.
        records: Records in its files: those of all duplicates.
        tokens_per_record: Mean number of real tokens; None where it is not known.
        bytes_per_record: As measured, as expected for the lengths of the records or, if these are not known, at most.
        shards: Number of its files; None where it is not known.
        files: Records and expected bytes of single files.
        is_measured: Whether the figures are those of files that exist.
    """

    per_pass: float | None
    records: float | None
    tokens_per_record: float | None
    bytes_per_record: float
    shards: int | None
    files: dict[str, tuple[int, float]]
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
    shards = [file for file in manifest.files if file.records is not None]
    records = sum(file.records or 0 for file in shards)
    size = sum(file.size for file in shards)
    options, counters = recipe.records[name], manifest.counters
    # The padding and the instances are counted together.
    padding = counters["padding"] / counters["instances"] if counters.get("instances") else None
    return RecordStatistics(
        records / options.dupe_factor,
        records,
        options.max_seq_length - padding if padding is not None else None,
        size / max(records, 1),
        len(shards),
        {},
        True,
    )


def _given(recipe: Recipe, name: str, vocab_size: int) -> RecordStatistics:
    options, known = recipe.records[name], recipe.statistics
    per_pass, lengths = known.records_per_pass.get(name), known.lengths.get(name, [])
    files = {
        file: (figures.records, figures.records * _bytes(recipe, options, vocab_size, figures.lengths or lengths))
        for file, figures in known.files.get(name, {}).items()
    }
    return RecordStatistics(
        per_pass,
        per_pass * options.dupe_factor if per_pass is not None else None,
        sizes.mean_tokens(lengths) if lengths else None,
        _bytes(recipe, options, vocab_size, lengths),
        recipe.segmentation.shards if recipe.corpus.prepared is None and not recipe.segmentation.shard_lines else None,
        files,
        False,
    )


def _bytes(recipe: Recipe, options: RecordSet, vocab_size: int, lengths: Sequence[LengthShare]) -> float:
    """Bytes of a record: expected for a distribution of lengths, at most if there is none."""
    if not lengths:
        return sizes.largest_record_bytes(options, vocab_size)
    one_byte = sizes.CHARACTERS if recipe.vocabulary.path is None else 0.0
    return sizes.mean_record_bytes(options, vocab_size, lengths, one_byte)


def vocabulary_size(recipe: Recipe, workspace: str | None) -> int:
    """Entries of the vocabulary: counted in the workspace, or as the recipe says (`vocabulary.size`)."""
    if workspace is not None:
        directories = runs.data(workspace, recipe)
        manifest = Manifest.read(directories[runs.VOCABULARY])
        return sum(file.records or 0 for file in manifest.files)
    return recipe.vocabulary.size
