"""The stage `train`: from masked records to a model, phase by phase."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping

from berth import storage
from berth.errors import BerthError, UsageError
from berth.recipe import Recipe
from berth.stage import Destination, Identity, Result, Stage, Workspace, run
from berth.stage.inputs import Inputs
from berth.stage.manifest import NAME as MANIFEST
from berth.stage.manifest import Manifest
from berth.stage.output import Output
from berth.stage.run_index import HOW
from trainer.data.provenance import check_case, check_records
from trainer.data.vocabulary import check_vocabulary
from trainer.loop import continuation
from trainer.loop.hosts import process_number
from trainer.loop.slice import Slice

log = logging.getLogger("berth.train")

VERSION = 6
# How long the other processes wait until process 0 has hashed its files and written the manifest.
SECONDS_FOR_MANIFEST = 600


def train(
    *,
    recipe: Recipe,
    records: Mapping[str, Inputs],
    vocabulary: Inputs,
    evaluation: Inputs | None = None,
    until: int | None = None,
    before: Inputs | None = None,
    destination: Destination,
) -> Result:
    """Train a model as the recipe's phases say.

    Args:
        recipe: The recipe. Only its seed, model, optimizer, training and initial checkpoint matter and, if it asks for
            evaluations during training, how these are made.
        records: TFRecord files by the name of the record set; those of all phases.
        vocabulary: vocab.txt.
        evaluation: TFRecord files of the evaluation set; needed if the recipe asks for evaluations during training.
        until: The last update of this slice of the training run; None for the last of the recipe.
        before: Files of the slice before this one; None for the first.
        destination: Where the output goes: checkpoint-*.safetensors (the newest is the result), bert_config.json,
            vocab.txt, metrics.jsonl, training.json; with evaluations, evaluations.jsonl. Event files go into
            .tensorboard, which is not part of the result.

    Raises:
        UsageError: if records are missing or superfluous, or were made with another vocabulary, length, masking or
            case than the recipe's.
        loop.InterruptedTrainingError: after SIGTERM or Ctrl-C, when the checkpoint is saved.
        BerthError: for damaged records, a checkpoint of another model, a loss that is not finite.
    """
    training_slice = Slice.of(recipe, until, before)
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
        check_vocabulary(name, records[name], vocabulary)
        check_records(name, records[name], recipe)
        inputs[f"records_{name}"] = records[name]
    if (evaluation is not None) != recipe.evaluation.is_during_training:
        raise UsageError(
            "the recipe evaluates during training, but the evaluation set is not given"
            if evaluation is None
            else "an evaluation set is given, but the recipe does not evaluate during training",
            where="--evaluation DIR",
            fix="Set evaluation.every_samples or every_steps in the recipe, and give --evaluation; or neither.",
        )
    if evaluation is not None:
        check_vocabulary("evaluation", evaluation, vocabulary)
        check_case("evaluation", evaluation, recipe.vocabulary.lower_case)
        inputs["evaluation"] = evaluation
    if recipe.initial_checkpoint is not None:
        inputs |= _initial_inputs(recipe, recipe.initial_checkpoint)
    parameters = {
        "model": recipe.model.identity(),
        "optimizer": recipe.optimizer.identity(),
        "training": recipe.training.identity(exclude=HOW),
        "objectives": {name: recipe.records[name].objective for name in needed},
        "lower_case": recipe.vocabulary.lower_case,
    }
    if recipe.evaluation.is_during_training:
        keys = {"every_samples", "every_steps", "target", "batch_size"}
        parameters["evaluation"] = recipe.evaluation.identity(include=keys)
    if recipe.initial_checkpoint is not None:
        parameters["initialization"] = recipe.initialization.identity(exclude={"expected", "accuracy"})
    if until is not None:
        parameters["until"] = until
    inputs |= training_slice.inputs()

    def continues(there: Identity, directory: str) -> bool:
        return continuation.is_beginning(there, stage.identity, directory)

    stage = Stage("train", VERSION, parameters, inputs, seed=recipe.seed, continues=continues)

    def work(output: Output) -> None:
        from trainer.loop import loop  # imports TensorFlow: not before it is known that there is work to do

        if isinstance(destination, Workspace) and process_number() == 0:
            continuation.copy_beginning(stage.identity, destination, output)
        loop.run(recipe, records, vocabulary, evaluation, training_slice, output)

    return run(stage, destination, work) if process_number() == 0 else _run_without_writing(stage, destination, work)


def _initial_inputs(recipe: Recipe, uri: str) -> dict[str, Inputs]:
    from trainer.checkpoints.checkpoint import Checkpoint

    checkpoint = Checkpoint.find(uri)
    _check_step(recipe.training.phases[0].first_step, checkpoint.named_step, checkpoint.uri)
    inputs = {"initial_checkpoint": checkpoint.files}
    vocabulary = checkpoint.vocabulary
    if recipe.initialization.vocabulary == "by_token" and vocabulary is not None:
        inputs["initial_vocabulary"] = Inputs.at(vocabulary)
    return inputs


def _check_step(continued: int, named: int | None, uri: str) -> None:
    """Check that the checkpoint whose schedule the first phase continues is of the step at which it continues.

    Raises:
        UsageError: if its name says another step.
    """
    if not continued:
        return
    if named is None:
        log.warning("%s does not say its step; the schedule continues at step %s", uri, f"{continued:,}")
    elif named != continued:
        raise UsageError(
            "the schedule continues from a checkpoint of another step",
            where=f"initial_checkpoint {uri}",
            found=f"step {named:,}",
            expected=f"step {continued:,}, the first phase's schedule.from_step",
        )


def _run_without_writing(stage: Stage, destination: Destination, work: Callable[[Output], None]) -> Result:
    """The stage in every process but process 0: the same steps, without output. Process 0 writes the manifest."""
    uri = destination.directory(stage)
    was_finished = _is_finished(stage, uri)
    if not was_finished:
        work(Output(uri))
    deadline = time.monotonic() + SECONDS_FOR_MANIFEST
    while not _is_finished(stage, uri):
        if time.monotonic() > deadline:
            raise BerthError(
                f"process 0 of the training run wrote no manifest within {SECONDS_FOR_MANIFEST} s",
                where=uri,
                fix="Look into the log of process 0 for its error, and start all processes again.",
            )
        time.sleep(0.5)
    return Result(uri, Manifest.read(uri), was_up_to_date=was_finished)


def _is_finished(stage: Stage, uri: str) -> bool:
    return storage.exists(storage.join(uri, MANIFEST)) and Manifest.read(uri).digest == stage.digest
