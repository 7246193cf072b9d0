"""The stage `train`: from masked records to a model, phase by phase."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from berth import storage
from berth.errors import BerthError, UsageError
from berth.inputs import Inputs
from berth.manifest import NAME as MANIFEST
from berth.manifest import Manifest
from berth.output import Output
from berth.recipe import Recipe
from berth.stage import Place, Result, Stage, run
from trainer.hosts import process_number

VERSION = 1
# How long the other processes wait for the first one to hash and list its files.
SECONDS_FOR_MANIFEST = 600


def train(*, recipe: Recipe, records: Mapping[str, Inputs], vocabulary: Inputs, place: Place) -> Result:
    """Train a model as the recipe's phases say.

    Args:
        recipe: Its seed, model, optimizer, training and initial checkpoint matter, nothing else.
        records: TFRecord files by the name of the record set; those of all phases.
        vocabulary: vocab.txt.
        place: Where the output goes: checkpoint-*.safetensors (the newest is the result), bert_config.json, vocab.txt,
            metrics.jsonl, training.json.

    Raises:
        UsageError: if a phase's record set is not given, or was made with another vocabulary.
        loop.InterruptedTrainingError: after SIGTERM, when the checkpoint is saved.
        BerthError: for damaged records, a checkpoint of another model, a loss that is not a number.
    """
    needed = sorted({phase.records for phase in recipe.training.phases})
    inputs = {"vocabulary": vocabulary}
    for name in needed:
        if name not in records:
            raise UsageError(
                "the records of a phase are not given",
                where=f"--records {name}=DIR",
                found=", ".join(sorted(records)) or "none",
                expected=", ".join(needed),
            )
        _check_vocabulary(name, records[name], vocabulary)
        inputs[f"records_{name}"] = records[name]
    if recipe.initial_checkpoint is not None:
        from trainer import weights

        inputs["initial_checkpoint"] = weights.files_of(recipe.initial_checkpoint)
    parameters = {
        "model": recipe.model.model_dump(mode="json"),
        "optimizer": recipe.optimizer.model_dump(mode="json"),
        "training": recipe.training.model_dump(mode="json"),
        "objectives": {name: recipe.records[name].objective for name in needed},
        "lower_case": recipe.vocabulary.lower_case,
    }
    stage = Stage("train", VERSION, parameters, inputs, seed=recipe.seed)

    def work(output: Output) -> None:
        from trainer import loop  # TensorFlow is needed for work only, not to find that there is none to do

        loop.work(recipe, records, vocabulary, output)

    return run(stage, place, work) if process_number() == 0 else _compute_along(stage, place, work)


def _compute_along(stage: Stage, place: Place, work: Callable[[Output], None]) -> Result:
    """What all processes but the first do: the same steps, without writing. The manifest is the first one's."""
    uri = place.directory(stage)
    was_finished = _is_finished(stage, uri)
    if not was_finished:
        work(Output(uri))
    deadline = time.monotonic() + SECONDS_FOR_MANIFEST
    while not _is_finished(stage, uri):
        if time.monotonic() > deadline:
            raise BerthError("the first process of the training wrote no manifest", where=uri)
        time.sleep(0.5)
    return Result(uri, Manifest.read(uri), was_up_to_date=was_finished)


def _is_finished(stage: Stage, uri: str) -> bool:
    return storage.exists(storage.join(uri, MANIFEST)) and Manifest.read(uri).digest == stage.digest


def _check_vocabulary(name: str, records: Inputs, vocabulary: Inputs) -> None:
    """Ids made with another vocabulary mean other words: nothing else would notice."""
    if not records.is_stage:
        return
    used = Manifest.read(records.uri).inputs.get("vocabulary")
    if used is not None and used.digest != vocabulary.digest:
        raise UsageError(
            f"the records {name!r} were made with another vocabulary",
            where=records.uri,
            found=f"vocabulary digest {used.digest[:12]}",
            expected=f"{vocabulary.digest[:12]}, that of {vocabulary.uri}",
            fix="Make the records again with this vocabulary, or train with theirs.",
        )
