"""The stage `finetune`: a trained model learns a task, is measured on it, and is exported to serve it."""

from __future__ import annotations

from berth.errors import UsageError
from berth.recipe import FineTuning
from berth.stage import Destination, Result, Stage, run
from berth.stage.inputs import Inputs
from berth.stage.output import Output
from trainer import models
from trainer.checkpoints.checkpoint import Checkpoint, step_of
from trainer.finetuning import tasks
from trainer.finetuning.lower_case import lower_case_of
from trainer.finetuning.tasks import Task
from trainer.models import Configuration

VERSION = 2


def finetune(
    *, options: FineTuning, model: str, seed: int, lower_case: bool | None = None, destination: Destination
) -> Result:
    """Fine-tune a model on a task.

    The figures and the exported model are those after the last epoch.

    Args:
        options: The task, its data, and how it is learnt. How often it is to be done does not matter here.
        model: The output of `berth train`, finished or not (its newest checkpoint), one of its checkpoint files, or
            anything else a training can start from (`Checkpoint.find`), with its configuration and vocabulary beside.
        seed: Of the order of the examples, of dropout and of the first weights of the new layer.
        lower_case: Whether the model's vocabulary is for lower-cased text; None where files beside the model tell it.
        destination: Where the output goes. finetuning.json: counts, and the metrics on each held-out set after each
            epoch; metrics.jsonl: loss, learning rate and gradient norm while it learnt; predictions-SET.tsv: line of
            the file, right label, predicted label; savedmodel/: takes raw text; classifier.safetensors (the variables),
            bert_config.json, vocab.txt and, unless the task's labels are scores, labels.txt.

    Raises:
        UsageError: if the data's files are not there, or the model cannot take the task's examples.
        BerthError: if there is no checkpoint, or the data are not as the task has them; names file and line.
    """
    from trainer.evaluation.model import description

    task = tasks.task_of(options)
    data = tasks.files_of(task, options.data)
    checkpoint = Checkpoint.find(model)
    # A training that goes on may have a newer checkpoint in a moment: this one is meant.
    uri = checkpoint.uri
    config, vocabulary = description(uri)
    is_lower_case = lower_case_of(uri, lower_case)
    how = options.identity(exclude={"data", "every_steps"})
    inputs = {
        "model": Inputs.of(*sorted({*checkpoint.files.uris, config})),
        "vocabulary": Inputs.of(vocabulary),
        "data": data,
    }
    stage = Stage("finetune", VERSION, {**how, "lower_case": is_lower_case}, inputs, seed=seed)
    return run(stage, destination, lambda output: _work(options, task, data, uri, is_lower_case, seed, output))


def _work(options: FineTuning, task: Task, data: Inputs, uri: str, lower_case: bool, seed: int, output: Output) -> None:
    from trainer.checkpoints import initial_weights as weights
    from trainer.engines import quiet
    from trainer.evaluation.model import read_description
    from trainer.finetuning import task_examples as examples

    config, tokens = read_description(uri)
    architecture = models.get(config.architecture)
    _check_room(options, task, config)
    dataset = examples.read(task, data)
    with quiet():
        from trainer.finetuning import encoding, results, training
        from trainer.finetuning.engine import ClassifierEngine
        from trainer.serving import classifier as serving
        from trainer.serving.graph_tokenizer import GraphTokenizer

    sets = [dataset.train, *dataset.held_out]
    encoded = encoding.encode(GraphTokenizer(tokens, lower_case=lower_case), sets, options.max_seq_length)
    engine = ClassifierEngine(config, labels=len(dataset.labels))
    engine.assign(weights.initial(engine.shapes, seed, config.initializer_range))
    encoder = {name: shape for name, shape in engine.shapes.items() if name.startswith(architecture.names.encoder)}
    engine.assign(weights.load(uri, encoder, architecture, seed, config.initializer_range))
    held_out = dict(zip((each.name for each in dataset.held_out), encoded[1:], strict=True))
    outcome = training.train(engine, task, options, encoded[0], held_out, seed)
    results.write(output, task, dataset, encoded, outcome, step=step_of(uri))
    results.write_model(output, engine.arrays(), config, dataset.labels, tokens)
    serving.save(output, task.is_pair, lower_case, options.max_seq_length)


def _check_room(options: FineTuning, task: Task, config: Configuration) -> None:
    """Whether the model can take the examples. Raises UsageError if not."""
    if options.max_seq_length > config.max_position_embeddings:
        raise UsageError(
            "the texts may be longer than the model can take",
            where="--max-seq-length",
            found=str(options.max_seq_length),
            expected=f"at most {config.max_position_embeddings}, the model's max_position_embeddings",
        )
    if task.is_pair and config.type_vocab_size < 2:
        raise UsageError(
            f"the examples of {task.name} are pairs of texts, but the model knows one segment only",
            where="bert_config.json, type_vocab_size",
            found=str(config.type_vocab_size),
            expected="2",
        )
