"""Commands of the model side: train, evaluate, export."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from berth import storage
from berth.commands import options
from berth.errors import UsageError
from berth.inputs import Inputs
from berth.stage import Directory

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
    set_: options.Set = [],  # noqa: B006  typer's way of an empty list
) -> None:
    """Train a recipe's model on its record sets; continues where it was interrupted."""
    from berth import recipe_file
    from berth.lineage import inputs_of
    from trainer.train import train

    loaded = recipe_file.load(recipe, set_)
    sets = {}
    for argument in records:
        name, separator, directory = argument.partition("=")
        if not separator:
            raise UsageError("a record set has no name", where=f"--records {argument}", expected="--records NAME=DIR")
        sets[name] = Inputs.of(directory.rstrip("/") + "/*.tfrecord*")
    vocabulary = Inputs.of(vocab) if vocab else inputs_of(next(iter(sets.values())).uri, "vocabulary")
    result = train(recipe=loaded, records=sets, vocabulary=vocabulary, place=Directory(output))
    typer.echo(result.uri)


def evaluate(
    checkpoint: Checkpoint,
    records: Annotated[str, typer.Option("--records", metavar="DIR", help="Directory that `berth evalset` made.")],
    output: Annotated[
        str,
        typer.Option("--output", metavar="DIR", help="Output directory; default: `evaluation` in the checkpoint's."),
    ] = "",
    batch_size: Annotated[int, typer.Option(min=1, help="Records evaluated at once.")] = 64,
) -> None:
    """Measure a trained model on held-out records, beside the best constant guess."""
    from trainer.evaluate import evaluate

    result = evaluate(
        model=Inputs.of(checkpoint),
        records=Inputs.of(records.rstrip("/") + "/*.tfrecord*"),
        batch_size=batch_size,
        place=Directory(output or checkpoint.rstrip("/") + "-evaluation"),
    )
    figures = json.loads(storage.read_bytes(storage.join(result.uri, "evaluation.json")))
    typer.echo(json.dumps(figures, indent=2, ensure_ascii=False))


def export(
    checkpoint: Checkpoint,
    output: options.Output,
    format_: Annotated[
        str, typer.Option("--format", metavar="huggingface|savedmodel", help="Format of the export.")
    ] = "huggingface",
) -> None:
    """Write a trained model for other libraries."""
    from trainer.export import export

    typer.echo(export(model=Inputs.of(checkpoint), format=format_, place=Directory(output)).uri)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for command in (train, evaluate, export):
        app.command()(command)
