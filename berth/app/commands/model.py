"""Commands of the model side: train, evaluate, export."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from berth import storage
from berth.app.commands import options
from berth.errors import UsageError
from berth.formats.records import PATTERN
from berth.formats.results import EVALUATIONS, read_evaluation, read_lines
from berth.stage import Directory
from berth.stage.inputs import Inputs

Checkpoint = Annotated[
    str, typer.Option("--checkpoint", metavar="DIR", help="Directory that `berth train` made; its newest checkpoint.")
]


def train(
    recipe: options.RecipeName,
    records: Annotated[
        list[str], typer.Option("--records", metavar="NAME=DIR", help="Directory of each record set of the recipe.")
    ],
    output: options.Output,
    vocab: Annotated[
        str, typer.Option("--vocab", metavar="FILE", help="Vocabulary; default: the one the records were made with.")
    ] = "",
    evaluation: Annotated[
        str,
        typer.Option(
            "--evaluation",
            metavar="DIR",
            help="Directory that `berth evalset` made, if the recipe evaluates during training.",
        ),
    ] = "",
    scale: options.Scale = "",
    set_: options.Set = [],  # noqa: B006  typer's way of an empty list
) -> None:
    """Train a recipe's model on its record sets; continues where it was interrupted."""
    from berth.recipe import file as recipe_file
    from berth.stage.lineage import inputs_of
    from trainer.loop.train import train

    loaded = recipe_file.load(recipe, set_, scale)
    sets = {}
    for argument in records:
        name, separator, directory = argument.partition("=")
        if not separator:
            raise UsageError("a record set has no name", where=f"--records {argument}", expected="--records NAME=DIR")
        sets[name] = Inputs.of(f"{directory.rstrip('/')}/{PATTERN}")
    vocabulary = Inputs.of(vocab) if vocab else inputs_of(next(iter(sets.values())).uri, "vocabulary")
    held_out = Inputs.of(f"{evaluation.rstrip('/')}/{PATTERN}") if evaluation else None
    result = train(
        recipe=loaded, records=sets, vocabulary=vocabulary, evaluation=held_out, destination=Directory(output)
    )
    typer.echo(result.uri)


def evaluate(
    checkpoint: options.AnyCheckpoint,
    records: Annotated[str, typer.Option("--records", metavar="DIR", help="Directory that `berth evalset` made.")],
    output: Annotated[
        str, typer.Option("--output", metavar="DIR", help="Output directory; default: beside that of the checkpoint.")
    ] = "",
    every: Annotated[bool, typer.Option("--all", help="Every checkpoint of the directory: a table.")] = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="Every checkpoint as a training that still runs writes it, until it ends.")
    ] = False,
    engine: Annotated[str, typer.Option("--engine", metavar="tensorflow|jax", help="What computes.")] = "tensorflow",
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Records evaluated at once.")] = 64,
) -> None:
    """Measure a trained model on held-out records, beside the best constant guess."""
    from trainer.checkpoints import checkpoint as checkpoints
    from trainer.evaluation import evaluate, history
    from trainer.evaluation import follow as following

    if every and follow:
        raise UsageError("give only one of --all and --follow", where="berth evaluate")
    directory = checkpoint.rstrip("/")
    step = checkpoints.step_of(directory)
    if step is not None and (every or follow):
        raise UsageError(
            "the directory of a training is needed here", where=f"--checkpoint {checkpoint}", found="one checkpoint"
        )
    held_out = Inputs.of(f"{records.rstrip('/')}/{PATTERN}")
    if follow:
        lines = following.follow(
            directory=directory,
            records=held_out,
            batch_size=batch_size,
            engine=engine,
            output=output or f"{directory}-followed",
        )
        typer.echo(history.table(lines))
        return
    default = f"{directory}-evaluations" if every else f"{directory}-evaluation"
    if step is not None:
        default = f"{storage.parent(directory) or '.'}-evaluation-{step:08d}"
    target = Directory(output or default)
    if step is not None or every or checkpoints.list_steps(directory):
        result = evaluate.evaluate(
            model=checkpoints.of_training(directory, every),
            records=held_out,
            batch_size=batch_size,
            engine=engine,
            checkpoints="all" if every else "newest",
            destination=target,
        )
    else:
        result = evaluate.evaluate_other(
            uri=directory, records=held_out, batch_size=batch_size, engine=engine, destination=target
        )
    if every:
        typer.echo(history.table(read_lines(storage.join(result.uri, EVALUATIONS))))
        return
    figures = read_evaluation(result.uri)
    typer.echo(json.dumps(figures, indent=2, ensure_ascii=False))


def export(
    checkpoint: Checkpoint,
    output: options.Output,
    format_: Annotated[
        str, typer.Option("--format", metavar="huggingface|savedmodel|encoder", help="Format of the export.")
    ] = "huggingface",
) -> None:
    """Write a trained model for other libraries."""
    from trainer.serving.export import export

    typer.echo(export(model=Inputs.of(checkpoint), format=format_, destination=Directory(output)).uri)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for command in (train, evaluate, export):
        app.command()(command)
