"""Whether records were made as a recipe says, by the manifest of the stage that made them."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import Any

from berth import storage
from berth.errors import UsageError
from berth.recipe import Recipe, RecordSet
from berth.stage import lineage
from berth.stage.inputs import Inputs
from berth.stage.manifest import NAME as MANIFEST
from berth.stage.manifest import Manifest

log = logging.getLogger("berth.train")

STAGE = "records"
# What a model learns from the records. The other options change how many there are, and which.
DECISIVE = ("max_seq_length", "max_predictions", "masked_lm_prob", "whole_word_mask", "span_masking", "objective")
OTHERS = ("short_seq_prob", "dupe_factor", "rng")


def manifest_of(records: Inputs) -> Manifest | None:
    """The manifest of the stage that made records, also where another stage only picked some of them.

    None for records that no finished stage made.
    """
    return _manifest(records.uri) if records.is_stage else None


def check_records(name: str, records: Inputs, recipe: Recipe) -> None:
    """Check that a record set was made as the recipe says: no shape shows masking or case.

    What cannot be known, or only changes which records there are, is a warning.

    Args:
        name: The record set's name in the recipe.
        records: Its files.
        recipe: The recipe.

    Raises:
        UsageError: for other lengths, masking, objective or case.
    """
    manifest = manifest_of(records)
    if manifest is None or manifest.stage != STAGE:
        log.warning(
            "the records %r have no manifest of `berth records` (%s): whether their vocabulary, case, masking and seed "
            "are those of the recipe is not known",
            name,
            records.uri,
        )
        return
    wanted = _options(recipe, name)
    for key in (*DECISIVE, "lower_case"):
        if (found := manifest.parameters.get(key, _default(key))) != wanted[key]:
            raise UsageError(
                f"the records {name!r} were not made as the recipe says",
                where=records.uri,
                found=f"{key}: {json.dumps(found)}",
                expected=f"{key}: {json.dumps(wanted[key])}",
                fix=_advice(manifest, name, recipe),
            )
    others = {key: (manifest.parameters.get(key, _default(key)), wanted[key]) for key in OTHERS}
    others["seed"] = (manifest.seed, recipe.seed)
    if different := [f"{key} {found}, not {given}" for key, (found, given) in others.items() if found != given]:
        log.warning("the records %r were not made as the recipe says: %s", name, "; ".join(different))


def check_case(name: str, records: Inputs, lower_case: bool) -> None:
    """Check that the text of records was lower-cased, or not, as that of the model.

    Raises:
        UsageError: if their manifest says otherwise.
    """
    manifest = manifest_of(records)
    if manifest is None or manifest.stage != STAGE:
        return
    if (found := manifest.parameters.get("lower_case")) not in (None, lower_case):
        raise UsageError(
            f"the records {name!r} are {'lower-cased' if found else 'cased'}, the model is for the other",
            where=records.uri,
            found=f"lower_case: {json.dumps(found)}",
            expected=f"lower_case: {json.dumps(lower_case)}",
            fix="Make the records again with --lower-case or --cased.",
        )


def check_training_text(training: Inputs, held_out: Inputs) -> None:
    """Check that training records are not of the held-out text: whatever is counted there would be known beforehand.

    Args:
        training: Training records.
        held_out: Records of the held-out text.

    Raises:
        UsageError: if they are the same files, or their manifests name the same text.
    """
    manifests = [manifest_of(each) for each in (training, held_out)]
    texts = [each.inputs["text"].digest for each in manifests if each is not None and "text" in each.inputs]
    if training.digest == held_out.digest or (len(texts) == 2 and texts[0] == texts[1]):
        raise UsageError(
            "the training records are of the held-out text",
            where=training.uri,
            expected="records of the text that the model was trained on",
            fix="Name the output of `berth records` for the training text.",
        )


def _manifest(directory: str) -> Manifest | None:
    manifest = Manifest.read(directory)
    given = manifest.inputs.get(STAGE)
    if manifest.stage == STAGE or given is None:
        return manifest
    origin = lineage.origin_uri(given, directory)
    is_there = given.stage and storage.exists(storage.join(origin, MANIFEST))
    return _manifest(origin) if is_there else None


def _options(recipe: Recipe, name: str) -> dict[str, Any]:
    return {**recipe.records[name].model_dump(), "lower_case": recipe.vocabulary.lower_case}


def _default(key: str) -> Any:
    """A manifest omits parameters that equal their default."""
    return RecordSet.default(key) if key in RecordSet.model_fields else None


def _advice(manifest: Manifest, name: str, recipe: Recipe) -> str:
    """What to do; whether these are the records of another set of the recipe."""
    for other in recipe.records:
        wanted: Mapping[str, Any] = _options(recipe, other)
        keys = (*DECISIVE, "lower_case")
        if other != name and all(manifest.parameters.get(key, _default(key)) == wanted[key] for key in keys):
            return f"These are the records {other!r} of the recipe: exchange the directories."
    return "Name the directory of the right records, or make them again with `berth records`, or correct the recipe."
