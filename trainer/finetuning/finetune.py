"""The stage `finetune`: fine-tune a pre-trained model on a task, measure it, and export it for serving."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from berth.errors import BerthError, UsageError
from berth.recipe import FineTuning
from berth.stage import Destination, Result, Stage, run
from berth.stage.inputs import Inputs
from berth.stage.output import Output
from trainer import models
from trainer.checkpoints.checkpoint import Checkpoint, step_of
from trainer.finetuning import tasks
from trainer.finetuning.lower_case import lower_case_of
from trainer.finetuning.task import Task
from trainer.models import Configuration

VERSION = 2


def finetune(
    *, options: FineTuning, model: str, seed: int, lower_case: bool | None = None, destination: Destination
) -> Result:
    """Fine-tune a model on a task.

    The figures and the exported model are those after the last epoch.

    Args:
        options: The task, its data, epochs, batch size and learning rate. `every_steps` does not matter here.
        model: The output of `berth train`, finished or not (its newest checkpoint), one of its checkpoint files, or
            any other initial checkpoint (`Checkpoint.find`), with its configuration and vocabulary next to it.
        seed: Seed of the order of the examples, of dropout and of the first weights of the new layer.
        lower_case: Whether the model's vocabulary is for lower-cased text; None to ask the files next to the model.
        destination: Where the output goes. finetuning.json: counts, and the metrics on each held-out set after each
            epoch; metrics.jsonl: loss, learning rate and gradient norm; predictions-SET.tsv: line of the file, correct
            label, predicted label; savedmodel/: takes raw text; classifier.safetensors (the variables),
            bert_config.json, vocab.txt and, unless the task's labels are scores, labels.txt.

    Raises:
        UsageError: if the task's files do not exist, or the model cannot take its examples.
        BerthError: if there is no checkpoint, or the data is invalid (names file and line).
    """
    from trainer.evaluation.model import description_files

    task = tasks.task_of(options)
    data = task.find_files(options.data)
    checkpoint = Checkpoint.find(model)
    # A training run that continues may write a newer checkpoint meanwhile: this one is fine-tuned.
    uri = checkpoint.uri
    config, vocabulary = description_files(uri)
    is_lower_case = lower_case_of(uri, lower_case)
    parameters = options.identity(exclude={"data", "every_steps"})
    inputs = {
        "model": Inputs.at(*sorted({*checkpoint.files.uris, config})),
        "vocabulary": Inputs.at(vocabulary),
        "data": data,
    }
    stage = Stage("finetune", VERSION, {**parameters, "lower_case": is_lower_case}, inputs, seed=seed)
    return run(stage, destination, lambda output: _work(options, task, data, uri, is_lower_case, seed, output))


def _work(options: FineTuning, task: Task, data: Inputs, uri: str, lower_case: bool, seed: int, output: Output) -> None:
    from trainer.checkpoints import initial_weights as weights
    from trainer.engines import loading_tensorflow
    from trainer.evaluation.model import read_description

    config, tokens = read_description(uri)
    architecture = models.get(config.architecture)
    _check_model(options, task, config)
    dataset = task.read(data)
    with loading_tensorflow():
        from trainer.finetuning import loop, results, savedmodel
        from trainer.finetuning.engine import ClassifierEngine
        from trainer.serving.graph_tokenizer import GraphTokenizer

    sets = [dataset.train, *dataset.held_out]
    encoded = task.encode(GraphTokenizer(tokens, lower_case=lower_case), sets, options.max_seq_length)
    engine = ClassifierEngine(config, dataset.head)
    engine.assign(weights.initial(engine.shapes, seed, config.initializer_range))
    encoder = {name: shape for name, shape in engine.shapes.items() if name.startswith(architecture.names.encoder)}
    arrays = weights.load(uri, encoder, architecture, seed, config.initializer_range, layers=config.num_hidden_layers)
    _check_finite(uri, arrays)
    engine.assign(arrays)
    held_out = dict(zip((each.name for each in dataset.held_out), encoded[1:], strict=True))
    outcome = loop.train(engine, task, dataset.head, options, encoded[0], held_out, seed)
    results.write(output, task, dataset, encoded, outcome, step=step_of(uri))
    results.write_model(output, engine.arrays(), config, dataset.head.labels, tokens)
    savedmodel.save(output, task.is_pair, lower_case, options.max_seq_length)


def _check_finite(uri: str, arrays: Mapping[str, np.ndarray]) -> None:
    """Raise BerthError for a checkpoint with weights that are NaN or infinite."""
    if broken := sorted(name for name, array in arrays.items() if not np.isfinite(array).all()):
        raise BerthError(
            "the checkpoint has weights that are NaN or infinite",
            where=uri,
            found=f"{len(broken)} such variables, the first is {broken[0]}",
            fix="Fine-tune an earlier checkpoint: training diverged before this one.",
        )


def _check_model(options: FineTuning, task: Task, config: Configuration) -> None:
    """Raise UsageError if the model cannot take the task's examples."""
    if options.max_seq_length > config.max_position_embeddings:
        raise UsageError(
            "max_seq_length is longer than the model's positions",
            where="--max-seq-length",
            found=str(options.max_seq_length),
            expected=f"at most {config.max_position_embeddings}, the model's max_position_embeddings",
        )
    if task.is_pair and config.type_vocab_size < 2:
        raise UsageError(
            f"the examples of {task.name} are pairs of texts, but the model has one segment only",
            where="bert_config.json, type_vocab_size",
            found=str(config.type_vocab_size),
            expected="2",
            fix="Fine-tune a model with two segments.",
        )
